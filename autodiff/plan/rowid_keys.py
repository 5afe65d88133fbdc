"""Plan SQLite columns that number rows because they are the primary key: INTEGER PRIMARY KEY.

Existing rows get their numbers only if the column and its key are added by one rebuild of the
table, so both operations are adjacent.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from autodiff.dialects.base import Dialect
from autodiff.plan.constraints import dropping_constraint
from autodiff.plan.phases import Phase, PhasedOperations
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

__all__ = ["plan_rowid_keys"]


def plan_rowid_keys(
    changes: Sequence[Change], dialect: Dialect, operations: PhasedOperations
) -> list[Change]:
    """Plan such columns together with their keys, and return the remaining changes."""
    if not dialect.features.rebuilds_tables:
        return list(changes)
    remaining = list(_split_primary_keys(changes))
    keys = [change for change in remaining if _is_primary_key(change)]
    for column in list(remaining) if keys else ():
        key = next((other for other in keys if _belong_together(column, other)), None)
        match column, key:
            case ColumnAdded(), ConstraintAdded():
                add = AddColumn(table=column.table, column=column.column)
                operations.add(
                    Phase.ADD_AUTOINCREMENT,
                    add,
                    AddConstraint(table=key.table, constraint=key.constraint),
                )
            case ColumnRemoved(), ConstraintRemoved():
                name = column.column.name
                operations.add(
                    Phase.DROP_AUTOINCREMENT,
                    dropping_constraint(key.table, key.constraint),
                    DropColumn(table=column.table, name=name, column=column.column),
                )
            case _:
                continue
        remaining.remove(column)
        remaining.remove(key)
        keys.remove(key)
    return remaining


def _split_primary_keys(changes: Sequence[Change]) -> Iterator[Change]:
    """Yield the changes, with an altered primary key as a removed and an added one."""
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


def _belong_together(column: Change, key: Change) -> bool:
    """Return whether the key consists of the column only, and both are added or both removed."""
    match column, key:
        case ColumnAdded(), ConstraintAdded():
            pass
        case ColumnRemoved(), ConstraintRemoved():
            pass
        case _:
            return False
    key_columns = (column.column.name,)
    primary = isinstance(key.constraint, PrimaryKey) and key.constraint.columns == key_columns
    return primary and column.table == key.table and column.column.type.sql == "INTEGER"
