"""Leave out changes that a table inherits: what changes in the parent changes here as well.

https://www.postgresql.org/docs/current/ddl-inherit.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeGuard

from autodiff.schema.changes import (
    Change,
    ColumnAdded,
    ColumnAltered,
    ColumnRemoved,
    ConstraintAdded,
    ConstraintAltered,
    ConstraintRemoved,
)
from autodiff.schema.objects import INHERITS, Check, Constraint, Name, Schema, Table

__all__ = [
    "inheriting_tables",
    "keeps_in_children",
    "without_inherited",
    "without_inherited_columns",
    "without_repeated_parts",
]


def without_inherited_columns(current: Schema, desired: Schema) -> Schema:
    """Return the current schema without columns that a desired table only inherits.

    Models need not repeat the columns of a table's parents.
    """
    tables: dict[Name, Table] = {}
    for name, table in current.tables.items():
        wanted = desired.tables.get(name)
        if wanted is None or not table.inherits or not wanted.inherits:
            continue
        inherited = _columns_of(wanted.inherits, desired.tables)
        own = {column.name for column in wanted.columns}
        kept = tuple(c for c in table.columns if c.name in own or c.name not in inherited)
        if len(kept) < len(table.columns):
            tables[name] = replace(table, columns=kept)
    return replace(current, tables={**current.tables, **tables}) if tables else current


def without_repeated_parts(schema: Schema) -> Schema:
    """Return a schema to create, whose tables only inherit the columns and checks of their parents.

    A column that a table declares again is kept when the parent's column is dropped. Its NOT NULL
    constraint has a different name, and PostgreSQL 18 then cannot change the type of the parent's
    column.
    """
    tables: dict[Name, Table] = {}
    for name, table in inheriting_tables(schema.tables).items():
        parents = [schema.tables[parent] for parent in table.inherits if parent in schema.tables]
        columns = [column for parent in parents for column in parent.columns]
        checks = {_check(item) for parent in parents for item in parent.constraints}
        tables[name] = replace(
            table,
            columns=tuple(column for column in table.columns if column not in columns),
            constraints=tuple(
                item
                for item in table.constraints
                if not isinstance(item, Check) or _check(item) not in checks
            ),
        )
    return replace(schema, tables={**schema.tables, **tables}) if tables else schema


def _check(constraint: Constraint) -> tuple[str | None, str] | None:
    return (constraint.name, constraint.sql) if isinstance(constraint, Check) else None


def _columns_of(names: Iterable[Name], tables: Mapping[Name, Table]) -> set[str]:
    """Return the columns of tables and of those that they inherit from."""
    found: set[str] = set()
    for name in names:
        table = tables.get(name)
        if table is not None:
            found |= {column.name for column in table.columns}
            found |= _columns_of(table.inherits, tables)
    return found


def inheriting_tables(tables: Mapping[Name, Table]) -> dict[Name, Table]:
    """Return the tables that inherit from others, which are few: all searches need only them."""
    return {name: table for name, table in tables.items() if INHERITS in table.options}


def keeps_in_children(tables: Mapping[Name, Table], parent: Name, column: str) -> bool:
    """Return whether a table that inherits from `parent` has the column itself."""
    return any(
        parent in table.inherits
        and (table.column(column) is not None or keeps_in_children(tables, name, column))
        for name, table in tables.items()
    )


def without_inherited(
    changes: Sequence[Change], current: Mapping[Name, Table], tables: Mapping[Name, Table]
) -> list[Change]:
    """Return the changes without those of columns and checks that a parent of the table has too.

    A check that a table has from its parent cannot be dropped, and models need not declare it.

    Args:
        changes: The changes.
        current: The tables of the database.
        tables: The desired tables.
    """
    children = inheriting_tables(tables)
    changes = [change for change in changes if not _drops_inherited(change, current)]
    inherited = {
        _key(change, change.table)
        for change in changes
        if _is_inherited(change) and not _stays_in_children(change, children)
    }
    return [
        change
        for change in changes
        if not _is_inherited(change)
        or change.table not in tables
        or not any(_key(change, parent) in inherited for parent in tables[change.table].inherits)
    ]


_Inherited = (
    ColumnAdded
    | ColumnRemoved
    | ColumnAltered
    | ConstraintAdded
    | ConstraintRemoved
    | ConstraintAltered
)


def _is_inherited(change: Change) -> TypeGuard[_Inherited]:
    """Return whether inheriting tables get the change too. Keys are not inherited."""
    match change:
        case ColumnAdded() | ColumnRemoved() | ColumnAltered():
            return True
        case ConstraintAdded(constraint=Check()) | ConstraintRemoved(constraint=Check()):
            return True
        case ConstraintAltered(before=Check()):
            return True
        case _:
            return False


def _drops_inherited(change: Change, current: Mapping[Name, Table]) -> bool:
    """Return whether a check would be dropped that a parent of the table has."""
    match change:
        case ConstraintRemoved(table=name, constraint=Check(name=check)):
            parents = current[name].inherits if name in current else ()
            return any(_has_check(current.get(parent), check) for parent in parents)
        case _:
            return False


def _has_check(table: Table | None, name: str | None) -> bool:
    found = table.constraint(name) if table is not None and name is not None else None
    return isinstance(found, Check)


def _stays_in_children(change: Change, tables: Mapping[Name, Table]) -> bool:
    """Return whether a column leaves a table and stays in one that inherits from it."""
    return isinstance(change, ColumnRemoved) and keeps_in_children(
        tables, change.table, change.column.name
    )


def _key(change: _Inherited, table: Name) -> tuple[object, ...]:
    match change:
        case ColumnAdded(column=changed_column) | ColumnRemoved(column=changed_column):
            return (type(change), table, changed_column.name)
        case ConstraintAdded(constraint=part) | ConstraintRemoved(constraint=part):
            return (type(change), table, part.name)
        case _:
            return (type(change), table, change.after.name, change.fields)
