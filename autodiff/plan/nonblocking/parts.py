"""The constraints and indexes that operations are about."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from autodiff.schema.apply import names_column
from autodiff.schema.changes import (
    Change,
    ConstraintAdded,
    ConstraintAltered,
    IndexAdded,
    IndexAltered,
)
from autodiff.schema.objects import Constraint, ForeignKey, Index, Name
from autodiff.schema.operations import (
    AddConstraint,
    AlterColumn,
    Backfill,
    CreateIndex,
    DropConstraint,
    DropIndex,
    Operation,
)

__all__ = ["added_part", "adds_target", "drop_of", "filled_columns", "mentions_column", "new_part"]


def new_part(operation: CreateIndex | AddConstraint) -> Constraint | Index:
    """Return the constraint or index that an operation adds."""
    return operation.index if isinstance(operation, CreateIndex) else operation.constraint


def added_part(item: Operation | Change | None) -> Constraint | Index | None:
    """Return the constraint or index that an operation or a change adds; None if it adds none."""
    match item:
        case AddConstraint(constraint=part) | ConstraintAdded(constraint=part):
            return part
        case CreateIndex(index=part) | IndexAdded(index=part):
            return part
        case ConstraintAltered(after=part) | IndexAltered(after=part):
            return part
        case _:
            return None


def adds_target(operations: Iterable[Operation], operation: CreateIndex | AddConstraint) -> bool:
    """Return whether one of the operations adds the key to which a new foreign key refers."""
    key = new_part(operation)
    return isinstance(key, ForeignKey) and any(
        isinstance(o, CreateIndex | AddConstraint)
        and o.table == key.referred
        and all(names_column(new_part(o), column) for column in key.referred_columns)
        for o in operations
    )


def mentions_column(operation: Operation, columns: Collection[tuple[Name, str]]) -> bool:
    """Return whether an operation is about one of the columns."""
    match operation:
        case (
            AddConstraint(table=table, constraint=part)
            | DropConstraint(table=table, constraint=part)
        ) if part is not None:
            return any(names_column(part, c) for t, c in columns if t == table)
        case CreateIndex(table=table, index=index) | DropIndex(table=table, index=index) if (
            index is not None
        ):
            return any(names_column(index, c) for t, c in columns if t == table)
        case AlterColumn(table=table, name=name):
            return (table, name) in columns
    return False


def drop_of(operation: DropIndex | DropConstraint, name: str) -> DropIndex | DropConstraint:
    """Return the drop of a part that has another name."""
    if isinstance(operation, DropIndex):
        index = operation.index and replace(operation.index, name=name)
        return replace(operation, name=name, index=index)
    part = operation.constraint and replace(operation.constraint, name=name, implicit=False)
    return replace(operation, name=name, constraint=part)


def filled_columns(
    operations: Iterable[Operation], operation: CreateIndex | AddConstraint
) -> list[str]:
    """Return the columns of a new part whose rows get values by other operations."""
    part = new_part(operation)
    return [
        column
        for fill in operations
        if isinstance(fill, Backfill) and fill.table == operation.table
        for column, _ in fill.values
        if names_column(part, column)
    ]
