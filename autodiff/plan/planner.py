"""Turn changes into operations, in an order that works forwards and, reversed, backwards.

Planning has four steps:

1. Check the answers: each value for existing rows (`fills`, `maps`) must be needed, and each value
   that is needed must be given. Nothing is planned before that.
2. Prepare the changes. A column whose name another column takes is dropped first or renamed to a
   temporary name. A foreign key whose columns change is recreated instead of renamed.
3. Put each change, and what depends on it, into the phase in which it can run (see `phases`).
4. Order the operations of each phase: parents before children, readers after what they read.

Invariants, and what breaks without them:

- Each operation holds everything its reverse needs. Otherwise the downgrade cannot be written.
- All names are those that are valid when the operation runs: the old ones before the phase RENAME,
  the new ones after it. Otherwise an operation names a table or column that does not exist.
- Whatever refers to an object is dropped before the object changes, and added again afterwards.
  Otherwise the database refuses the change, or silently drops the dependent object.
- The order of operations depends only on the schemas, never on the order of a set or a dict that
  was built from a query. Otherwise the same input gives another file.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

from autodiff.compare.apply_renames import schema_after_renames
from autodiff.compare.enum_values import Value
from autodiff.compare.enums import with_enum_changes
from autodiff.compare.inheritance import inheriting_tables
from autodiff.dialects.base import Dialect
from autodiff.errors import FillNeededError
from autodiff.plan.backfills import (
    Fills,
    check_fill_values,
    check_fills,
    downgrade_backfills,
    downgrade_fills_needed,
    fill_sql,
    fills_needed,
    nullability_fills,
)
from autodiff.plan.columns import add_column, alter_column, drop_column
from autodiff.plan.concurrent_indexes import concurrent_indexes_last
from autodiff.plan.constraints import (
    add_constraint,
    alter_constraint,
    alter_index,
    drop_constraint,
    dropping_constraint,
    dropping_index,
)
from autodiff.plan.dependents import with_dependents
from autodiff.plan.dropped_names import free_names
from autodiff.plan.enum_values import (
    check_maps,
    column_value_updates,
    enum_value_updates,
    maps_possible,
)
from autodiff.plan.enums import alter_enum, plan_enum_renames, retyped_columns
from autodiff.plan.foreign_keys import (
    ChangedKeyParts,
    changed_key_parts,
    recreated_indexes,
    recreated_keys,
)
from autodiff.plan.key_targets import key_target_findings
from autodiff.plan.merged_backfills import merge_backfills
from autodiff.plan.migration_plan import MigrationPlan, options_first, without_implied_index_drops
from autodiff.plan.order import order_tables
from autodiff.plan.phases import Phase, PhasedOperations
from autodiff.plan.renames import (
    columns_dropped_first,
    plan_renamed_parts,
    plan_renames,
    temporary_names,
    with_recreated_keys,
    with_temporary_names,
)
from autodiff.plan.replaced_columns import loses_expression, split_replaced_columns
from autodiff.plan.row_checks import (
    build_downgrade_checks,
    build_reported_checks,
    build_row_checks,
)
from autodiff.plan.rowid_keys import plan_rowid_keys, with_rowids_between_keys
from autodiff.plan.taken_names import taken_name_findings
from autodiff.plan.time_zones import time_zone_findings
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
from autodiff.schema.objects import EnumType, Name, Schema
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

TemporaryNames = Mapping[tuple[Name, str], str]
"""The temporary names of columns, by their table and their own name."""


def plan_changes(
    changes: Sequence[Change],
    *,
    current: Schema,
    desired: Schema,
    dialect: Dialect,
    fills: Mapping[str, str] | None = None,
    maps: Mapping[Value, str] | None = None,
    empty: Collection[Name] = (),
) -> MigrationPlan:
    """Return the plan for the changes.

    fills: values for existing rows, by "table.column".
    maps: the new value of rows whose enum value is removed.
    empty: the tables without rows, by their names after the plan. They need no values; the plan
        requires that they are still empty.

    Raises FillNeededError if a NOT NULL column without a default has no value, PlanError if a fill
    or a map is not needed.
    """
    fills, maps = dict(fills or {}), dict(maps or {})
    enums = {**current.enums, **desired.enums}
    _check_fills(changes, dialect, fills, empty=empty, enums=enums)
    check_maps(maps, maps_possible(changes, current, desired))
    if not changes:
        return MigrationPlan(dialect=dialect, current=current, desired=desired)
    planner = _Planner.of(
        changes, current, desired, fills=Fills(values=fills, dialect=dialect), maps=maps
    )
    return planner.plan()


def _check_fills(
    changes: Sequence[Change],
    dialect: Dialect,
    fills: Mapping[str, str],
    *,
    empty: Collection[Name],
    enums: Mapping[Name, EnumType],
) -> None:
    """Raise PlanError for a value that is not needed, FillNeededError for one that is missing."""
    replaced = split_replaced_columns(changes, dialect)
    needed = fills_needed(replaced)
    optional = nullability_fills(changes)
    optional |= {item.key for item in downgrade_fills_needed(replaced)}
    check_fills(fills, needed, optional)
    check_fill_values(fills, replaced, enums)
    missing = [item.key for item in needed if item.key not in fills and item.table not in empty]
    if missing:
        raise FillNeededError(missing)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Planner:
    """The changes of a plan, prepared for the phases.

    changes: the changes as they were found.
    prepared: the changes to plan, without `dropped_first`, under temporary names where needed.
    dropped_first: the columns to drop before another column takes their name.
    renamed: the current schema with the new names of enum types and values.
    after_renames: `renamed` with the new names of tables and columns too.
    enum_operations: the operation for each enum type whose values change, by its new name.
    """

    changes: Sequence[Change]
    current: Schema
    desired: Schema
    fills: Fills
    maps: Mapping[Value, str]
    temporary: TemporaryNames
    prepared: Sequence[Change]
    dropped_first: Sequence[ColumnRemoved]
    renamed: Schema
    after_renames: Schema
    enum_operations: Mapping[Name, AlterEnum]

    @classmethod
    def of(
        cls,
        changes: Sequence[Change],
        current: Schema,
        desired: Schema,
        *,
        fills: Fills,
        maps: Mapping[Value, str],
    ) -> _Planner:
        """Prepare the changes."""
        temporary = temporary_names(changes, current)
        dropped_first = columns_dropped_first(changes, temporary)
        remaining = [change for change in changes if change not in dropped_first]
        prepared = with_temporary_names(remaining, temporary)
        renamed = with_enum_changes(current, changes, fills.dialect)
        after_renames = schema_after_renames(renamed, prepared, fills.dialect)
        return cls(
            changes=changes,
            current=current,
            desired=desired,
            fills=fills,
            maps=maps,
            temporary=temporary,
            prepared=prepared,
            dropped_first=dropped_first,
            renamed=renamed,
            after_renames=after_renames,
            enum_operations={
                change.after.name: alter_enum(change, prepared, after_renames, fills.values)
                for change in prepared
                if isinstance(change, EnumAltered)
            },
        )

    @property
    def dialect(self) -> Dialect:
        """The dialect of the database."""
        return self.fills.dialect

    def plan(self) -> MigrationPlan:
        """Return the plan: operations, checks of rows, and what the downgrade needs."""
        operations = self._operations(self._retyped_columns())
        reversible = self._reversible_operations() or operations
        replaced = split_replaced_columns(self.changes, self.dialect)
        backfills = tuple(downgrade_backfills(replaced, self.current, self.fills, self.temporary))
        fills = {k: fill_sql(value, self.dialect) for k, value in self.fills.values.items()}
        checks = build_row_checks(
            replaced,
            current=self.current,
            desired=self.desired,
            dialect=self.dialect,
            fills=fills,
            maps=self.maps,
        )
        downgrade_checks = build_downgrade_checks(
            replaced,
            current=self.current,
            desired=self.desired,
            dialect=self.dialect,
            filled=self._filled_columns(backfills),
        )
        return MigrationPlan(
            dialect=self.dialect,
            current=self.current,
            desired=self.desired,
            changes=tuple(self.changes),
            operations=(*(check.require for check in checks), *operations),
            downgrade_backfills=backfills,
            checks=checks,
            downgrade_checks=downgrade_checks,
            reported_checks=build_reported_checks(
                replaced,
                current=self.current,
                desired=self.desired,
                dialect=self.dialect,
                fills=fills,
            ),
            maps=self.maps,
            reversible_operations=() if reversible == operations else reversible,
            findings=(
                *taken_name_findings(self.changes, self.current),
                *time_zone_findings(self.changes, self.dialect),
                *key_target_findings(self.changes, self.desired, self.dialect),
            ),
        )

    def _filled_columns(self, backfills: Iterable[Backfill]) -> dict[str, str]:
        """Return the SQL of the values in backfills, by the columns' names after the downgrade."""
        names = {(table, new): old for (table, old), new in self.temporary.items()}
        return {
            f"{backfill.table}.{names.get((backfill.table, column), column)}": value
            for backfill in backfills
            for column, value in backfill.values
        }

    def _retyped_columns(self, *, downgrade: bool = False) -> dict[Name, list[str]]:
        """Return the columns whose enum type the upgrade or the downgrade recreates, by table."""
        operations = list(self.enum_operations.values())
        if downgrade:
            operations = [operation.reverse() for operation in operations]
        return retyped_columns(operations, self.after_renames)

    def _reversible_operations(self) -> tuple[Operation, ...]:
        """Return the operations to reverse, if the downgrade recreates more or less; else none."""
        retyped = self._retyped_columns(downgrade=True)
        altered = (change for change in self.changes if isinstance(change, ColumnAltered))
        if retyped == self._retyped_columns() and not any(
            loses_expression(change, self.dialect) for change in altered
        ):
            return ()
        return self._operations(retyped, downgrade=True)

    def _operations(
        self, retyped: Mapping[Name, Sequence[str]], *, downgrade: bool = False
    ) -> tuple[Operation, ...]:
        """Return all operations in order; the enum types of the columns `retyped` are recreated.

        For a downgrade, they are those to reverse.
        """
        operations = PhasedOperations()
        plan_renames(self.prepared, self.dropped_first, operations)
        plan_enum_renames(self.prepared, operations)
        remaining = plan_rowid_keys(self.prepared, self.dialect, operations)
        changes = with_dependents(
            remaining, self.renamed, self.desired, self.dialect, retyped, downgrade=downgrade
        )
        changed_parts = changed_key_parts(changes, self.desired, self.dialect, downgrade=downgrade)
        changes = with_recreated_keys(changes, changed_parts)
        _plan_tables(self.prepared, changed_parts, self.dialect, operations)
        remaining = [
            *changes,
            *recreated_keys(changes, changed_parts.with_columns(retyped), self.desired),
            *recreated_indexes(self.prepared, self.desired, self.dialect),
        ]
        plan_renamed_parts(remaining, operations)
        self._plan_each(remaining, operations)
        sort_views(operations, self.dialect)
        ordered = without_implied_index_drops(operations.ordered(), self.dialect)
        ordered = options_first(ordered, self.desired, self.dialect)
        ordered = merge_backfills(ordered, self.after_renames.tables, self.dialect)
        ordered = with_rowids_between_keys(ordered, self.after_renames.tables, self.dialect)
        return concurrent_indexes_last(ordered, self.desired, self.dialect)

    def _plan_each(self, changes: Sequence[Change], operations: PhasedOperations) -> None:
        """Plan changes one by one; `changes` include those that the plan itself needs."""
        updates = {
            (update.table, update.column): update
            for update in column_value_updates(self.prepared, self.maps)
        }
        children = inheriting_tables(self.desired.tables)
        for change in changes:
            match change:
                case EnumAltered():
                    self._alter_enum(self.enum_operations[change.after.name], operations)
                case ColumnAltered():
                    update = updates.pop((change.table, change.after.name), None)
                    alter_column(change, self.prepared, self.fills, update, operations)
                case ColumnRemoved():
                    drop_column(change, self.prepared, children, self.dialect, operations)
                case _:
                    _plan_change(change, self.fills, operations)
        for update in updates.values():
            operations.add(Phase.ALTER_COLUMNS, *update.backfills(self.dialect))

    def _alter_enum(self, operation: AlterEnum, operations: PhasedOperations) -> None:
        """Plan an enum type; rows give up a removed value before the type does."""
        for update in enum_value_updates(operation.after.name, operation.users, self.maps):
            operations.add(Phase.BEFORE_ENUMS, *update.backfills(self.dialect))
        operations.add(Phase.ALTER_ENUMS, operation)


def _plan_tables(
    changes: Sequence[Change],
    changed_parts: ChangedKeyParts,
    dialect: Dialect,
    operations: PhasedOperations,
) -> None:
    """Plan added and removed tables.

    Parents are created before their children and dropped after them. The foreign keys of a cycle,
    and those whose columns change, are added and dropped by separate operations. Tables are dropped
    late, so the names that new parts need are freed first.
    """
    added = {
        change.table.name: change.table for change in changes if isinstance(change, TableAdded)
    }
    created, late_keys = order_tables(added, changed_parts.affected_keys(added.values()))
    operations.add(Phase.CREATE_TABLES, *(CreateTable(table=table) for table in created))
    operations.add(
        Phase.ADD_FOREIGN_KEYS,
        *(AddConstraint(table=name, constraint=key) for name, key in late_keys),
    )
    removed = {
        change.table.name: change.table for change in changes if isinstance(change, TableRemoved)
    }
    freed = free_names(removed.values(), changes, dialect)
    operations.add(Phase.RENAME_CONSTRAINTS, *freed.renames)
    affected = changed_parts.affected_keys(removed.values())
    early = [*affected, *(item for item in freed.foreign_keys if item not in affected)]
    dropped, early_keys = order_tables({table.name: table for table in freed.tables}, early)
    operations.add(
        Phase.DROP_FOREIGN_KEYS, *(dropping_constraint(name, key) for name, key in early_keys)
    )
    operations.add(
        Phase.DROP_TABLES,
        *(DropTable(name=table.name, table=table) for table in reversed(dropped)),
    )


def _plan_change(change: Change, fills: Fills, operations: PhasedOperations) -> None:
    """Plan a change of a table, a constraint or an index. Renames are planned before."""
    match change:
        case NamespaceAdded(name=name):
            operations.add(Phase.PREPARE, CreateNamespace(name=name))
        case TableAdded() | TableRemoved() | TableRenamed() | ColumnRenamed():
            pass
        case ConstraintRenamed() | IndexRenamed():
            pass
        case EnumRenamed() | EnumValueRenamed() | ColumnValueRenamed():
            pass
        case TableCommentAltered(table=table, before=old_text, after=text):
            operations.add(
                Phase.ALTER_COLUMNS,
                SetComment(kind="table", name=table, before=old_text, after=text),
            )
        case TableOptionsAltered(table=table, options=options):
            operations.add(Phase.ALTER_COLUMNS, SetTableOptions(table=table, options=options))
        case ColumnAdded(table=table, column=column):
            phase = Phase.ADD_COMPUTED if column.computed else Phase.ALTER_COLUMNS
            operations.add(phase, *add_column(table, column, fills))
        case ConstraintAdded(table=table, constraint=constraint):
            add_constraint(table, constraint, operations)
        case ConstraintRemoved(table=table, constraint=constraint):
            drop_constraint(table, constraint, operations)
        case ConstraintAltered():
            alter_constraint(change, fills.dialect, operations)
        case IndexAdded(table=table, index=index):
            operations.add(Phase.ADD_CONSTRAINTS, CreateIndex(table=table, index=index))
        case IndexRemoved(table=table, index=index):
            operations.add(Phase.DROP_CONSTRAINTS, dropping_index(table, index))
        case IndexAltered():
            alter_index(change, operations)
        case _:
            _plan_other(change, operations)


def _plan_other(change: Change, operations: PhasedOperations) -> None:
    """Plan a change of an enum type, a sequence or a view."""
    match change:
        case EnumAdded(enum=enum):
            operations.add(Phase.PREPARE, CreateEnum(enum=enum))
        case EnumRemoved(enum=enum):
            operations.add(Phase.DROP_UNUSED, DropEnum(name=enum.name, enum=enum))
        case SequenceAdded(sequence=sequence):
            operations.add(Phase.PREPARE, CreateSequence(sequence=sequence))
        case SequenceRemoved(sequence=sequence):
            operations.add(Phase.DROP_UNUSED, DropSequence(name=sequence.name, sequence=sequence))
        case SequenceAltered(before=before, after=after):
            operations.add(Phase.PREPARE, AlterSequence(before=before, after=after))
        case ViewAdded() | ViewRemoved() | ViewAltered():
            plan_view(change, operations)
        case _:
            assert_never(change)  # type: ignore[arg-type]
