"""Build indexes concurrently, at the end of the migration and outside of its transaction.

PostgreSQL refuses CREATE INDEX CONCURRENTLY inside a transaction
(https://www.postgresql.org/docs/current/sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeGuard

from autodiff.dialects.base import Dialect
from autodiff.schema.objects import Constraint, ForeignKey, Schema
from autodiff.schema.operations import (
    AddConstraint,
    AlterColumn,
    CreateIndex,
    CreateTable,
    DropColumn,
    DropIndex,
    Operation,
    RenameColumn,
    RenameTable,
    tables_of,
)

__all__ = ["concurrent_indexes_last"]


def concurrent_indexes_last(
    operations: Sequence[Operation], desired: Schema, dialect: Dialect
) -> tuple[Operation, ...]:
    """Move the indexes that the models build concurrently to the end of the operations.

    If such an index replaces another, that one is dropped there too, unless columns of the table
    are altered before, which the old index could prevent.
    """
    built: list[CreateIndex] = [
        operation
        for operation in operations
        if _is_built_online(operation, operations, desired, dialect)
    ]
    dropped = [
        operation
        for operation in operations
        if isinstance(operation, DropIndex)
        and any(_replaces(create, operation) for create in built)
        and not any(_alters_columns(other, operation) for other in operations)
    ]
    last: list[CreateIndex | DropIndex] = [*dropped, *built]
    kept = [operation for operation in operations if not any(operation is other for other in last)]
    return (*kept, *(replace(operation, concurrently=True) for operation in last))


def _is_built_online(
    operation: Operation, operations: Sequence[Operation], desired: Schema, dialect: Dialect
) -> TypeGuard[CreateIndex]:
    if not isinstance(operation, CreateIndex) or operation.table not in desired.tables:
        return False
    table = desired.tables[operation.table]
    return dialect.builds_concurrently(operation.index, table) and not any(
        _needs_index(key, operation) for other in operations for key in _constraints(other)
    )


def _constraints(operation: Operation) -> Sequence[Constraint]:
    match operation:
        case AddConstraint(constraint=constraint):
            return (constraint,)
        case CreateTable(table=table):
            return table.constraints
    return ()


def _needs_index(constraint: Constraint, operation: CreateIndex) -> bool:
    """Return whether a foreign key needs that unique index, which must then exist before it."""
    return (
        isinstance(constraint, ForeignKey)
        and operation.index.unique
        and constraint.referred == operation.table
        and set(constraint.referred_columns) == set(operation.index.columns)
    )


def _replaces(create: CreateIndex, drop: DropIndex) -> bool:
    return (create.table, create.index.name) == (drop.table, drop.name)


def _alters_columns(operation: Operation, drop: DropIndex) -> bool:
    altering = isinstance(operation, AlterColumn | DropColumn | RenameColumn | RenameTable)
    return altering and drop.table in tables_of(operation)
