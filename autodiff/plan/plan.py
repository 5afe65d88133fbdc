"""The plan: ordered operations, and what stands out about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from autodiff.compare.enum_values import Value
from autodiff.dialects.base import Dialect
from autodiff.plan.backfills import add_and_fill
from autodiff.plan.row_checks.before import RowCheck
from autodiff.schema.changes import Change
from autodiff.schema.describe import describe_change
from autodiff.schema.objects import Computed, ForeignKey, Name, Schema
from autodiff.schema.operations import (
    AddColumn,
    AlterColumn,
    Backfill,
    DropColumn,
    DropConstraint,
    DropIndex,
    Operation,
    SetTableOptions,
)

__all__ = ["Finding", "Plan", "options_first", "without_taken_along"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something to know about a plan or a file; `severity` is "info", "warning" or "error"."""

    code: str
    severity: str
    message: str
    hint: str | None = None
    place: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to do, in order, to get from the current schema to the desired one.

    refills: for NOT NULL columns that are dropped, what fills them when they come back.
    checks, checks_back: what the rows must meet before its first step, and before the way back.
    retraced: the operations as the way back needs them, where that is not the same: what rests on
        an enum type stays while it gets a value, and is in the way when it loses one.
    maps: what rows get whose value goes away.
    """

    dialect: Dialect
    current: Schema
    desired: Schema
    changes: tuple[Change, ...] = ()
    operations: tuple[Operation, ...] = ()
    findings: tuple[Finding, ...] = ()
    refills: tuple[Backfill, ...] = ()
    retraced: tuple[Operation, ...] = ()
    maps: Mapping[Value, str] = field(default_factory=dict)
    checks: tuple[RowCheck, ...] = ()
    checks_back: tuple[RowCheck, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.operations)

    def reverse(self) -> list[Operation]:
        """The operations that take the plan back, in order.

        What is altered and then dropped is only dropped.
        """
        reversed_ = (
            operation.reverse() for operation in reversed(self.retraced or self.operations)
        )
        known = [operation for operation in reversed_ if operation is not None]
        steps = [step for operation in known for step in self._taken_back(operation)]
        kept = options_first(without_taken_along(steps, self.dialect), self.desired, self.dialect)
        steps = [s for place, s in enumerate(kept) if not _dropped_later(s, kept[place:])]
        return [*(check.require for check in self.checks_back), *steps]

    def _taken_back(self, operation: Operation) -> list[Operation]:
        """A reversed operation, or several where one can't do it on a table with rows."""
        if isinstance(operation, AddColumn):
            for refill in self.refills:
                columns = [column for column, _ in refill.values]
                if (refill.table, columns) == (operation.table, [operation.column.name]):
                    return add_and_fill(operation, refill)
        if isinstance(operation, AlterColumn) and isinstance(operation.after.computed, Computed):
            return self._computed_again(operation)
        return [operation]

    def _computed_again(self, operation: AlterColumn) -> list[Operation]:
        """A column can't be made to be computed, unless ALTER says all of it."""
        features = self.dialect.features
        column = self.desired.tables[operation.table].column(operation.name)
        if features.rebuilds_tables or features.alter_repeats_definition or column is None:
            return [operation]
        drop = DropColumn(table=operation.table, name=operation.name, column=column)
        return [drop, AddColumn(table=operation.table, column=operation.after.apply(column))]

    def summary(self) -> list[str]:
        """A line for each change: `+ column comments.timestamp`."""
        return [describe_change(change) for change in self.changes]


def options_first(steps: Sequence[Operation], desired: Schema, dialect: Dialect) -> list[Operation]:
    """The steps with options that columns follow, as they do the charset, before the first altering
    of a column of the table: what one says for itself comes later."""
    ordered: list[Operation] = []
    for step in steps:
        place = len(ordered)
        table = desired.tables.get(step.table) if isinstance(step, SetTableOptions) else None
        if (
            isinstance(step, SetTableOptions)
            and table is not None
            and dialect.ddl.columns_changed_by_options(step.options, table)
        ):
            altered = (n for n, other in enumerate(ordered) if _alters(other, step.table))
            place = next(altered, place)
        ordered.insert(place, step)
    return ordered


def _alters(step: Operation, table: Name) -> bool:
    return isinstance(step, AlterColumn) and step.table == table


def without_taken_along(steps: Sequence[Operation], dialect: Dialect) -> list[Operation]:
    """The steps without the dropping of indexes that go with their foreign key."""
    keys = [
        (step.table, step.constraint)
        for step in steps
        if isinstance(step, DropConstraint) and isinstance(step.constraint, ForeignKey)
    ]

    def taken_along(step: Operation) -> bool:
        if not isinstance(step, DropIndex) or step.index is None:
            return False
        index, table = step.index, step.table
        return any(
            table == owner and dialect.catalog.is_implicit_index(index, key) for owner, key in keys
        )

    return [step for step in steps if not taken_along(step)]


def _dropped_later(step: Operation, later: Sequence[Operation]) -> bool:
    return isinstance(step, AlterColumn) and any(
        isinstance(other, DropColumn) and (other.table, other.name) == (step.table, step.name)
        for other in later
    )
