"""Plan primary keys of SQLite that number or store the rows.

Existing rows get their numbers only if a column and its key INTEGER PRIMARY KEY are added by one
rebuild of the table, so both operations are adjacent. A table WITHOUT ROWID needs a key after each
rebuild.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from autodiff.dialects.base import Dialect
from autodiff.dialects.type_names import is_rowid_type
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
from autodiff.schema.objects import Name, PrimaryKey, Table
from autodiff.schema.operations import (
    AddColumn,
    AddConstraint,
    DropColumn,
    DropConstraint,
    Operation,
    SetTableOptions,
)

__all__ = ["plan_rowid_keys", "with_rowids_between_keys"]

_WITH_ROWID = "sqlite_with_rowid"


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
    return primary and column.table == key.table and is_rowid_type(column.column.type.sql)


def with_rowids_between_keys(
    operations: Sequence[Operation], tables: Mapping[Name, Table], dialect: Dialect
) -> list[Operation]:
    """Return the operations, with WITHOUT ROWID removed while its table has no primary key.

    That is needed only if another operation, such as a backfill, splits the rebuild that replaces
    the key. `tables` are the current tables, under the names that the operations use.
    """
    found = list(operations)
    for name, table in tables.items() if dialect.features.rebuilds_tables else ():
        if table.options.get(_WITH_ROWID) is not False:
            continue
        start = next((n for n, op in enumerate(found) if _drops_key(op, name)), None)
        end = next((n for n, op in enumerate(found) if _adds_key(op, name)), None)
        if start is None or end is None:
            continue
        between = found[start + 1 : end]
        is_changed = any(_sets_rowid(op, name) for op in found)
        if not is_changed and not all(map(dialect.ddl.can_share_rebuild, between)):
            remove = SetTableOptions(table=name, options=((_WITH_ROWID, False, None),))
            found[start + 1 : end] = [remove, *between, remove.reverse()]
    return found


def _drops_key(operation: Operation, table: Name) -> bool:
    if not isinstance(operation, DropConstraint) or operation.table != table:
        return False
    return operation.kind == "primary"


def _adds_key(operation: Operation, table: Name) -> bool:
    if not isinstance(operation, AddConstraint) or operation.table != table:
        return False
    return isinstance(operation.constraint, PrimaryKey)


def _sets_rowid(operation: Operation, table: Name) -> bool:
    if not isinstance(operation, SetTableOptions) or operation.table != table:
        return False
    return any(option == _WITH_ROWID for option, _, _ in operation.options)
