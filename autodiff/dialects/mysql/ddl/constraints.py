"""Constraints and indexes of tables that exist: what else must change in the same ALTER TABLE.

The server refuses to leave a foreign key or an AUTO_INCREMENT column without an index, even for
a moment between two statements.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

from autodiff.dialects.mysql.catalog.implicit_indexes import (
    goes_with,
    has_chosen_name,
    index_name,
    is_implied,
    keys_without_index,
    leads,
)
from autodiff.dialects.mysql.ddl.clauses import MySQLSpecs, column_check
from autodiff.errors import PlanError
from autodiff.schema.objects import ForeignKey, Index, IndexElement, PrimaryKey, Table, Unique
from autodiff.schema.operations import (
    AddConstraint,
    ConstraintKind,
    CreateIndex,
    DropConstraint,
    DropIndex,
    RenameConstraint,
    SetComment,
    constraint_kind,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "AUTO_INCREMENT_INDEX",
    "add_constraint",
    "auto_increment_index",
    "constraint_kind_of",
    "create_index",
    "drop_check_changes",
    "drop_constraint",
    "drop_index",
    "drop_primary_changes",
    "followed_name",
    "leads_some",
    "set_index_comment",
]

AUTO_INCREMENT_INDEX = "_autodiff_auto_increment"
"""The index that an AUTO_INCREMENT column has while its table is without a primary key."""


def auto_increment_index(columns: tuple[str, ...], *, unique: bool = True) -> Index:
    """The index over those columns that stands in for another one; unique, as a primary key is."""
    elements = tuple(IndexElement(text=name) for name in columns)
    return Index(name=AUTO_INCREMENT_INDEX, elements=elements, unique=unique)


# Dropping constraints


def drop_constraint(ddl: MySQLSpecs, operation: DropConstraint, current: Table | None) -> list[str]:
    """ALTER TABLE ... DROP, in the words of the constraint's kind."""
    kind = operation.kind or constraint_kind_of(operation, operation.name or "", current)
    name = followed_name(operation.name or "", current)
    match kind:
        case "primary":
            changes = drop_primary_changes(ddl, current)
        case "foreignkey":
            changes = _drop_foreign_key(ddl, name, current)
        case "unique":
            changes = _drop_index_changes(ddl, name, current)
        case "check":
            changes = drop_check_changes(ddl, name, current)
        case "exclude":
            raise PlanError(f"{ddl.dialect.name} has no exclusion constraints")
        case _:
            assert_never(kind)
    return [ddl.alter(operation.table, changes)]


def followed_name(name: str, current: Table | None) -> str:
    """The constraint's name; one that the server chose has followed its table's new name."""
    chosen = re.fullmatch(r".+(_(?:ibfk|chk)_\d+)", name)
    if current is None or chosen is None or current.constraint(name) is not None:
        return name
    followed = current.name.name + chosen[1]
    return name if current.constraint(followed) is None else followed


def constraint_kind_of(
    operation: DropConstraint | RenameConstraint, name: str, current: Table | None
) -> ConstraintKind:
    """The kind of a constraint that an operation knows by its name alone.

    Raises PlanError where the table does not tell it.
    """
    if current is not None:
        constraint = current.constraint(name)
        if constraint is not None:
            return constraint_kind(constraint)
        if current.index(name) is not None:
            return "unique"
    if name.upper() == "PRIMARY":
        return "primary"
    raise PlanError(
        f"cannot tell what constraint {name} of table {operation.table} is",
        hint='say type_="foreignkey", "unique", "check" or "primary"',
    )


def drop_primary_changes(ddl: MySQLSpecs, current: Table | None) -> list[str]:
    """DROP PRIMARY KEY, with an index for what needs one: AUTO_INCREMENT and foreign keys."""
    primary = current.primary_key if current else None
    if current is None or primary is None:
        return ["DROP PRIMARY KEY"]
    after = replace(current, constraints=tuple(c for c in current.constraints if c != primary))
    return ["DROP PRIMARY KEY", *_replacements(ddl, current, after)]


def _counter_index(current: Table, after: Table) -> Index | None:
    """An index for the AUTO_INCREMENT column, where it would be without one."""
    counted = next((column.name for column in after.columns if column.autoincrement), None)
    if counted is None or leads_some(after, counted):
        return None
    before = current.primary_key
    if before is not None and after.primary_key is None and before.columns[0] == counted:
        return auto_increment_index(before.columns)
    return auto_increment_index((counted,), unique=False)


def leads_some(table: Table, column: str) -> bool:
    """Whether the primary key or an index of the table begins with the column."""
    primary = table.primary_key
    led = primary is not None and primary.columns[0] == column
    return led or any(leads(index, (column,)) for index in table.indexes)


def _drop_foreign_key(ddl: MySQLSpecs, name: str, current: Table | None) -> list[str]:
    """DROP FOREIGN KEY, and the index that the server made for it if no other key needs it."""
    changes = [f"DROP FOREIGN KEY {ddl.quote(name)}"]
    key = current.constraint(name) if current else None
    if current is None or not isinstance(key, ForeignKey):
        return changes
    after = replace(current, constraints=tuple(c for c in current.constraints if c != key))
    for index in current.indexes:
        without = replace(after, indexes=tuple(i for i in after.indexes if i != index))
        if goes_with(index, key) and not _lost(after, without):
            changes.append(f"DROP INDEX {ddl.quote(index.name or '')}")
            after = without
    if key in keys_without_index(current) and not _shares_columns(key, after):
        changes.append(f"DROP INDEX {ddl.quote(index_name(key))}")
    return changes


def _shares_columns(key: ForeignKey, table: Table) -> bool:
    return any(other.columns[0] == key.columns[0] for other in table.foreign_keys)


def drop_check_changes(ddl: MySQLSpecs, name: str, current: Table | None) -> list[str]:
    """DROP CHECK; a check in a column of MariaDB goes by stating the column without it."""
    check = column_check(current, name) if current else None
    column = current.column(name) if current else None
    if current is not None and check is not None and column is not None:
        return [f"MODIFY COLUMN {ddl.column_spec(column)}"]
    word = "CONSTRAINT" if ddl.dialect.is_mariadb else "CHECK"
    return [f"DROP {word} {ddl.quote(name)}"]


# Indexes


def drop_index(ddl: MySQLSpecs, operation: DropIndex, current: Table | None) -> list[str]:
    """DROP INDEX, or ALTER TABLE where a foreign key needs another one."""
    if operation.table is None:
        raise PlanError(
            f"cannot drop index {operation.name} without its table",
            hint="say table_name=...: index names are unique in their table only",
        )
    changes = _drop_index_changes(ddl, operation.name, current)
    if len(changes) > 1:
        return [ddl.alter(operation.table, changes)]
    exists = "IF EXISTS " if operation.if_exists and ddl.dialect.is_mariadb else ""
    name = ddl.quote(operation.name)
    return [f"DROP INDEX {exists}{name} ON {ddl.quote_name(operation.table)}"]


def _drop_index_changes(ddl: MySQLSpecs, name: str, current: Table | None) -> list[str]:
    changes = [f"DROP INDEX {ddl.quote(name)}"]
    if current is None:
        return changes
    after = replace(
        current,
        indexes=tuple(index for index in current.indexes if index.name != name),
        constraints=tuple(c for c in current.constraints if c.name != name or _is_key(c)),
    )
    return [*changes, *_replacements(ddl, current, after)]


def _is_key(constraint: object) -> bool:
    return isinstance(constraint, ForeignKey | PrimaryKey)


def _replacements(ddl: MySQLSpecs, current: Table, after: Table) -> list[str]:
    """An index for what would be without one: AUTO_INCREMENT, and each foreign key, whose index
    is named as the key."""
    changes: list[str] = []
    stand_in = _counter_index(current, after)
    if stand_in is not None:
        changes.append(f"ADD {ddl.index_spec(stand_in)}")
        after = replace(after, indexes=(*after.indexes, stand_in))
    while lost := _lost(current, after):
        key = lost[0]
        index = _index_of(key, after)
        changes.append(f"ADD {ddl.index_spec(index)}")
        after = replace(after, indexes=(*after.indexes, index))
    return changes


def _index_of(key: ForeignKey, table: Table) -> Index:
    elements = tuple(IndexElement(text=name) for name in key.columns)
    return Index(name=index_name(key, table), elements=elements)


def _lost(current: Table, after: Table) -> list[ForeignKey]:
    before = keys_without_index(current)
    return [key for key in keys_without_index(after) if key not in before]


# Adding


def add_constraint(ddl: MySQLSpecs, operation: AddConstraint, current: Table | None) -> list[str]:
    """ADD CONSTRAINT, and without the index that stood in for it until now."""
    constraint = operation.constraint
    changes = [f"ADD {ddl.constraint_spec(constraint)}"]
    if current is not None:
        match constraint:
            case PrimaryKey(columns=columns):
                changes += _without_stand_in(columns, current)
                changes += _without_redundant(ddl, columns, current)
            case Unique(columns=columns):
                changes += _without_stand_in(columns, current)
                changes += _without_redundant(ddl, columns, current)
            case ForeignKey():
                changes = [*_with_index(ddl, constraint, current), *changes]
    return [ddl.alter(operation.table, changes)]


def _with_index(ddl: MySQLSpecs, key: ForeignKey, current: Table) -> Iterator[str]:
    """A key named as the server names keys gets an index named as the server names that."""
    after = replace(current, constraints=(*current.constraints, key))
    if has_chosen_name(key) and key in keys_without_index(after):
        yield f"ADD {ddl.index_spec(_index_of(key, current))}"


def _without_stand_in(columns: tuple[str, ...], current: Table) -> Iterator[str]:
    index = current.index(AUTO_INCREMENT_INDEX)
    if index is not None and index.columns[0] == columns[0]:
        yield f"DROP INDEX {AUTO_INCREMENT_INDEX}"


def _without_redundant(ddl: MySQLSpecs, columns: tuple[str, ...], current: Table) -> Iterator[str]:
    """The server drops the index that it made for a foreign key when another one can serve.

    It does not know which ones were made in its place, when an index went away.
    """
    for index in current.indexes:
        if is_implied(index, current) and columns[: len(index.columns)] == index.columns:
            yield f"DROP INDEX {ddl.quote(index.name or '')}"


def create_index(ddl: MySQLSpecs, operation: CreateIndex, current: Table | None) -> list[str]:
    """CREATE INDEX, or ALTER TABLE where it makes another index needless."""
    index = operation.index
    changes: list[str] = []
    if current is not None and leads(index, index.columns):
        changes += _without_stand_in(index.columns, current)
        changes += _without_redundant(ddl, index.columns, current)
    if not changes:
        return ddl.create_index(operation)
    return [ddl.alter(operation.table, [*changes, f"ADD {ddl.index_spec(index)}"])]


def set_index_comment(ddl: MySQLSpecs, operation: SetComment, current: Table | None) -> list[str]:
    """The index anew, with its comment: nothing less can change it."""
    table, name = operation.table, operation.name.name
    index = current.index(name) if current else None
    if table is None or index is None:
        raise PlanError(
            f"cannot set the comment of index {name} without knowing the index",
            hint="drop the index and create it again",
        )
    spec = ddl.index_spec(replace(index, comment=operation.after))
    return [ddl.alter(table, [f"DROP INDEX {ddl.quote(name)}", f"ADD {spec}"])]
