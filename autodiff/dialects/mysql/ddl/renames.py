"""Constraints and indexes under other names. The server renames indexes, and nothing else.

https://dev.mysql.com/doc/refman/en/alter-table.html and
https://mariadb.com/kb/en/alter-table/ (RENAME INDEX from 10.5.2)
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar, assert_never

from autodiff.dialects.mysql.catalog.implicit_indexes import (
    has_chosen_name,
    index_name,
    keys_without_index,
    made_for,
)
from autodiff.dialects.mysql.ddl.clauses import MySQLSpecs
from autodiff.dialects.mysql.ddl.constraints import (
    constraint_kind_of,
    drop_check_changes,
    followed_name,
)
from autodiff.errors import PlanError
from autodiff.schema.objects import Check, ForeignKey, Table
from autodiff.schema.operations import RenameConstraint, RenameIndex

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["rename_constraint", "rename_index"]

T = TypeVar("T", Check, ForeignKey)


def rename_index(ddl: MySQLSpecs, operation: RenameIndex) -> list[str]:
    """ALTER TABLE ... RENAME INDEX."""
    if operation.table is None:
        raise PlanError(
            f"cannot rename index {operation.before} without its table",
            hint="say table_name=...: index names are unique in their table only",
        )
    return [ddl.alter(operation.table, [_rename(ddl, operation.before, operation.after)])]


def rename_constraint(
    ddl: MySQLSpecs, operation: RenameConstraint, current: Table | None
) -> list[str]:
    """A unique constraint as the index that it is; checks and keys are added under their new name.

    A primary key has no name to change.
    """
    kind = operation.kind or constraint_kind_of(operation, operation.before, current)
    match kind:
        case "primary":
            return []
        case "unique":
            return [ddl.alter(operation.table, [_rename(ddl, operation.before, operation.after)])]
        case "check":
            return _rename_check(ddl, operation, current)
        case "foreignkey":
            return _rename_key(ddl, operation, current)
        case "exclude":
            raise PlanError(f"{ddl.dialect.name} has no exclusion constraints")
        case _:
            assert_never(kind)


def _rename(ddl: MySQLSpecs, before: str, after: str) -> str:
    return f"RENAME INDEX {ddl.quote(before)} TO {ddl.quote(after)}"


def _rename_check(ddl: MySQLSpecs, operation: RenameConstraint, current: Table | None) -> list[str]:
    """Dropped and added in one statement: no row can slip in between."""
    check, table = _found(operation, current, Check)
    drop = drop_check_changes(ddl, check.name or "", table)
    options = {name: value for name, value in check.options.items() if name != "mysql_level"}
    plain = replace(check, name=operation.after, options=options, implicit=False)
    return [ddl.alter(table.name, [*drop, f"ADD {ddl.constraint_spec(plain)}"])]


def _rename_key(ddl: MySQLSpecs, operation: RenameConstraint, current: Table | None) -> list[str]:
    """Added before the old one is dropped, which one statement could not do everywhere.

    Names that differ in case alone are one name to the server: the old one goes first.
    https://dev.mysql.com/doc/refman/en/alter-table.html#alter-table-foreign-key
    """
    key, table = _found(operation, current, ForeignKey)
    renamed = replace(key, name=operation.after, implicit=False)
    add = f"ADD {ddl.constraint_spec(renamed)}"
    drop = f"DROP FOREIGN KEY {ddl.quote(key.name or '')}"
    both = [drop, add] if operation.before.lower() == operation.after.lower() else [add, drop]
    changes = [*_rename_index_of(ddl, key, renamed, table), *both]
    return [ddl.alter(table.name, [change]) for change in changes]


def _rename_index_of(
    ddl: MySQLSpecs, key: ForeignKey, renamed: ForeignKey, table: Table
) -> Iterator[str]:
    """The index that the server made for the key, under the name that it would give it now.

    Where the table is known from migrations alone, so is the index: from the key.
    """
    if key in keys_without_index(table) and not has_chosen_name(key):
        yield _rename(ddl, index_name(key), index_name(renamed, table))
    for index in table.indexes:
        others = [other for other in table.foreign_keys if other != key]
        shared = any(made_for(index, other) for other in (*others, renamed))
        if made_for(index, key) and not shared:
            yield _rename(ddl, index.name or "", index_name(renamed, table))


def _found(operation: RenameConstraint, current: Table | None, kind: type[T]) -> tuple[T, Table]:
    """The constraint, and the table that has it."""
    name = followed_name(operation.before, current)
    found = current.constraint(name) if current else None
    if current is None or not isinstance(found, kind):
        raise PlanError(
            f"cannot rename constraint {name} of table {operation.table} without knowing it",
            hint="compare the migration with the database: autodiff check",
        )
    return found, current
