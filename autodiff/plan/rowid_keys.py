"""Columns that count rows by being the primary key alone: INTEGER PRIMARY KEY of SQLite.

Rows get their numbers only where the column comes, or comes back, in one rebuild with its key.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from autodiff.dialects.base import Dialect
from autodiff.dialects.type_names import is_rowid_type
from autodiff.plan.constraints import dropping_constraint
from autodiff.plan.phases import Phase, Steps
from autodiff.schema.changes import (
    Change,
    ColumnAdded,
    ColumnRemoved,
    ConstraintAdded,
    ConstraintAltered,
    ConstraintRemoved,
)
from autodiff.schema.objects import PrimaryKey
from autodiff.schema.operations import AddColumn, AddConstraint, DropColumn

__all__ = ["plan_rowids"]


def plan_rowids(changes: Sequence[Change], dialect: Dialect, steps: Steps) -> list[Change]:
    """Plans such columns together with their keys; the changes that are left."""
    if not dialect.features.rebuilds_tables:
        return list(changes)
    left = list(_keys_apart(changes))
    keys = [change for change in left if _is_primary_key(change)]
    for column in list(left) if keys else ():
        key = next((other for other in keys if _are_one(column, other)), None)
        match column, key:
            case ColumnAdded(), ConstraintAdded():
                add = AddColumn(table=column.table, column=column.column)
                steps.add(
                    Phase.ADD_COUNTED,
                    add,
                    AddConstraint(table=key.table, constraint=key.constraint),
                )
            case ColumnRemoved(), ConstraintRemoved():
                name = column.column.name
                steps.add(
                    Phase.DROP_COUNTED,
                    dropping_constraint(key.table, key.constraint),
                    DropColumn(table=column.table, name=name, column=column.column),
                )
            case _:
                continue
        left.remove(column)
        left.remove(key)
        keys.remove(key)
    return left


def _keys_apart(changes: Sequence[Change]) -> Iterator[Change]:
    """The changes, where a primary key over other columns is one that goes and one that comes."""
    for change in changes:
        if isinstance(change, ConstraintAltered) and isinstance(change.after, PrimaryKey):
            yield ConstraintRemoved(table=change.table, constraint=change.before)
            yield ConstraintAdded(table=change.table, constraint=change.after)
        else:
            yield change


def _is_primary_key(change: Change) -> bool:
    if not isinstance(change, ConstraintAdded | ConstraintRemoved):
        return False
    return isinstance(change.constraint, PrimaryKey)


def _are_one(column: Change, key: Change) -> bool:
    """Whether the key is that of the column alone, and both come or both go."""
    match column, key:
        case ColumnAdded(), ConstraintAdded():
            pass
        case ColumnRemoved(), ConstraintRemoved():
            pass
        case _:
            return False
    alone = (column.column.name,)
    primary = isinstance(key.constraint, PrimaryKey) and key.constraint.columns == alone
    return primary and column.table == key.table and is_rowid_type(column.column.type.sql)
