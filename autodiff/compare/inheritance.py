"""What a table gets from those that it inherits from: changed there, it changes here as well.

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
    """The changes, without those of columns and checks that a parent of their table has too."""
    told = {_key(change, change.table) for change in changes if _is_handed_down(change)}
    return [
        change
        for change in changes
        if not _is_handed_down(change)
        or change.table not in tables
        or not any(_key(change, parent) in told for parent in tables[change.table].inherits)
    ]


_Handed = (
    ColumnAdded
    | ColumnRemoved
    | ColumnAltered
    | ConstraintAdded
    | ConstraintRemoved
    | ConstraintAltered
)


def _is_handed_down(change: Change) -> TypeGuard[_Handed]:
    """Whether a change reaches the tables that inherit from the table: not that of a key."""
    match change:
        case ColumnAdded() | ColumnRemoved() | ColumnAltered():
            return True
        case ConstraintAdded(constraint=Check()) | ConstraintRemoved(constraint=Check()):
            return True
        case ConstraintAltered(before=Check()):
            return True
        case _:
            return False


def _key(change: _Handed, table: Name) -> tuple[object, ...]:
    match change:
        case ColumnAdded(column=thing) | ColumnRemoved(column=thing):
            return (type(change), table, thing.name)
        case ConstraintAdded(constraint=part) | ConstraintRemoved(constraint=part):
            return (type(change), table, part.name)
        case _:
            return (type(change), table, change.after.name, change.fields)
