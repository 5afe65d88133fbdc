"""SQL for columns of PostgreSQL: ALTER COLUMN in an order that the server accepts.

A column can have only one of a default, a serial, an identity and a generation expression, so the
old one is removed first and the new one is added last. A default is dropped before the type changes
and set after it, because PostgreSQL may not be able to cast it.
https://www.postgresql.org/docs/current/sql-altertable.html
"""

from __future__ import annotations

from dataclasses import replace

from autodiff.dialects.ddl.columns import ColumnDDL
from autodiff.dialects.postgresql.ddl.casts import cast, cast_enum
from autodiff.dialects.postgresql.ddl.do_blocks import do_block
from autodiff.dialects.postgresql.ddl.sequences import alter_in_range, first_value, reset_options
from autodiff.dialects.postgresql.ddl.time_zones import utc_conversion
from autodiff.dialects.postgresql.rewriting_types import rewrites_table
from autodiff.dialects.postgresql.types import split_collation, type_family
from autodiff.errors import PlanError
from autodiff.schema.objects import Column, ColumnType, Computed, Identity, Name, Table
from autodiff.schema.operations import AlterColumn, DropColumn
from autodiff.schema.sqltext import quote_literal

__all__ = ["PostgreSQLColumnDDL"]

_SERIALS = {"smallint": "SMALLSERIAL", "integer": "SERIAL", "bigint": "BIGSERIAL"}


class PostgreSQLColumnDDL(ColumnDDL):
    """Defines and alters columns, among them serials and identities."""

    def definition(self, column: Column, table: Table | None = None) -> str:
        if column.autoincrement and column.type.sql in _SERIALS:
            serial = ColumnType(sql=_SERIALS[column.type.sql], python="")
            column = replace(column, type=serial, default=None)
        return super().definition(column, table)

    def alter(self, operation: AlterColumn, current: Table | None = None) -> list[str]:
        """Return the statements that change the fields that the operation sets, and no others."""
        patch = operation.after
        statements = self._alter(operation, _drop_generation(operation))
        if patch.autoincrement is False:
            statements += self._drop_serial(operation)
        changes = self._type_and_default(operation)
        if "nullable" in patch.fields:
            changes.append("DROP NOT NULL" if patch.nullable else "SET NOT NULL")
        statements += self._alter(operation, changes)
        if isinstance(patch.identity, Identity):
            statements += self._identity(operation, patch.identity)
        if patch.autoincrement is True or _retypes_serial(operation):
            statements += self._serial(operation)
        if "comment" in patch.fields:
            comment = patch.comment if isinstance(patch.comment, str) else None
            statements += self.ddl.comments.set_on_column(operation.table, operation.name, comment)
        return statements

    def drop(self, operation: DropColumn, current: Table | None = None) -> list[str]:
        """Return DROP COLUMN, with ONLY if tables that inherit the column keep it.

        https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-NOTES
        """
        statements = super().drop(operation)
        if not operation.only:
            return statements
        return [sql.replace("ALTER TABLE", "ALTER TABLE ONLY", 1) for sql in statements]

    def _alter(self, operation: AlterColumn, changes: list[str]) -> list[str]:
        column = self.quote(operation.name)
        return [
            self.alter_table(operation.table, f"ALTER COLUMN {column} {change}")
            for change in changes
        ]

    # Types and defaults

    def conversion(self, name: str, before: str, after: str) -> str | None:
        return utc_conversion(self.quote(name), before, after)

    def using(self, operation: AlterColumn) -> str | None:
        new = operation.after.type
        found = operation.using
        return found or (self._using(operation, new) if isinstance(new, ColumnType) else None)

    def rewrites(self, before: ColumnType, after: ColumnType) -> bool:
        if before.enum != after.enum:
            return True
        if before.sql.endswith("[]") and after.sql.endswith("[]"):
            return rewrites_table(before.sql.rstrip("[]"), after.sql.rstrip("[]"))
        return rewrites_table(before.sql, after.sql)

    def _type_and_default(self, operation: AlterColumn) -> list[str]:
        patch = operation.after
        if not isinstance(patch.type, ColumnType):
            return [_default_change(patch.default)] if "default" in patch.fields else []
        changes: list[str] = []
        if "default" in patch.fields and operation.before.default is not None:
            changes.append("DROP DEFAULT")
        using = self.using(operation)
        changes.append(f"TYPE {patch.type.sql}" + (f" USING {using}" if using else ""))
        if isinstance(patch.default, str):
            changes.append(_default_change(patch.default))
        return changes

    def _using(self, operation: AlterColumn, new: ColumnType) -> str | None:
        """Return the expression for USING if PostgreSQL has no implicit cast, else None.

        It is None for types of one family, even if a value may not fit: an explicit cast truncates
        texts that are too long, but the implicit cast fails.
        https://www.postgresql.org/docs/current/datatype-character.html
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
        column = self.quote(operation.name)
        if family == "text":
            return f"{column}::text"
        if isinstance(before, ColumnType) and before.enum != new.enum:
            return cast_enum(column, before.sql, new.sql)
        return cast(column, before.sql if isinstance(before, ColumnType) else None, new.sql)

    # Identities and serials

    def _identity(self, operation: AlterColumn, after: Identity) -> list[str]:
        before = operation.before.identity
        if not isinstance(before, Identity):
            added = self._alter(operation, [f"ADD {self.identity(after)}"])
            return [*added, self._advance(operation, after)]
        changes = []
        if before.always != after.always:
            changes.append(f"SET GENERATED {'ALWAYS' if after.always else 'BY DEFAULT'}")
        statements = self._alter(operation, changes)
        if replace(before, always=after.always) != after:
            change = " ".join(f"SET {option}" for option in reset_options(after))
            sequence = f"{self._sequence_of(operation)}::regclass"
            [statement] = self._alter(operation, [change])
            statements.append(alter_in_range(statement, before, after, sequence))
        return statements

    def _advance(self, operation: AlterColumn, source: Identity) -> str:
        """Return a SELECT that sets the sequence to the last value in the column, if any."""
        down = (source.increment or 1) < 0
        last = f"{'min' if down else 'max'}({self.quote(operation.name)})"
        condition = f"{last} {'<=' if down else '>='} {first_value(source)}"
        return (
            f"SELECT setval({self._sequence_of(operation)}, {last}) "
            f"FROM {self.quote_name(operation.table)} HAVING {condition}"
        )

    def _sequence_of(self, operation: AlterColumn) -> str:
        """Return an expression for the name of the sequence that the column owns.

        The name is not fixed: renaming a table or column does not rename its sequence.
        """
        table = quote_literal(self.quote_name(operation.table))
        return f"pg_get_serial_sequence({table}, {quote_literal(operation.name)})"

    def _serial(self, operation: AlterColumn) -> list[str]:
        """Return the statements that create a sequence that the column owns.

        If the column has one, return the statement that gives it the type of the column. ALTER
        COLUMN ... TYPE does that for an identity column, but not for a serial.
        """
        type_ = self._sequence_type(operation)
        if operation.before.autoincrement is True:
            return [self._on_sequence(operation, "ALTER", type_)]
        sequence = Name(f"{operation.table.name}_{operation.name}_seq", operation.table.schema)
        quoted, column = self.quote_name(sequence), self.quote(operation.name)
        command = quote_literal(f"CREATE SEQUENCE {quoted}")
        owner = quote_literal(f" OWNED BY {self.quote_name(operation.table)}.{column}")
        create = f"EXECUTE {command} || {type_} || {owner}"
        [default] = self._alter(operation, [f"SET DEFAULT nextval({quote_literal(quoted)})"])
        advance = self._advance(operation, Identity())
        if operation.before.autoincrement is False:
            return [do_block(create), advance, default]
        # Alembic writes autoincrement=True for a column that is a serial already:
        found = self._sequence_of(operation)
        alter = f"EXECUTE 'ALTER SEQUENCE ' || {found} || {type_}"
        choice = f"IF {found} IS NULL THEN {create}; {default}; ELSE {alter}; END IF"
        return [do_block(choice), advance]

    def _sequence_type(self, operation: AlterColumn) -> str:
        """Return an expression for the AS clause of the sequence of a serial.

        That is the type of the column, which is read from the catalog if the operation lacks it.
        A sequence has one of three types: https://www.postgresql.org/docs/current/sql-createsequence.html
        """
        for type_ in (operation.after.type, operation.before.type):
            if isinstance(type_, ColumnType):
                return quote_literal(f" AS {type_.sql if type_.sql in _SERIALS else 'bigint'}")
        table = quote_literal(self.quote_name(operation.table))
        return (
            "(SELECT ' AS ' || CASE WHEN atttypid IN ('smallint'::regtype, 'integer'::regtype) "
            "THEN format_type(atttypid, NULL) ELSE 'bigint' END FROM pg_attribute "
            f"WHERE attrelid = {table}::regclass AND attname = {quote_literal(operation.name)})"
        )

    def _drop_serial(self, operation: AlterColumn) -> list[str]:
        drop = self._alter(operation, ["DROP DEFAULT"])
        return [*drop, self._on_sequence(operation, "DROP")]

    def _on_sequence(self, operation: AlterColumn, verb: str, *rest: str) -> str:
        return _execute(quote_literal(f"{verb} SEQUENCE "), self._sequence_of(operation), *rest)


def _execute(*parts: str) -> str:
    """Return a block that runs the statement that the SQL expressions give together.

    If one of them is NULL, as the sequence of a column that owns none, nothing is run.
    """
    return do_block(f"EXECUTE coalesce({' || '.join(parts)}, 'SELECT')")


def _retypes_serial(operation: AlterColumn) -> bool:
    """Return whether a serial column gets another type and remains a serial."""
    patch = operation.after
    keeps = operation.before.autoincrement is True and patch.autoincrement is not False
    return keeps and isinstance(patch.type, ColumnType) and not isinstance(patch.identity, Identity)


def _drop_generation(operation: AlterColumn) -> list[str]:
    patch = operation.after
    if isinstance(patch.computed, Computed):
        raise PlanError(
            "cannot add or change the generation expression of column "
            f"{operation.table}.{operation.name} in place",
            hint="drop the column and add it again",
        )
    changes = ["DROP EXPRESSION"] if patch.computed is None else []
    return [*changes, "DROP IDENTITY"] if patch.identity is None else changes


def _default_change(default: object) -> str:
    return f"SET DEFAULT {default}" if isinstance(default, str) else "DROP DEFAULT"
