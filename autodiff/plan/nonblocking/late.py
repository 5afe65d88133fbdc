"""The objects of a plan that wait for a deploy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from autodiff.plan.data_loss import lost_by_type
from autodiff.plan.migration_plan import MigrationPlan
from autodiff.plan.nonblocking.parts import mentions_column
from autodiff.schema.objects import ColumnType, Name, PrimaryKey
from autodiff.schema.operations import (
    AddColumn,
    AddConstraint,
    AlterColumn,
    DropColumn,
    DropConstraint,
    DropTable,
    DropView,
    Operation,
    RenameColumn,
    RenameTable,
    tables_of,
)

__all__ = ["LateObjects", "folded", "is_one_name", "late_objects"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LateObjects:
    """What only `contract` removes or changes.

    columns: those that are dropped, and both names of those that are renamed.
    types: the columns whose type changes.
    keys: the tables whose primary key is replaced.
    recreated: the generated columns that are dropped and added again, which stay together in
        `expand`.
    views: whether views are dropped and created again, around the changes of `contract`.
    """

    tables: frozenset[Name]
    columns: frozenset[tuple[Name, str]]
    types: frozenset[tuple[Name, str]]
    keys: frozenset[Name]
    recreated: frozenset[tuple[Name, str]]
    views: bool

    def mentioned_by(self, operation: Operation) -> bool:
        """Return whether an operation is about a table or a column that only `contract` removes."""
        if self.tables & set(tables_of(operation)):
            return True
        return mentions_column(operation, self.columns)


def late_objects(plan: MigrationPlan) -> LateObjects:
    """Return what must wait in a plan."""
    recreated = _recreated_columns(plan.operations)
    tables: set[Name] = set()
    columns: set[tuple[Name, str]] = set()
    types: set[tuple[Name, str]] = set()
    for operation in plan.operations:
        match operation:
            case DropTable(name=name):
                tables.add(name)
            case DropColumn(table=table, name=column) if (table, column) not in recreated:
                columns.add((table, column))
            case RenameColumn(table=table, before=old, after=new) if not is_one_name(
                operation, plan
            ):
                columns |= {(table, old), (table, new)}
            case AlterColumn(table=table, name=column) if _loses_values(operation, plan):
                types.add((table, column))
    views = any(isinstance(o, DropView) for o in plan.operations) and bool(
        tables or columns or types or any(isinstance(o, RenameTable) for o in plan.operations)
    )
    if views and plan.dialect.features.dependents_block_columns:
        types |= _changed_types(plan.operations)
    return LateObjects(
        tables=frozenset(tables),
        columns=frozenset(columns),
        types=frozenset(types),
        keys=_tables_with_late_keys(plan.operations),
        recreated=recreated,
        views=views,
    )


def folded(column: str, plan: MigrationPlan) -> str:
    """Return what the names of columns that are one name for the database have in common."""
    return column.lower() if plan.dialect.features.case_insensitive_names else column


def is_one_name(operation: RenameColumn, plan: MigrationPlan) -> bool:
    """Return whether statements with the old name work after the rename too."""
    return folded(operation.before, plan) == folded(operation.after, plan)


def _loses_values(operation: AlterColumn, plan: MigrationPlan) -> bool:
    """Return whether the old version may write values that the new type does not keep."""
    before, after = operation.before.type, operation.after.type
    if not isinstance(before, ColumnType) or not isinstance(after, ColumnType):
        return False
    return lost_by_type(before, after, plan.dialect) is not None


def _changed_types(operations: Sequence[Operation]) -> set[tuple[Name, str]]:
    return {
        (o.table, o.name)
        for o in operations
        if isinstance(o, AlterColumn) and "type" in o.after.fields
    }


def _tables_with_late_keys(operations: Sequence[Operation]) -> frozenset[Name]:
    """Return the tables whose primary key loses a column that is dropped or becomes nullable.

    And those whose new one has a column that becomes NOT NULL: the old version may write NULL.
    """
    changed = {
        (o.table, o.name)
        for o in operations
        if isinstance(o, DropColumn)
        or (isinstance(o, AlterColumn) and "nullable" in o.after.fields)
    }
    return frozenset(
        o.table
        for o in operations
        if isinstance(o, AddConstraint | DropConstraint)
        and isinstance(o.constraint, PrimaryKey)
        and any((o.table, column) in changed for column in o.constraint.columns)
    )


def _recreated_columns(operations: Sequence[Operation]) -> frozenset[tuple[Name, str]]:
    """Return the generated columns that are dropped and added again, which must stay together."""
    added = {(o.table, o.column.name) for o in operations if isinstance(o, AddColumn)}
    return frozenset(
        (o.table, o.name)
        for o in operations
        if isinstance(o, DropColumn)
        and (o.table, o.name) in added
        and o.column is not None
        and o.column.computed is not None
    )
