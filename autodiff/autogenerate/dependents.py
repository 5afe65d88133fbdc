"""Find views, triggers, routines, policies, rules and settings that a plan breaks or loses.

A rehearsal does not notice them if they are not on its scratch: triggers, routines, policies,
rules, statistics, grants and settings of tables, views in schemas that no model uses, and views
that the configuration excludes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from autodiff.autogenerate.plan import Plan
from autodiff.dialects import Dialect
from autodiff.dialects.unmanaged import DependentObject, DependentView
from autodiff.plan import Finding
from autodiff.schema.name_map import NameMap
from autodiff.schema.objects import Index, Name, Schema
from autodiff.schema.operations import (
    AddColumn,
    AddConstraint,
    AlterColumn,
    CreateIndex,
    CreateView,
    DropColumn,
    DropConstraint,
    DropIndex,
    DropTable,
    DropView,
    RenameEnum,
    RenameEnumValue,
)
from autodiff.schema.sqltext import mentions, tokens, unquote_identifier, unquote_literal
from autodiff.schema.view_reads import reads
from autodiff.utils.quoting import python_string

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["find_broken_dependents"]

_Change: TypeAlias = Literal["drops", "renames", "gives another type", "drops and adds again"]
_VIEW_HINT = "drop or change the view first: in the migration with op.drop_view, or by hand"
_RENAMED_VIEW_HINT = (
    "create the view again with the new name: in the migration with op.drop_view and "
    "op.create_view, or by hand"
)
_FOLLOWING_VIEW_HINT = (
    "rename it in an earlier migration, which the view then follows; or create the view again "
    "with the new name in this migration, with op.drop_view and op.create_view"
)
_LONGEST_SQL = 500
"""The number of characters of a statement up to which a hint has it."""
_SET_AGAIN_HINT = "set it again in the migration after that, with op.execute"
_OTHER_IDENTITY_HINT = (
    "give the table another replica identity in the migration, with op.execute: without one, "
    "UPDATE and DELETE fail if a publication has the table"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _ChangedObject:
    """A table or column that a plan drops, renames, replaces or retypes, by its old name."""

    table: Name
    column: str | None
    change: _Change

    @property
    def is_gone(self) -> bool:
        """Whether nothing has the old name after the migration."""
        return self.change in ("drops", "renames")

    def __str__(self) -> str:
        return f"{self.table}.{self.column}" if self.column else f"table {self.table}"


def find_broken_dependents(connection: Connection, plan: Plan) -> list[Finding]:
    """Return a finding for each object that uses what the plan drops, renames or retypes.

    On PostgreSQL the migration would fail, because a view keeps what it reads. Elsewhere the view
    or trigger would no longer work; on MySQL and MariaDB after a rename too.
    """
    changed_objects = list(_changed_objects(plan))
    findings = list(_lost_settings(connection, plan, changed_objects))
    findings += _views_of_renamed_enums(plan)
    if changed_objects:
        findings += _broken_views(connection, plan, changed_objects)
        findings += _broken_objects(connection, plan, changed_objects)
    return findings


def _lost_settings(
    connection: Connection, plan: Plan, changed_objects: Sequence[_ChangedObject]
) -> Iterator[Finding]:
    """Yield a finding for each setting of a table that is lost with an index of it."""
    dropped = set(_dropped_indexes(plan))
    columns = {(item.table, item.column) for item in changed_objects if "drops" in item.change}
    if not (dropped or columns):
        return
    created = set(_created_indexes(plan))
    names = NameMap.of_operations(plan.operations)
    uses = plan.dialect.catalog.index_uses(connection)
    connection.rollback()
    for use in uses:
        index = (names.table_after(use.table), use.index)
        if index not in dropped and columns.isdisjoint((use.table, name) for name in use.columns):
            continue
        is_back = index in created
        if is_back or use.identifies_rows:
            yield Finding(
                code="setting-lost",
                severity="warning",
                message=f"table {use.table} has {use.setting} {use.index}, which the migration "
                f"drops{' and creates again' if is_back else ''}: the setting would be lost",
                hint=_SET_AGAIN_HINT if is_back else _OTHER_IDENTITY_HINT,
                place=str(use.table),
            )


def _dropped_indexes(plan: Plan) -> Iterator[tuple[Name | None, str | None]]:
    for operation in plan.operations:
        if isinstance(operation, DropIndex | DropConstraint):
            yield operation.table, operation.name


def _created_indexes(plan: Plan) -> Iterator[tuple[Name, str | None]]:
    for operation in plan.operations:
        match operation:
            case CreateIndex(table=table, index=Index(name=name)):
                yield table, name
            case AddConstraint(table=table, constraint=constraint):
                yield table, constraint.name


def _broken_objects(
    connection: Connection, plan: Plan, changed_objects: Sequence[_ChangedObject]
) -> Iterator[Finding]:
    """Yield a finding for each trigger, routine, policy or rule that names what changes."""
    found = plan.dialect.catalog.dependent_objects(connection)
    connection.rollback()
    for item in found:
        can_fail = plan.dialect.features.dependents_block_columns and not item.is_lost
        fails = can_fail and item.column is not None
        for changed in dict.fromkeys(changed_objects):
            if _is_broken(item, changed.change, fails=fails) and _names(item, changed):
                hint = _hint(item, changed)
                dependent = f"{item.kind} {item.name} uses"
                yield _finding(
                    dependent, item.kind, changed, hint, fails=fails, is_lost=item.is_lost
                )


def _hint(item: DependentObject, changed: _ChangedObject) -> str:
    """Return the statements that keep the object, or what to write if they are not known."""
    if item.is_lost:
        return f"restore the {item.kind} in the migration after that, with op.execute"
    if not item.drop_sql:
        return f"drop the {item.kind} in the migration first, with op.execute"
    first = f"in the migration, add op.execute({python_string(item.drop_sql)}) before that"
    if changed.is_gone:
        return f"{first}, and create a {item.kind} without the column if it is still needed"
    if not 0 < len(item.create_sql) <= _LONGEST_SQL:
        return f"{first}, and create the {item.kind} as it was after it"
    return f"{first}, and op.execute({python_string(item.create_sql)}) after it"


def _is_broken(item: DependentObject, change: _Change, *, fails: bool) -> bool:
    """Return whether a change of a column that an object names breaks or drops the object.

    fails: whether the database refuses to drop or retype the column.
    """
    match change:
        case "renames":
            return item.column is None and not item.is_checked
        case "gives another type":
            return fails
        case "drops and adds again":
            return fails or item.is_lost
        case "drops":
            return item.kind != "grant"


def _names(item: DependentObject, changed: _ChangedObject) -> bool:
    """Return whether an object names a changed table or column.

    The triggers, policies and rules of a table are dropped and renamed with it.
    """
    if item.column is not None:
        return (item.table, item.column) == (changed.table, changed.column)
    is_own = item.table == changed.table
    if changed.column is None:
        return not is_own and reads(item.text, changed.table.name)
    row = ("new", "old") if is_own else ()
    return reads(item.text, changed.table.name, changed.column, also=row)


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
            if not _reads(reader, changed, plan.dialect, is_dropped=reader.view in dropped):
                continue
            if not _is_handled(reader.view, changed, plan, recreated, dropped):
                dependent = f"view {reader.view} reads"
                finding = _finding(
                    dependent,
                    "view",
                    changed,
                    _view_hint(changed.change, plan.dialect),
                    fails=plan.dialect.features.dependents_block_columns,
                )
                findings.setdefault(finding.message, finding)
    return [findings[message] for message in sorted(findings)]


def _changed_objects(plan: Plan) -> Iterator[_ChangedObject]:
    """Yield the tables and columns that the plan drops, renames, replaces or gives another type.

    A column of a table that is dropped is left out.
    """
    names = NameMap.of_operations(plan.operations)
    for before, after in names.tables.items():
        if before != after:
            yield _ChangedObject(table=before, column=None, change="renames")
    for (table, before_column), after_column in names.columns.items():
        if before_column != after_column:
            yield _ChangedObject(table=table, column=before_column, change="renames")
    last_added = {
        (operation.table, operation.column.name): position
        for position, operation in enumerate(plan.operations)
        if isinstance(operation, AddColumn)
    }
    for position, operation in enumerate(plan.operations):
        match operation:
            case DropTable(name=name):
                yield _ChangedObject(table=names.table_before(name), column=None, change="drops")
            case DropColumn(table=table, name=column):
                is_added = last_added.get((table, column), -1) > position
                change: _Change = "drops and adds again" if is_added else "drops"
                yield _changed_column(names, table, column, change)
            case AlterColumn(table=table, name=column, before=old, after=new):
                if old.type != new.type:
                    yield _changed_column(names, table, column, "gives another type")


def _changed_column(names: NameMap, table: Name, column: str, change: _Change) -> _ChangedObject:
    return _ChangedObject(
        table=names.table_before(table), column=names.column_before(table, column), change=change
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
    return view in plan.desired.views or view not in recreated or not changed.is_gone


def _view_hint(change: _Change, dialect: Dialect) -> str:
    if change != "renames":
        return _VIEW_HINT
    follows = dialect.features.views_follow_renames
    return _FOLLOWING_VIEW_HINT if follows else _RENAMED_VIEW_HINT


def _views_of_renamed_enums(plan: Plan) -> Iterator[Finding]:
    """Yield a finding for each view that is created as it was, with an old name of an enum."""
    as_before = (_recreated_views(plan) & _dropped_views(plan)) - {*plan.desired.views}
    for view in sorted(as_before):
        for name in _renamed_enums_in(plan.current.views[view].sql, plan):
            yield Finding(
                code="view-reads",
                severity="error",
                message=f"view {view} names {name}, which the migration renames: the migration "
                "would fail",
                hint=_FOLLOWING_VIEW_HINT,
                place=str(view),
            )


def _renamed_enums_in(sql: str, plan: Plan) -> Iterator[str]:
    """Yield the enum types and values that a view casts to or contains, and the plan renames."""
    found = [(kind, token) for kind, token in tokens(sql) if kind != "space"]
    values = {unquote_literal(token) for kind, token in found if kind == "string"}
    types = set(_cast_types([token for _, token in found]))
    for operation in plan.operations:
        match operation:
            case RenameEnum(before=enum) if enum.name in types:
                yield f"enum {enum}"
            case RenameEnumValue(enum=enum, before=value) if value in values:
                if mentions(sql, enum.name):
                    yield f"{enum}.{value}"


def _cast_types(found: Sequence[str]) -> Iterator[str]:
    """Yield the names of the types, without schemas, after each `::` in tokens."""
    for place, token in enumerate(found[:-1], start=1):
        if token == "::":
            is_qualified = found[place + 1 : place + 2] == ["."]
            yield unquote_identifier(found[place + 2 if is_qualified else place])


def _reads(
    reader: DependentView, changed: _ChangedObject, dialect: Dialect, *, is_dropped: bool
) -> bool:
    """Return whether a change of the object breaks the view."""
    if reader.table != changed.table:
        return False
    features = dialect.features
    if changed.change == "renames" and features.views_follow_renames and not is_dropped:
        return False
    if not changed.is_gone and not features.dependents_block_columns:
        return False
    if reader.text and changed.column is not None:
        return reads(reader.text, changed.table.name, changed.column)
    return changed.column is None or reader.column == changed.column


def _readers_by_text(
    current: Schema, changed_objects: Sequence[_ChangedObject]
) -> list[DependentView]:
    """Return the views whose SQL names a changed object, if the catalog has no list of readers."""
    return [
        DependentView(view=name, table=changed.table, column=changed.column)
        for name, view in sorted(current.views.items())
        for changed in changed_objects
        if reads(view.sql, changed.table.name, changed.column)
    ]


def _finding(
    dependent: str,
    kind: str,
    changed: _ChangedObject,
    hint: str,
    *,
    fails: bool,
    is_lost: bool = False,
) -> Finding:
    effect = f"the {kind} would {'be lost' if is_lost else 'no longer work'}"
    if fails:
        effect = "the migration would fail"
    return Finding(
        code="view-reads" if kind == "view" else "column-used",
        severity="error" if fails else "warning",
        message=f"{dependent} {changed}, which the migration {changed.change}: {effect}",
        hint=hint,
        place=str(changed.table),
    )
