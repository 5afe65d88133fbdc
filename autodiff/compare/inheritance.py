"""Leave out changes that a table inherits: what changes in the parent changes here as well.

https://www.postgresql.org/docs/current/ddl-inherit.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from autodiff.schema.objects import Check, Name, Table

__all__ = ["without_inherited"]


def without_inherited(changes: Sequence[Change], tables: Mapping[Name, Table]) -> list[Change]:
    """Return the changes without those of columns and checks that a parent of the table has too."""
    inherited = {_key(change, change.table) for change in changes if _is_inherited(change)}
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


def _key(change: _Inherited, table: Name) -> tuple[object, ...]:
    match change:
        case ColumnAdded(column=changed_column) | ColumnRemoved(column=changed_column):
            return (type(change), table, changed_column.name)
        case ConstraintAdded(constraint=part) | ConstraintRemoved(constraint=part):
            return (type(change), table, part.name)
        case _:
            return (type(change), table, change.after.name, change.fields)
