"""Find views, triggers, policies and rules that a plan would break and does not recreate.

A rehearsal does not notice them if they are not on its scratch: triggers, policies and rules, views
in schemas that no model uses, and views that the configuration excludes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from autodiff.autogenerate.plan import Plan
from autodiff.dialects import Dialect
from autodiff.dialects.unmanaged import DependentObject, DependentView
from autodiff.plan import Finding
from autodiff.schema.name_map import NameMap
from autodiff.schema.objects import Name, Schema
from autodiff.schema.operations import AlterColumn, CreateView, DropColumn, DropTable, DropView
from autodiff.schema.sqltext import mentions

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["find_broken_dependents"]

_VIEW_HINT = "drop or change the view first: in the migration with op.drop_view, or by hand"


@dataclass(frozen=True, slots=True, kw_only=True)
class _ChangedObject:
    """A table or column that a plan drops or gives another type, by its name before the plan."""

    table: Name
    column: str | None
    is_dropped: bool

    def __str__(self) -> str:
        return f"{self.table}.{self.column}" if self.column else f"table {self.table}"


def find_broken_dependents(connection: Connection, plan: Plan) -> list[Finding]:
    """Return a finding for each object that uses what the plan drops or gives another type.

    On PostgreSQL the migration would fail, because a view keeps what it reads. Elsewhere the view
    or trigger would no longer work.
    """
    changed_objects = list(_changed_objects(plan))
    if not changed_objects:
        return []
    views = _broken_views(connection, plan, changed_objects)
    return [*views, *_broken_objects(connection, plan, changed_objects)]


def _broken_objects(
    connection: Connection, plan: Plan, changed_objects: Sequence[_ChangedObject]
) -> Iterator[Finding]:
    """Yield a finding for each trigger, policy or rule that names a changed column."""
    found = plan.dialect.catalog.dependent_objects(connection)
    connection.rollback()
    dropped_tables = {item.table for item in changed_objects if item.column is None}
    for item in found:
        for changed in dict.fromkeys(changed_objects):
            if changed.table in dropped_tables or not _names(item, changed):
                continue
            if changed.is_dropped or plan.dialect.features.dependents_block_columns:
                dependent = f"{item.kind} {item.name} uses"
                hint = f"drop the {item.kind} in the migration first, with op.execute"
                yield _finding(dependent, item.kind, changed, plan.dialect, hint)


def _names(item: DependentObject, changed: _ChangedObject) -> bool:
    if item.column is not None:
        return (item.table, item.column) == (changed.table, changed.column)
    in_table = item.table == changed.table or mentions(item.text, changed.table.name)
    return in_table and changed.column is not None and mentions(item.text, changed.column)


def _broken_views(
    connection: Connection, plan: Plan, changed_objects: Sequence[_ChangedObject]
) -> list[Finding]:
    """Return a finding for each view that reads a changed object."""
    readers = plan.dialect.catalog.dependent_views(connection)
    connection.rollback()
    if readers is None:
        readers = _readers_by_text(plan.current, changed_objects)
    recreated, dropped = _recreated_views(plan), _dropped_views(plan)
    findings: dict[str, Finding] = {}
    for reader in readers:
        for changed in changed_objects:
            if not _reads(reader, changed, plan.dialect):
                continue
            if not _is_handled(reader.view, changed, plan, recreated, dropped):
                dependent = f"view {reader.view} reads"
                finding = _finding(dependent, "view", changed, plan.dialect, _VIEW_HINT)
                findings.setdefault(finding.message, finding)
    return [findings[message] for message in sorted(findings)]


def _changed_objects(plan: Plan) -> Iterator[_ChangedObject]:
    """Yield the tables and columns that the plan drops, and the columns with another type."""
    names = NameMap.of_operations(plan.operations)
    for operation in plan.operations:
        match operation:
            case DropTable(name=name):
                yield _ChangedObject(table=names.table_before(name), column=None, is_dropped=True)
            case DropColumn(table=table, name=column):
                yield _changed_column(names, table, column, is_dropped=True)
            case AlterColumn(table=table, name=column, before=before, after=after):
                if before.type != after.type:
                    yield _changed_column(names, table, column, is_dropped=False)


def _changed_column(
    names: NameMap, table: Name, column: str, *, is_dropped: bool
) -> _ChangedObject:
    return _ChangedObject(
        table=names.table_before(table),
        column=names.column_before(table, column),
        is_dropped=is_dropped,
    )


def _dropped_views(plan: Plan) -> frozenset[Name]:
    return frozenset(item.name for item in plan.operations if isinstance(item, DropView))


def _recreated_views(plan: Plan) -> frozenset[Name]:
    return frozenset(item.view.name for item in plan.operations if isinstance(item, CreateView))


def _is_handled(
    view: Name,
    changed: _ChangedObject,
    plan: Plan,
    recreated: Collection[Name],
    dropped: Collection[Name],
) -> bool:
    """Return whether the plan drops the view, and can create it again if it does so.

    A view of the models is created from their text. Any other is created as it was, which fails if
    it reads something that no longer exists.
    """
    if view not in dropped:
        return False
    return view in plan.desired.views or view not in recreated or not changed.is_dropped


def _reads(reader: DependentView, changed: _ChangedObject, dialect: Dialect) -> bool:
    """Return whether a change of the object breaks the view."""
    if reader.table != changed.table:
        return False
    if not changed.is_dropped and not dialect.features.dependents_block_columns:
        return False
    return changed.column is None or reader.column == changed.column


def _readers_by_text(
    current: Schema, changed_objects: Sequence[_ChangedObject]
) -> list[DependentView]:
    """Return the views whose SQL names a changed object, if the catalog has no list of readers."""
    return [
        DependentView(view=name, table=changed.table, column=changed.column)
        for name, view in sorted(current.views.items())
        for changed in changed_objects
        if mentions(view.sql, changed.table.name)
        and (changed.column is None or mentions(view.sql, changed.column))
    ]


def _finding(
    dependent: str, kind: str, changed: _ChangedObject, dialect: Dialect, hint: str
) -> Finding:
    fails = dialect.features.dependents_block_columns
    change = "drops" if changed.is_dropped else "gives another type"
    effect = "the migration would fail" if fails else f"the {kind} would no longer work"
    return Finding(
        code="view-reads" if kind == "view" else "column-used",
        severity="error" if fails else "warning",
        message=f"{dependent} {changed}, which the migration {change}: {effect}",
        hint=hint,
        place=str(changed.table),
    )
