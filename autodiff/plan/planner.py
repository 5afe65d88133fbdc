"""Changes to operations, in an order that works up and, read backwards, down.

The phases: make room (schemas, enums, sequences), rename, take away what is in the way, create
tables, add and alter columns, then those that are computed from them, put constraints and indexes
back, drop columns and tables, and last what nothing uses any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
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
from autodiff.compare.renames import one_by_one, spare_column, spare_table
from autodiff.dialects.base import Dialect
from autodiff.errors import FillNeededError
from autodiff.operations import (
    AddColumn,
    AddConstraint,
    AlterColumn,
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
from autodiff.plan.around import must_be_replaced, with_surroundings
from autodiff.plan.enums import alter_enum, default_first
from autodiff.plan.fills import (
    add_and_fill,
    check_fills,
    fill_sql,
    fills_needed,
    nullability_fills,
    refills_needed,
    usual_value,
)
from autodiff.plan.keys import Ground, changing_ground, keys_aside
from autodiff.plan.order import order_tables, order_views
from autodiff.plan.plan import Plan, without_taken_along
from autodiff.schema import (
    Column,
    Constraint,
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
    FREE_ENUMS = 5
    ALTER_ENUMS = 6
    DROP_COMPUTED = 7
    CREATE_TABLES = 8
    COLUMNS = 9
    ADD_COMPUTED = 10
    CONSTRAINTS = 11
    KEYS = 12
    DROP_COLUMNS = 13
    DROP_TABLES = 14
    CREATE_VIEWS = 15
    CLEAR_AWAY = 16


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
        return Backfill(table=table, values=((column, fill_sql(value, self.dialect)),), where=where)


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
    allowed = nullability_fills(changes) | {item.key for item in refills_needed(changes)}
    check_fills(given, needed, allowed)
    missing = [item.key for item in needed if item.key not in given]
    if missing:
        raise FillNeededError(missing)
    steps = _Steps()
    ground = changing_ground(changes, dialect)
    _plan_renames(changes, steps)
    _plan_tables(changes, ground, steps)
    around = keys_aside(changes, ground, desired)
    known = _Fills(given, dialect)
    for change in (*with_surroundings(changes, current, desired, dialect), *around):
        match change:
            case EnumAltered():
                steps.add(Phase.ALTER_ENUMS, alter_enum(change, changes, current, given))
            case ColumnAltered():
                _alter_column(change, changes, known, steps)
            case _:
                _plan_change(change, known, steps)
    _sort_views(steps)
    return Plan(
        dialect=dialect,
        current=current,
        desired=desired,
        changes=tuple(changes),
        operations=tuple(without_taken_along(steps.ordered(), dialect)),
        refills=tuple(_refills(changes, current, known)),
    )


def _refills(changes: Sequence[Change], current: Schema, fills: _Fills) -> Iterable[Backfill]:
    """Values for columns that come back NOT NULL when the plan is taken back."""
    before = {c.after: c.before for c in changes if isinstance(c, TableRenamed)}
    for needed in refills_needed(changes):
        backfill = fills.backfill(needed.table, needed.column.name)
        table = current.tables[before.get(needed.table, needed.table)]
        value = usual_value(table, needed.column, current.enums)
        if backfill is None and value is not None:
            given = {needed.key: f"sql:{value}"}
            backfill = _Fills(given, fills.dialect).backfill(needed.table, needed.column.name)
        if backfill is not None:
            yield backfill


def _plan_renames(changes: Sequence[Change], steps: _Steps) -> None:
    """Tables, then columns, each when its new name is free."""
    tables = [(c.before, c.after) for c in changes if isinstance(c, TableRenamed)]
    for before, after in one_by_one(tables, spare_table):
        steps.add(Phase.RENAME, RenameTable(before=before, after=after))
    columns: dict[Name, list[tuple[str, str]]] = {}
    for change in changes:
        if isinstance(change, ColumnRenamed):
            columns.setdefault(change.table, []).append((change.before, change.after))
    for table, pairs in columns.items():
        for old, new in one_by_one(pairs, spare_column):
            steps.add(Phase.RENAME, RenameColumn(table=table, before=old, after=new))


def _sort_views(steps: _Steps) -> None:
    """Views are created behind those that they read, and dropped before them."""
    created = [s for s in steps.by_phase.get(Phase.CREATE_VIEWS, []) if isinstance(s, CreateView)]
    ordered = order_views({step.view.name: step.view for step in created})
    steps.by_phase[Phase.CREATE_VIEWS] = [CreateView(view=view) for view in ordered]
    dropped = {
        step.name: step
        for step in steps.by_phase.get(Phase.DROP_VIEWS, [])
        if isinstance(step, DropView)
    }
    old = order_views({name: step.view for name, step in dropped.items() if step.view})
    steps.by_phase[Phase.DROP_VIEWS] = [dropped[view.name] for view in reversed(old)]


def _plan_tables(changes: Sequence[Change], ground: Ground, steps: _Steps) -> None:
    """Tables to create parents first, tables to drop children first; circles cut."""
    added = {
        change.table.name: change.table for change in changes if isinstance(change, TableAdded)
    }
    created, late_keys = order_tables(added, ground.keys_of(added.values()))
    steps.add(Phase.CREATE_TABLES, *(CreateTable(table=table) for table in created))
    steps.add(Phase.KEYS, *(AddConstraint(table=name, constraint=key) for name, key in late_keys))
    removed = {c.table.name: c.table for c in changes if isinstance(c, TableRemoved)}
    dropped, early_keys = order_tables(removed, ground.keys_of(removed.values()))
    steps.add(Phase.DROP_KEYS, *(_drop_constraint(name, key) for name, key in early_keys))
    steps.add(Phase.DROP_TABLES, *(DropTable(name=t.name, table=t) for t in reversed(dropped)))


def _plan_change(change: Change, fills: _Fills, steps: _Steps) -> None:
    match change:
        case NamespaceAdded(name=name):
            steps.add(Phase.MAKE_ROOM, CreateNamespace(name=name))
        case TableAdded() | TableRemoved() | TableRenamed() | ColumnRenamed():
            pass
        case TableCommentAltered(table=table, before=old_text, after=text):
            steps.add(
                Phase.COLUMNS,
                SetComment(kind="table", name=table, before=old_text, after=text),
            )
        case TableOptionsAltered(table=table, options=options):
            steps.add(Phase.COLUMNS, SetTableOptions(table=table, options=options))
        case ColumnAdded(table=table, column=column):
            phase = Phase.ADD_COMPUTED if column.computed else Phase.COLUMNS
            steps.add(phase, *_add_column(table, column, fills))
        case ColumnRemoved(table=table, column=column):
            phase = Phase.DROP_COMPUTED if column.computed else Phase.DROP_COLUMNS
            steps.add(phase, DropColumn(table=table, name=column.name, column=column))
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
            _plan_other(change, steps)


def _plan_other(change: Change, steps: _Steps) -> None:
    match change:
        case EnumAdded(enum=enum):
            steps.add(Phase.MAKE_ROOM, CreateEnum(enum=enum))
        case EnumRemoved(enum=enum):
            steps.add(Phase.CLEAR_AWAY, DropEnum(name=enum.name, enum=enum))
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


# Columns


def _add_column(table: Name, column: Column, fills: _Fills) -> list[Operation]:
    """NOT NULL without a default: nullable first, then filled, then NOT NULL."""
    backfill = fills.backfill(table, column.name)
    if backfill is None:
        return [AddColumn(table=table, column=column)]
    return add_and_fill(AddColumn(table=table, column=column), backfill)


def _alter_column(
    change: ColumnAltered, changes: Sequence[Change], fills: _Fills, steps: _Steps
) -> None:
    if must_be_replaced(change, fills.dialect):
        old, new = change.before, change.after
        drop = DropColumn(table=change.table, name=old.name, column=old)
        steps.add(Phase.DROP_COMPUTED, drop)
        add = AddColumn(table=change.table, column=new)
        steps.add(Phase.ADD_COMPUTED if new.computed else Phase.COLUMNS, add)
        return
    early, late = default_first(change, changes)
    if early is not None:
        steps.add(Phase.FREE_ENUMS, _altered(early, fills.dialect))
    backfill = fills.backfill(change.table, change.after.name)
    if backfill is not None:
        steps.add(Phase.COLUMNS, backfill)
    if late.fields:
        steps.add(Phase.COLUMNS, _altered(late, fills.dialect))


def _altered(change: ColumnAltered, dialect: Dialect) -> AlterColumn:
    fields = _patched(change, dialect)
    return AlterColumn(
        table=change.table,
        name=change.after.name,
        before=ColumnPatch.of(change.before, fields),
        after=ColumnPatch.of(change.after, fields),
    )


def _patched(change: ColumnAltered, dialect: Dialect) -> tuple[str, ...]:
    """The fields to set; a default goes along with a new type that it does not cast to."""
    known = ("type", "nullable", "default", "computed", "identity", "autoincrement", "comment")
    fields = [name for name in known if name in change.fields]
    old, new = change.before, change.after
    kept = not (old.default or new.default) or dialect.keeps_default(old.type.sql, new.type.sql)
    if "type" in fields and "default" not in fields and not kept:
        fields.insert(1, "default")
    serial = old.autoincrement and new.autoincrement and not dialect.features.restates_columns
    return tuple([*fields, "autoincrement"] if serial and "type" in fields else fields)


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
