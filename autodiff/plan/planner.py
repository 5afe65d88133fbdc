"""Changes to operations, in an order that works up and, read backwards, down.

The phases: make room (schemas, enums, sequences), rename, take away what is in the way, create
tables, add and alter columns, put constraints and indexes back, drop columns and tables, and last
what nothing uses any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import assert_never

from autodiff.changes import (
    Change,
    ColumnAdded,
    ColumnAltered,
    ColumnRemoved,
    ColumnRenamed,
    ConstraintAdded,
    ConstraintAltered,
    ConstraintRemoved,
    EnumAdded,
    EnumAltered,
    EnumRemoved,
    IndexAdded,
    IndexAltered,
    IndexRemoved,
    NamespaceAdded,
    SequenceAdded,
    SequenceAltered,
    SequenceRemoved,
    TableAdded,
    TableCommentAltered,
    TableOptionsAltered,
    TableRemoved,
    TableRenamed,
    ViewAdded,
    ViewAltered,
    ViewRemoved,
)
from autodiff.dialects.base import Dialect
from autodiff.errors import FillNeededError
from autodiff.operations import (
    AddColumn,
    AddConstraint,
    AlterColumn,
    AlterEnum,
    AlterSequence,
    Backfill,
    ColumnPatch,
    CreateEnum,
    CreateIndex,
    CreateNamespace,
    CreateSequence,
    CreateTable,
    CreateView,
    DropColumn,
    DropConstraint,
    DropEnum,
    DropIndex,
    DropSequence,
    DropTable,
    DropView,
    Operation,
    RenameColumn,
    RenameTable,
    SetComment,
    SetTableOptions,
    constraint_kind,
)
from autodiff.plan.fills import (
    check_fills,
    fill_sql,
    fills_needed,
    nullability_fills,
)
from autodiff.plan.order import order_tables
from autodiff.plan.plan import Plan
from autodiff.schema import (
    Column,
    Constraint,
    EnumType,
    ForeignKey,
    Index,
    Name,
    Schema,
)

__all__ = ["plan"]


class Phase(IntEnum):
    """When an operation is done; within a phase the order of the changes holds."""

    MAKE_ROOM = 0
    RENAME = 1
    DROP_VIEWS = 2
    DROP_KEYS = 3
    DROP_CONSTRAINTS = 4
    ALTER_ENUMS = 5
    CREATE_TABLES = 6
    COLUMNS = 7
    CONSTRAINTS = 8
    KEYS = 9
    DROP_COLUMNS = 10
    DROP_TABLES = 11
    CREATE_VIEWS = 12
    CLEAR_AWAY = 13


@dataclass(slots=True)
class _Steps:
    """Operations collected by phase."""

    by_phase: dict[Phase, list[Operation]] = field(default_factory=dict)

    def add(self, phase: Phase, *operations: Operation) -> None:
        self.by_phase.setdefault(phase, []).extend(operations)

    def ordered(self) -> tuple[Operation, ...]:
        return tuple(step for phase in sorted(self.by_phase) for step in self.by_phase[phase])


@dataclass(frozen=True, slots=True)
class _Fills:
    """Values for existing rows, by "table.column", and the dialect to quote names with."""

    values: Mapping[str, str]
    dialect: Dialect

    def backfill(self, table: Name, column: str) -> Backfill | None:
        """The UPDATE that fills a column, None where no value was given."""
        value = self.values.get(f"{table}.{column}")
        if value is None:
            return None
        where = f"{self.dialect.quote(column)} IS NULL"
        return Backfill(table=table, values=((column, fill_sql(value)),), where=where)


def plan(
    changes: Sequence[Change],
    *,
    current: Schema,
    desired: Schema,
    dialect: Dialect,
    fills: Mapping[str, str] | None = None,
) -> Plan:
    """The operations for the changes, in order.

    `fills` are values for existing rows, by "table.column".

    Raises FillNeededError where a NOT NULL column without a default gets no value.
    """
    given = dict(fills or {})
    needed = fills_needed(changes)
    check_fills(given, needed, nullability_fills(changes))
    missing = [item.key for item in needed if item.key not in given]
    if missing:
        raise FillNeededError(missing)
    steps = _Steps()
    _plan_tables(changes, steps)
    for change in _expanded(changes, current, desired):
        _plan_change(change, current, _Fills(given, dialect), steps)
    return Plan(
        dialect=dialect,
        current=current,
        desired=desired,
        changes=tuple(changes),
        operations=steps.ordered(),
    )


def _expanded(changes: Sequence[Change], current: Schema, desired: Schema) -> Iterable[Change]:
    """The changes, with views that read an altered table dropped and created around it."""
    touched = {
        change.table
        for change in changes
        if isinstance(change, ColumnAltered | ColumnRemoved) and change.table in current.tables
    }
    told = {
        (change.before if isinstance(change, ViewAltered) else change.view).name
        for change in changes
        if isinstance(change, ViewAdded | ViewRemoved | ViewAltered)
    }
    around = [
        ViewAltered(before=view, after=replace(desired.views.get(name, view), reads=view.reads))
        for name, view in current.views.items()
        if name not in told and touched & set(view.reads)
    ]
    return [*changes, *around]


def _plan_tables(changes: Sequence[Change], steps: _Steps) -> None:
    """Tables to create parents first, tables to drop children first; circles cut."""
    added = {
        change.table.name: change.table for change in changes if isinstance(change, TableAdded)
    }
    created, late_keys = order_tables(added)
    steps.add(Phase.CREATE_TABLES, *(CreateTable(table=table) for table in created))
    steps.add(Phase.KEYS, *(AddConstraint(table=name, constraint=key) for name, key in late_keys))
    removed = {c.table.name: c.table for c in changes if isinstance(c, TableRemoved)}
    dropped, early_keys = order_tables(removed)
    steps.add(Phase.DROP_KEYS, *(_drop_constraint(name, key) for name, key in early_keys))
    steps.add(Phase.DROP_TABLES, *(DropTable(name=t.name, table=t) for t in reversed(dropped)))


def _plan_change(change: Change, current: Schema, fills: _Fills, steps: _Steps) -> None:
    match change:
        case NamespaceAdded(name=name):
            steps.add(Phase.MAKE_ROOM, CreateNamespace(name=name))
        case TableAdded() | TableRemoved():
            pass
        case TableRenamed(before=old, after=new):
            steps.add(Phase.RENAME, RenameTable(before=old, after=new))
        case ColumnRenamed(table=table, before=old_name, after=new_name):
            steps.add(Phase.RENAME, RenameColumn(table=table, before=old_name, after=new_name))
        case TableCommentAltered(table=table, before=old_text, after=text):
            steps.add(
                Phase.COLUMNS,
                SetComment(kind="table", name=table, before=old_text, after=text),
            )
        case TableOptionsAltered(table=table, options=options):
            steps.add(Phase.COLUMNS, SetTableOptions(table=table, options=options))
        case ColumnAdded(table=table, column=column):
            steps.add(Phase.COLUMNS, *_add_column(table, column, fills))
        case ColumnRemoved(table=table, column=column):
            drop = DropColumn(table=table, name=column.name, column=column)
            steps.add(Phase.DROP_COLUMNS, drop)
        case ColumnAltered():
            _alter_column(change, fills, steps)
        case ConstraintAdded(table=table, constraint=constraint):
            _add_constraint(table, constraint, steps)
        case ConstraintRemoved(table=table, constraint=constraint):
            _drop(table, constraint, steps)
        case ConstraintAltered():
            _alter_constraint(change, steps)
        case IndexAdded(table=table, index=index):
            steps.add(Phase.CONSTRAINTS, CreateIndex(table=table, index=index))
        case IndexRemoved(table=table, index=index):
            steps.add(Phase.DROP_CONSTRAINTS, _drop_index(table, index))
        case IndexAltered():
            _alter_index(change, steps)
        case _:
            _plan_other(change, current, steps)


def _plan_other(change: Change, current: Schema, steps: _Steps) -> None:
    match change:
        case EnumAdded(enum=enum):
            steps.add(Phase.MAKE_ROOM, CreateEnum(enum=enum))
        case EnumRemoved(enum=enum):
            steps.add(Phase.CLEAR_AWAY, DropEnum(name=enum.name, enum=enum))
        case EnumAltered(before=old, after=new):
            columns = _columns_using(old, current)
            steps.add(Phase.ALTER_ENUMS, AlterEnum(before=old, after=new, columns=columns))
        case SequenceAdded(sequence=sequence):
            steps.add(Phase.MAKE_ROOM, CreateSequence(sequence=sequence))
        case SequenceRemoved(sequence=sequence):
            steps.add(Phase.CLEAR_AWAY, DropSequence(name=sequence.name, sequence=sequence))
        case SequenceAltered(before=before, after=after):
            steps.add(Phase.MAKE_ROOM, AlterSequence(before=before, after=after))
        case ViewAdded() | ViewRemoved() | ViewAltered():
            _plan_view(change, steps)
        case _:
            assert_never(change)  # type: ignore[arg-type]


def _plan_view(change: ViewAdded | ViewRemoved | ViewAltered, steps: _Steps) -> None:
    if isinstance(change, ViewAdded):
        steps.add(Phase.CREATE_VIEWS, CreateView(view=change.view))
        return
    old = change.view if isinstance(change, ViewRemoved) else change.before
    drop = DropView(name=old.name, materialized=old.materialized, view=old)
    steps.add(Phase.DROP_VIEWS, drop)
    if isinstance(change, ViewAltered):
        steps.add(Phase.CREATE_VIEWS, CreateView(view=change.after))


def _columns_using(enum: EnumType, current: Schema) -> tuple[tuple[Name, str, str | None], ...]:
    return tuple(
        (name, column.name, column.default)
        for name, table in sorted(current.tables.items())
        for column in table.columns
        if column.type.enum == enum.name
    )


# Columns


def _add_column(table: Name, column: Column, fills: _Fills) -> list[Operation]:
    """NOT NULL without a default: nullable first, then filled, then NOT NULL."""
    backfill = fills.backfill(table, column.name)
    if backfill is None:
        return [AddColumn(table=table, column=column)]
    return [
        AddColumn(table=table, column=replace(column, nullable=True)),
        backfill,
        AlterColumn(
            table=table,
            name=column.name,
            before=ColumnPatch(nullable=True),
            after=ColumnPatch(nullable=False),
        ),
    ]


def _alter_column(change: ColumnAltered, fills: _Fills, steps: _Steps) -> None:
    if _must_be_replaced(change):
        old, new = change.before, change.after
        drop = DropColumn(table=change.table, name=old.name, column=old)
        steps.add(Phase.COLUMNS, drop, AddColumn(table=change.table, column=new))
        return
    backfill = fills.backfill(change.table, change.after.name)
    if backfill is not None:
        steps.add(Phase.COLUMNS, backfill)
    fields = _patched(change)
    alter = AlterColumn(
        table=change.table,
        name=change.after.name,
        before=ColumnPatch.of(change.before, fields),
        after=ColumnPatch.of(change.after, fields),
    )
    steps.add(Phase.COLUMNS, alter)


def _must_be_replaced(change: ColumnAltered) -> bool:
    """Databases can't alter how a column is generated."""
    return "computed" in change.fields


def _patched(change: ColumnAltered) -> tuple[str, ...]:
    """The fields to set; a default goes along with a new type, which it may not cast to."""
    known = ("type", "nullable", "default", "identity", "autoincrement", "comment")
    fields = [name for name in known if name in change.fields]
    defaults = (change.before.default, change.after.default)
    if "type" in fields and "default" not in fields and any(defaults):
        fields.insert(1, "default")
    return tuple(fields)


# Constraints and indexes


def _add_constraint(table: Name, constraint: Constraint, steps: _Steps) -> None:
    phase = Phase.KEYS if isinstance(constraint, ForeignKey) else Phase.CONSTRAINTS
    steps.add(phase, AddConstraint(table=table, constraint=constraint))


def _drop_constraint(table: Name, constraint: Constraint) -> DropConstraint:
    return DropConstraint(
        table=table,
        name=constraint.name,
        kind=constraint_kind(constraint),
        constraint=constraint,
    )


def _drop(table: Name, constraint: Constraint, steps: _Steps) -> None:
    key = isinstance(constraint, ForeignKey)
    phase = Phase.DROP_KEYS if key else Phase.DROP_CONSTRAINTS
    steps.add(phase, _drop_constraint(table, constraint))


def _alter_constraint(change: ConstraintAltered, steps: _Steps) -> None:
    if change.fields == ("comment",):
        schema = change.table.schema
        comment = SetComment(
            kind="constraint",
            name=Name(change.after.name or "", schema),
            table=change.table,
            before=change.before.comment,
            after=change.after.comment,
        )
        steps.add(Phase.CONSTRAINTS, comment)
        return
    _drop(change.table, change.before, steps)
    _add_constraint(change.table, change.after, steps)


def _drop_index(table: Name, index: Index) -> DropIndex:
    return DropIndex(table=table, name=index.name or "", index=index)


def _alter_index(change: IndexAltered, steps: _Steps) -> None:
    if change.fields == ("comment",):
        comment = SetComment(
            kind="index",
            name=Name(change.after.name or "", change.table.schema),
            table=change.table,
            before=change.before.comment,
            after=change.after.comment,
        )
        steps.add(Phase.CONSTRAINTS, comment)
        return
    steps.add(Phase.DROP_CONSTRAINTS, _drop_index(change.table, change.before))
    steps.add(Phase.CONSTRAINTS, CreateIndex(table=change.table, index=change.after))
