"""Adopt the case of names in the models, for databases that ignore case."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import replace
from typing import TypeVar

from autodiff.compare.renames import Rename, rename_in
from autodiff.dialects.base import Dialect
from autodiff.schema.changes import (
    Change,
    ConstraintAltered,
    ConstraintRemoved,
    ConstraintRenamed,
    IndexAltered,
    IndexRemoved,
    IndexRenamed,
)
from autodiff.schema.objects import Constraint, Index, Name, Schema, Table, Unique
from autodiff.utils.sharing import keep_equal, map_shared, replace_changed

__all__ = ["adopt_case", "adopt_table_case", "with_current_case"]

P = TypeVar("P", Constraint, Index)


def adopt_case(current: Schema, desired: Schema, dialect: Dialect) -> Schema:
    """Return the current schema with names of tables, columns and indexes spelled as in the models.

    Unchanged for a database to which `Users` and `users` are two names.
    """
    if not dialect.features.case_insensitive_names:
        return current
    renamed = adopt_table_case(current, desired, dialect)
    tables = {n: _parts(table, desired.tables.get(n)) for n, table in renamed.tables.items()}
    return replace(renamed, tables=tables)


def adopt_table_case(current: Schema, desired: Schema, dialect: Dialect) -> Schema:
    """Return the current schema with only tables and columns spelled as in the models."""
    if not dialect.features.case_insensitive_names:
        return current
    tables_too = dialect.features.case_insensitive_tables
    respelled = _respelled(current.tables.keys(), desired.tables.keys()) if tables_too else []
    renamed = rename_in(current, respelled)
    columns = [
        Rename(table=name, column=old, to=new)
        for name, table in renamed.tables.items()
        if name in desired.tables
        for old, new in _respelled_columns(table, desired.tables[name])
    ]
    return rename_in(renamed, columns)


def _respelled(current: Set[Name], desired: Set[Name]) -> list[Rename]:
    wanted = {(name.schema, name.name.lower()): name for name in sorted(desired - current)}
    renames = []
    for name in sorted(current - desired):
        other = wanted.get((name.schema, name.name.lower()))
        if other is not None:
            renames.append(Rename(table=name, to=other.name))
    return renames


def _respelled_columns(current: Table, desired: Table) -> list[tuple[str, str]]:
    if [column.name for column in current.columns] == [column.name for column in desired.columns]:
        return []  # as in most tables
    wanted = {column.name.lower(): column.name for column in desired.columns}
    pairs = ((column.name, wanted.get(column.name.lower())) for column in current.columns)
    return [(old, new) for old, new in pairs if new is not None and new != old]


def _parts(table: Table, desired: Table | None) -> Table:
    """Return the table with its indexes and constraints spelled as in the desired table."""
    if desired is None:
        return table
    named = [*desired.indexes, *desired.constraints]
    wanted = {part.name.lower(): part.name for part in named if part.name}

    def spelled(name: str | None) -> str | None:
        return keep_equal(name, wanted.get(name.lower(), name)) if name else name

    return replace_changed(
        table,
        indexes=map_shared(
            table.indexes, lambda index: replace_changed(index, name=spelled(index.name))
        ),
        constraints=map_shared(
            table.constraints, lambda item: replace_changed(item, name=spelled(item.name))
        ),
    )


def with_current_case(changes: Iterable[Change], current: Schema, dialect: Dialect) -> list[Change]:
    """Return the changes of a comparison after `adopt_case`, with the names of `current` again.

    A constraint or an index that a change replaces keeps its spelling for the downgrade.
    """
    changes = list(changes)
    if not changes or not dialect.features.case_insensitive_names:
        return changes
    tables = {**{_lower(name): table for name, table in current.tables.items()}, **current.tables}
    return [_in_current_case(change, tables) for change in changes]


def _in_current_case(change: Change, tables: Mapping[Name, Table]) -> Change:
    name = getattr(change, "table", None)
    if not isinstance(name, Name):
        return change
    table = tables.get(name) or tables.get(_lower(name))
    if table is None:
        return change
    match change:
        case ConstraintAltered(before=part) | ConstraintRenamed(before=part):
            return replace(change, before=_spelled_as(part, table))
        case ConstraintRemoved(constraint=part):
            return replace(change, constraint=_spelled_as(part, table))
        case IndexAltered(before=index) | IndexRenamed(before=index):
            return replace(change, before=_spelled_as(index, table))
        case IndexRemoved(index=index):
            return replace(change, index=_spelled_as(index, table))
        case _:
            return change


def _spelled_as(part: P, table: Table) -> P:
    """Return a part with the name that it has in a table, which can differ in case."""
    wanted = (part.name or "").lower()
    names = [
        other.name
        for other in (*table.constraints, *table.indexes)
        if _kind(other) == _kind(part) and (other.name or "").lower() == wanted
    ]
    return replace(part, name=names[0]) if names and part.name not in names else part


def _kind(part: Constraint | Index) -> type[Constraint] | type[Index]:
    """Return the kind of a part: a unique index can be read for a unique constraint."""
    return Unique if isinstance(part, Index) and part.unique else type(part)


def _lower(name: Name) -> Name:
    return Name(name.name.lower(), name.schema)
