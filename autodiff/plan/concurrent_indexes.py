"""Indexes that are built while others write: last of all, outside of the transaction."""

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

__all__ = ["indexes_last"]


def indexes_last(
    steps: Sequence[Operation], desired: Schema, dialect: Dialect
) -> tuple[Operation, ...]:
    """The steps, with the indexes at their end that the models want built concurrently.

    One that takes the place of another drops that there too, unless its table is altered before.
    """
    built: list[CreateIndex] = [
        step for step in steps if _is_built_online(step, steps, desired, dialect)
    ]
    dropped = [
        step
        for step in steps
        if isinstance(step, DropIndex)
        and any(_replaces(create, step) for create in built)
        and not any(_alters_columns(other, step) for other in steps)
    ]
    moved: list[CreateIndex | DropIndex] = [*dropped, *built]
    kept = [step for step in steps if not any(step is other for other in moved)]
    return (*kept, *(replace(step, concurrently=True) for step in moved))


def _is_built_online(
    step: Operation, steps: Sequence[Operation], desired: Schema, dialect: Dialect
) -> TypeGuard[CreateIndex]:
    if not isinstance(step, CreateIndex) or step.table not in desired.tables:
        return False
    table = desired.tables[step.table]
    return dialect.ddl.builds_concurrently(step.index, table) and not any(
        _rests_on(key, step) for other in steps for key in _constraints(other)
    )


def _constraints(step: Operation) -> Sequence[Constraint]:
    match step:
        case AddConstraint(constraint=constraint):
            return (constraint,)
        case CreateTable(table=table):
            return table.constraints
    return ()


def _rests_on(constraint: Constraint, step: CreateIndex) -> bool:
    """Whether a foreign key needs that unique index, and so must find it."""
    return (
        isinstance(constraint, ForeignKey)
        and step.index.unique
        and constraint.referred == step.table
        and set(constraint.referred_columns) == set(step.index.columns)
    )


def _replaces(create: CreateIndex, drop: DropIndex) -> bool:
    return (create.table, create.index.name) == (drop.table, drop.name)


def _alters_columns(step: Operation, drop: DropIndex) -> bool:
    altering = isinstance(step, AlterColumn | DropColumn | RenameColumn | RenameTable)
    return altering and drop.table in tables_of(step)
