"""The plan of a migration: ordered operations, how to reverse them, and findings about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from autodiff.compare.enum_values import Value
from autodiff.dialects.base import Dialect
from autodiff.migrations.files import MigrationPhase
from autodiff.plan.backfills import add_and_fill
from autodiff.plan.data_loss import DataLoss
from autodiff.plan.merged_backfills import merge_backfills
from autodiff.plan.nonblocking.steps import OnlineSteps, plain_steps
from autodiff.plan.replaced_columns import sets_expressions
from autodiff.plan.row_checks.context import RowCheck
from autodiff.schema.changes import Change, ViewAltered
from autodiff.schema.describe import describe_change
from autodiff.schema.objects import Computed, ForeignKey, Name, Schema
from autodiff.schema.operations import (
    AddColumn,
    AlterColumn,
    Backfill,
    CreateView,
    DropColumn,
    DropConstraint,
    DropIndex,
    DropView,
    Operation,
    SetTableOptions,
)

__all__ = ["Finding", "MigrationPlan", "options_first", "without_implied_index_drops"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something to know about a plan or a file; `severity` is "info", "warning" or "error"."""

    code: str
    severity: str
    message: str
    hint: str | None = None
    place: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationPlan:
    """The operations that lead from the current schema to the desired one, in order.

    downgrade_backfills: values for NOT NULL columns that the plan drops, set when the downgrade
        adds them again.
    checks, downgrade_checks: queries for rows that prevent the upgrade or the downgrade.
    reported_checks: queries for rows that lose values, or that the migration must deal with.
    reversible_operations: the operations to reverse for the downgrade, if they differ from
        `operations`. An index or a view can stay while an enum type gets a value, but must be
        dropped while the type loses it again.
    maps: the new value of rows whose enum value is removed.
    data_loss: the data that the operations lose. It is counted if a database was connected.
    online: the steps of both directions, if the migration must not block the application.
    lines: the summary, if the plan is part of another plan and contains no changes itself.
    phase: the part of the plan that it is.
    guards: queries that find no row if no old version of the application is in use.
    setup: operations that an earlier part of the plan ran, and that no schema shows.
    stands_alone: whether it must create everything that it needs: a baseline for an empty database.
    """

    dialect: Dialect
    current: Schema
    desired: Schema
    changes: tuple[Change, ...] = ()
    operations: tuple[Operation, ...] = ()
    findings: tuple[Finding, ...] = ()
    downgrade_backfills: tuple[Backfill, ...] = ()
    reversible_operations: tuple[Operation, ...] = ()
    maps: Mapping[Value, str] = field(default_factory=dict)
    checks: tuple[RowCheck, ...] = ()
    downgrade_checks: tuple[RowCheck, ...] = ()
    data_loss: tuple[DataLoss, ...] = ()
    reported_checks: tuple[RowCheck, ...] = ()
    online: OnlineSteps | None = None
    lines: tuple[str, ...] = ()
    phase: MigrationPhase | None = None
    guards: tuple[str, ...] = ()
    setup: tuple[Operation, ...] = ()
    stands_alone: bool = False

    def __bool__(self) -> bool:
        return bool(self.operations)

    def reverse(self) -> list[Operation]:
        """Return the operations of the downgrade, in order.

        A column that would be altered and then dropped is only dropped.
        """
        if self.online is not None:
            return [step.operation for step in self.online.downgrade]
        reversed_operations = [
            reversed_operation
            for operation in reversed(self.reversible_operations or self.operations)
            if (reversed_operation := operation.reverse()) is not None
        ]
        operations = [part for whole in reversed_operations for part in self._split(whole)]
        operations = without_implied_index_drops(operations, self.dialect)
        operations = options_first(operations, self.desired, self.dialect)
        kept = _without_changes_before_drops(operations)
        merged = merge_backfills(kept, self.desired.tables, self.dialect)
        return [*(check.require for check in self.downgrade_checks), *merged]

    def steps(self) -> OnlineSteps:
        """Return the steps of both directions."""
        return self.online or OnlineSteps(
            upgrade=plain_steps(self.operations), downgrade=plain_steps(self.reverse())
        )

    def _split(self, operation: Operation) -> list[Operation]:
        """Return a reversed operation, or the several that do it on a table with rows."""
        if isinstance(operation, AddColumn):
            for backfill in self.downgrade_backfills:
                columns = [column for column, _ in backfill.values]
                if (backfill.table, columns) == (operation.table, [operation.column.name]):
                    return add_and_fill(operation, backfill)
        if isinstance(operation, AlterColumn) and isinstance(operation.after.computed, Computed):
            return self._make_computed(operation)
        return [operation]

    def _make_computed(self, operation: AlterColumn) -> list[Operation]:
        """Return the operations that turn a plain column into a computed one.

        If the database cannot alter that, the column is dropped and added.
        """
        column = self.desired.tables[operation.table].column(operation.name)
        if sets_expressions(self.dialect) or column is None:
            return [operation]
        drop = DropColumn(table=operation.table, name=operation.name, column=column)
        place = (operation.table, operation.name)
        for other in reversed(self.reversible_operations or self.operations):
            if isinstance(other, AlterColumn) and (other.table, other.name) == place:
                column = other.before.apply(column)
        return [drop, AddColumn(table=operation.table, column=operation.after.apply(column))]

    def summary(self) -> list[str]:
        """Return a line for each change: `+ column comments.timestamp`.

        Views that the plan drops and creates again, because of another change, come last.
        """
        lines = [*self.lines, *(describe_change(change) for change in self.changes)]
        named = {change.after.name for change in self.changes if isinstance(change, ViewAltered)}
        dropped = {item.name for item in self.operations if isinstance(item, DropView)}
        created = [item.view.name for item in self.operations if isinstance(item, CreateView)]
        recreated = [name for name in created if name in dropped and name not in named]
        return [*lines, *(f"~ view {name}: dropped and created again" for name in recreated)]


def options_first(
    operations: Sequence[Operation], desired: Schema, dialect: Dialect
) -> list[Operation]:
    """Move table options that change columns before the first change of a column of the table.

    On MySQL, a new table charset converts every column. A column with a different charset must be
    altered afterwards, or it would lose that charset.
    """
    ordered: list[Operation] = []
    for operation in operations:
        position = len(ordered)
        if isinstance(operation, SetTableOptions) and operation.table in desired.tables:
            table = desired.tables[operation.table]
            if dialect.ddl.columns_changed_by_options(operation.options, table):
                altered = (n for n, other in enumerate(ordered) if _alters(other, operation.table))
                position = next(altered, position)
        ordered.insert(position, operation)
    return ordered


def _alters(operation: Operation, table: Name) -> bool:
    return isinstance(operation, AlterColumn) and operation.table == table


def without_implied_index_drops(
    operations: Sequence[Operation], dialect: Dialect
) -> list[Operation]:
    """Leave out the dropping of indexes that the database drops with their foreign key."""
    foreign_keys: dict[Name, list[ForeignKey]] = {}
    for operation in operations:
        if isinstance(operation, DropConstraint) and isinstance(operation.constraint, ForeignKey):
            foreign_keys.setdefault(operation.table, []).append(operation.constraint)

    def is_implied(operation: Operation) -> bool:
        if not isinstance(operation, DropIndex) or operation.index is None:
            return False
        keys = foreign_keys.get(operation.table, ()) if operation.table is not None else ()
        return any(dialect.catalog.is_implicit_index(operation.index, key) for key in keys)

    return [operation for operation in operations if not is_implied(operation)]


def _without_changes_before_drops(operations: Sequence[Operation]) -> list[Operation]:
    """Leave out changes of columns that are dropped later."""
    last_drops = {
        (operation.table, operation.name): position
        for position, operation in enumerate(operations)
        if isinstance(operation, DropColumn)
    }

    def is_dropped_later(position: int, operation: Operation) -> bool:
        return (
            isinstance(operation, AlterColumn)
            and last_drops.get((operation.table, operation.name), -1) > position
        )

    return [o for position, o in enumerate(operations) if not is_dropped_later(position, o)]
