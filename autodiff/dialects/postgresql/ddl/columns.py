"""ALTER COLUMN, in an order that PostgreSQL takes.

https://www.postgresql.org/docs/current/sql-altertable.html
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from autodiff.dialects.postgresql.ddl.casts import cast
from autodiff.dialects.postgresql.ddl.sequences import all_options, first_value, kept_in_range
from autodiff.dialects.postgresql.types import split_collation, type_family
from autodiff.errors import PlanError
from autodiff.schema.objects import ColumnType, Computed, Identity, Name
from autodiff.schema.operations import AlterColumn
from autodiff.schema.sqltext import quote_literal

if TYPE_CHECKING:
    from autodiff.dialects.postgresql.ddl.statements import PostgreSQLDDL

__all__ = ["alter_column"]


def alter_column(ddl: PostgreSQLDDL, operation: AlterColumn) -> list[str]:
    """The statements that change what the operation says, and nothing else.

    What makes the column's values goes first and comes last: a column has a default, or is
    serial, an identity or computed, but never two of them.
    """
    patch = operation.after
    changes = _no_longer_generated(operation)
    statements = _alter(ddl, operation, changes)
    if patch.autoincrement is False:
        statements += _drop_serial(ddl, operation)
    changes = _type_and_default(ddl, operation)
    if "nullable" in patch.fields:
        changes.append("DROP NOT NULL" if patch.nullable else "SET NOT NULL")
    statements += _alter(ddl, operation, changes)
    if isinstance(patch.identity, Identity):
        statements += _identity(ddl, operation, patch.identity)
    if patch.autoincrement is True:
        statements += _serial(ddl, operation)
    if "comment" in patch.fields:
        comment = patch.comment if isinstance(patch.comment, str) else None
        statements += ddl.column_comment(operation.table, operation.name, comment)
    return statements


def _alter(ddl: PostgreSQLDDL, operation: AlterColumn, changes: list[str]) -> list[str]:
    head = f"ALTER TABLE {ddl.quote_name(operation.table)} ALTER COLUMN {ddl.quote(operation.name)}"
    return [f"{head} {change}" for change in changes]


def _no_longer_generated(operation: AlterColumn) -> list[str]:
    patch = operation.after
    if isinstance(patch.computed, Computed):
        raise PlanError(
            f"cannot change how column {operation.table}.{operation.name} is generated in place",
            hint="drop the column and add it again",
        )
    changes = ["DROP EXPRESSION"] if patch.computed is None else []
    return [*changes, "DROP IDENTITY"] if patch.identity is None else changes


# Types and defaults


def _type_and_default(ddl: PostgreSQLDDL, operation: AlterColumn) -> list[str]:
    """The default goes before the type changes and comes back after: it may not cast to it."""
    patch = operation.after
    if not isinstance(patch.type, ColumnType):
        return [_default_change(patch.default)] if "default" in patch.fields else []
    changes: list[str] = []
    if "default" in patch.fields and operation.before.default is not None:
        changes.append("DROP DEFAULT")
    using = operation.using or _using(ddl, operation, patch.type)
    changes.append(f"TYPE {patch.type.sql}" + (f" USING {using}" if using else ""))
    if isinstance(patch.default, str):
        changes.append(_default_change(patch.default))
    return changes


def _default_change(default: object) -> str:
    return f"SET DEFAULT {default}" if isinstance(default, str) else "DROP DEFAULT"


def _using(ddl: PostgreSQLDDL, operation: AlterColumn, new: ColumnType) -> str | None:
    """A cast, where PostgreSQL does not cast by itself.

    It is left out within a family, since an explicit cast cuts texts that are too long where
    the implicit one refuses them.
    """
    before = operation.before.type
    family = type_family(new.sql)
    if isinstance(before, ColumnType):
        if type_family(before.sql) == family and family is not None:
            return None
        if split_collation(before.sql)[0] == split_collation(new.sql)[0]:
            return None
    if family == "text" and "(" not in new.sql:
        return None
    column, bare = ddl.quote(operation.name), split_collation(new.sql)[0]
    if isinstance(before, ColumnType) and before.enum != new.enum and family is None:
        return f"{column}::text::{bare}"
    if family == "text":
        return f"{column}::text"
    return cast(column, before.sql if isinstance(before, ColumnType) else None, new.sql)


# Identities and serials


def _identity(ddl: PostgreSQLDDL, operation: AlterColumn, after: Identity) -> list[str]:
    before = operation.before.identity
    if not isinstance(before, Identity):
        added = _alter(ddl, operation, [f"ADD {ddl.identity_spec(after)}"])
        return [*added, _go_on(ddl, operation, after)]
    changes = []
    if before.always != after.always:
        changes.append(f"SET GENERATED {'ALWAYS' if after.always else 'BY DEFAULT'}")
    statements = _alter(ddl, operation, changes)
    if replace(before, always=after.always) != after:
        change = " ".join(f"SET {option}" for option in all_options(after))
        sequence = f"{_sequence_of(ddl, operation)}::regclass"
        head = _alter(ddl, operation, [change])[0]
        statements.append(kept_in_range(head, before, after, sequence))
    return statements


def _go_on(ddl: PostgreSQLDDL, operation: AlterColumn, source: Identity) -> str:
    """The sequence goes on behind the values that the column has, if it has any."""
    down = (source.increment or 1) < 0
    last = f"{'min' if down else 'max'}({ddl.quote(operation.name)})"
    start = first_value(source)
    return (
        f"SELECT setval({_sequence_of(ddl, operation)}, {last}) "
        f"FROM {ddl.quote_name(operation.table)} HAVING {last} {'<=' if down else '>='} {start}"
    )


def _sequence_of(ddl: PostgreSQLDDL, operation: AlterColumn) -> str:
    """The sequence that the column owns, whatever its name is after renames."""
    table = quote_literal(ddl.quote_name(operation.table))
    return f"pg_get_serial_sequence({table}, {quote_literal(operation.name)})"


def _serial(ddl: PostgreSQLDDL, operation: AlterColumn) -> list[str]:
    """A sequence that the column owns; one that is there follows the column's type."""
    if operation.before.autoincrement is True:
        new = operation.after.type
        kind = new.sql if isinstance(new, ColumnType) else None
        return [_on_sequence(ddl, operation, "ALTER", f" AS {kind}")] if kind else []
    sequence = Name(f"{operation.table.name}_{operation.name}_seq", operation.table.schema)
    quoted, column = ddl.quote_name(sequence), ddl.quote(operation.name)
    owner = f"{ddl.quote_name(operation.table)}.{column}"
    default = f"SET DEFAULT nextval({quote_literal(quoted)})"
    return [
        f"CREATE SEQUENCE {quoted} OWNED BY {owner}",
        _go_on(ddl, operation, Identity()),
        *_alter(ddl, operation, [default]),
    ]


def _drop_serial(ddl: PostgreSQLDDL, operation: AlterColumn) -> list[str]:
    drop = _alter(ddl, operation, ["DROP DEFAULT"])
    return [*drop, _on_sequence(ddl, operation, "DROP", "")]


def _on_sequence(ddl: PostgreSQLDDL, operation: AlterColumn, verb: str, rest: str) -> str:
    command = f"'{verb} SEQUENCE ' || {_sequence_of(ddl, operation)}"
    command += f" || {quote_literal(rest)}" if rest else ""
    return f"DO $$ BEGIN EXECUTE {command}; END $$"
