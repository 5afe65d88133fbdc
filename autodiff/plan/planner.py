"""Changes to operations, in an order that works up and, read backwards, down.

The phases: make room (schemas, enums, sequences), drop views, rename, take away what is in the way,
create tables, add and alter columns, then those that are computed from them, put constraints and
indexes back, drop columns and tables, create views, and last what nothing uses any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

from autodiff.compare.apply_renames import schema_after_renames
from autodiff.compare.enum_values import Value
from autodiff.compare.enums import with_enum_changes
from autodiff.dialects.base import Dialect
from autodiff.errors import FillNeededError
from autodiff.plan.backfills import (
    Fills,
    check_fills,
    fills_needed,
    nullability_fills,
    refills,
    refills_needed,
)
from autodiff.plan.columns import add_column, alter_column, drop_column
from autodiff.plan.concurrent_indexes import indexes_last
from autodiff.plan.constraints import (
    add_constraint,
    alter_constraint,
    alter_index,
    drop_constraint,
    dropping_constraint,
    dropping_index,
)
from autodiff.plan.dependents import replaced_apart, with_surroundings
from autodiff.plan.enum_values import check_maps, column_moves, enum_moves, maps_possible
from autodiff.plan.enums import alter_enum, plan_enum_renames, retyped
from autodiff.plan.foreign_keys import Ground, changing_ground, indexes_put_back, keys_aside
from autodiff.plan.order import order_tables
from autodiff.plan.phases import Phase, Steps
from autodiff.plan.plan import Plan, options_first, without_taken_along
from autodiff.plan.renames import (
    dropped_at_once,
    plan_renamed_parts,
    plan_renames,
    spare_names,
    with_keys_made_anew,
    with_spare_names,
)
from autodiff.plan.row_checks import build_downgrade_checks, build_row_checks
from autodiff.plan.rowid_keys import plan_rowids
from autodiff.plan.views import plan_view, sort_views
from autodiff.schema.changes import (
    Change,
    ColumnAdded,
    ColumnAltered,
    ColumnRemoved,
    ColumnRenamed,
    ColumnValueRenamed,
    ConstraintAdded,
    ConstraintAltered,
    ConstraintRemoved,
    ConstraintRenamed,
    EnumAdded,
    EnumAltered,
    EnumRemoved,
    EnumRenamed,
    EnumValueRenamed,
    IndexAdded,
    IndexAltered,
    IndexRemoved,
    IndexRenamed,
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
from autodiff.schema.objects import Name, Schema
from autodiff.schema.operations import (
    AddConstraint,
    AlterEnum,
    AlterSequence,
    Backfill,
    CreateEnum,
    CreateIndex,
    CreateNamespace,
    CreateSequence,
    CreateTable,
    DropEnum,
    DropSequence,
    DropTable,
    Operation,
    SetComment,
    SetTableOptions,
)

__all__ = ["plan_changes"]


def plan_changes(
    changes: Sequence[Change],
    *,
    current: Schema,
    desired: Schema,
    dialect: Dialect,
    fills: Mapping[str, str] | None = None,
    maps: Mapping[Value, str] | None = None,
) -> Plan:
    """The operations for the changes, in order.

    `fills` are values for existing rows, by "table.column"; `maps` are what rows get whose value
    goes away.

    Raises FillNeededError where a NOT NULL column without a default gets no value.
    """
    given = dict(fills or {})
    replaced = replaced_apart(changes, dialect)
    needed = fills_needed(replaced)
    allowed = nullability_fills(changes) | {item.key for item in refills_needed(replaced)}
    check_fills(given, needed, allowed)
    missing = [item.key for item in needed if item.key not in given]
    if missing:
        raise FillNeededError(missing)
    mapped = dict(maps or {})
    check_maps(mapped, maps_possible(changes))
    if not changes:
        return Plan(dialect=dialect, current=current, desired=desired, changes=(), operations=())
    spares = spare_names(changes, current)
    at_once = dropped_at_once(changes, spares)
    settled = _settled((c for c in changes if c not in at_once), spares, desired, dialect)
    now = with_enum_changes(current, changes, dialect)
    renamed = schema_after_renames(now, settled)
    enums = {
        change.after.name: alter_enum(change, settled, renamed, given)
        for change in settled
        if isinstance(change, EnumAltered)
    }
    draft = _Draft(
        settled=settled,
        at_once=at_once,
        now=now,
        desired=desired,
        enums=enums,
        fills=Fills(values=given, dialect=dialect),
        maps=mapped,
    )
    there = retyped(enums.values(), renamed)
    back = retyped((step.reverse() for step in enums.values()), renamed)
    again = tuple(refills(replaced, current, draft.fills, spares))
    sides = {"current": current, "desired": desired}
    checks = build_row_checks(replaced, **sides, dialect=dialect, fills=given, maps=mapped)
    filled = _filled(again, spares)
    return Plan(
        dialect=dialect,
        current=current,
        desired=desired,
        changes=tuple(changes),
        operations=(*(check.require for check in checks), *draft.operations(there)),
        refills=again,
        checks=checks,
        checks_back=build_downgrade_checks(replaced, **sides, dialect=dialect, filled=filled),
        maps=mapped,
        retraced=draft.operations(back) if back != there else (),
    )


def _settled(
    changes: Iterable[Change],
    spares: Mapping[tuple[Name, str], str],
    desired: Schema,
    dialect: Dialect,
) -> list[Change]:
    """The changes under the names that wait for others, with what a key that goes aside does."""
    spared = with_spare_names(changes, spares)
    return with_keys_made_anew(spared, changing_ground(spared, desired, dialect))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Draft:
    """What a plan is made from; `now` is the current schema with its enums renamed.

    `settled` are the changes without those done `at_once`, `enums` the steps for types that differ.
    """

    settled: Sequence[Change]
    at_once: Sequence[ColumnRemoved]
    now: Schema
    desired: Schema
    enums: Mapping[Name, AlterEnum]
    fills: Fills
    maps: Mapping[Value, str]

    def operations(self, retyped: Mapping[Name, Sequence[str]]) -> tuple[Operation, ...]:
        """The operations in order, where those columns get an enum type that is made anew."""
        settled, dialect, steps = self.settled, self.fills.dialect, Steps()
        ground = changing_ground(settled, self.desired, dialect)
        plan_renames(settled, self.at_once, steps)
        plan_enum_renames(settled, steps)
        _plan_tables(settled, ground, steps)
        left = plan_rowids(settled, dialect, steps)
        around = with_surroundings(left, self.now, self.desired, dialect, retyped)
        keys = keys_aside(settled, ground.with_columns(retyped), self.desired)
        all_changes = [*around, *keys, *indexes_put_back(settled, self.desired, dialect)]
        plan_renamed_parts(all_changes, steps)
        self._plan_all(all_changes, steps)
        sort_views(steps)
        kept = without_taken_along(steps.ordered(), dialect)
        ordered = options_first(kept, self.desired, dialect)
        return indexes_last(ordered, self.desired, dialect)

    def _plan_all(self, changes: Sequence[Change], steps: Steps) -> None:
        settled = self.settled
        moves = {(m.table, m.column): m for m in column_moves(settled, self.maps)}
        for change in changes:
            match change:
                case EnumAltered():
                    self._alter_enum(self.enums[change.after.name], steps)
                case ColumnAltered():
                    place = (change.table, change.after.name)
                    alter_column(change, settled, self.fills, moves.pop(place, None), steps)
                case ColumnRemoved():
                    drop_column(change, settled, self.fills.dialect, steps)
                case _:
                    _plan_change(change, self.fills, steps)
        for rows in moves.values():
            steps.add(Phase.COLUMNS, *rows.updates(self.fills.dialect))

    def _alter_enum(self, step: AlterEnum, steps: Steps) -> None:
        for rows in enum_moves(step.after.name, step.users, self.maps):
            steps.add(Phase.FREE_ENUMS, *rows.updates(self.fills.dialect))
        steps.add(Phase.ALTER_ENUMS, step)


def _filled(again: Iterable[Backfill], spares: Mapping[tuple[Name, str], str]) -> set[str]:
    """The columns that get values on the way back, by the names that they end with."""
    names = {(table, spare): name for (table, name), spare in spares.items()}
    return {
        f"{refill.table}.{names.get((refill.table, column), column)}"
        for refill in again
        for column, _ in refill.values
    }


def _plan_tables(changes: Sequence[Change], ground: Ground, steps: Steps) -> None:
    """Tables to create parents first, tables to drop children first; circles cut."""
    added = {
        change.table.name: change.table for change in changes if isinstance(change, TableAdded)
    }
    created, late_keys = order_tables(added, ground.keys_of(added.values()))
    steps.add(Phase.CREATE_TABLES, *(CreateTable(table=table) for table in created))
    steps.add(Phase.KEYS, *(AddConstraint(table=name, constraint=key) for name, key in late_keys))
    removed = {c.table.name: c.table for c in changes if isinstance(c, TableRemoved)}
    dropped, early_keys = order_tables(removed, ground.keys_of(removed.values()))
    steps.add(Phase.DROP_KEYS, *(dropping_constraint(name, key) for name, key in early_keys))
    steps.add(Phase.DROP_TABLES, *(DropTable(name=t.name, table=t) for t in reversed(dropped)))


def _plan_change(change: Change, fills: Fills, steps: Steps) -> None:
    match change:
        case NamespaceAdded(name=name):
            steps.add(Phase.MAKE_ROOM, CreateNamespace(name=name))
        case TableAdded() | TableRemoved() | TableRenamed() | ColumnRenamed():
            pass
        case ConstraintRenamed() | IndexRenamed():
            pass
        case EnumRenamed() | EnumValueRenamed() | ColumnValueRenamed():
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
            steps.add(phase, *add_column(table, column, fills))
        case ConstraintAdded(table=table, constraint=constraint):
            add_constraint(table, constraint, steps)
        case ConstraintRemoved(table=table, constraint=constraint):
            drop_constraint(table, constraint, steps)
        case ConstraintAltered():
            alter_constraint(change, steps)
        case IndexAdded(table=table, index=index):
            steps.add(Phase.CONSTRAINTS, CreateIndex(table=table, index=index))
        case IndexRemoved(table=table, index=index):
            steps.add(Phase.DROP_CONSTRAINTS, dropping_index(table, index))
        case IndexAltered():
            alter_index(change, steps)
        case _:
            _plan_other(change, steps)


def _plan_other(change: Change, steps: Steps) -> None:
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
            plan_view(change, steps)
        case _:
            assert_never(change)  # type: ignore[arg-type]
