"""Build the row checks that a migration starts with, for the upgrade and the downgrade."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from autodiff.compare.apply_renames import schema_after_renames
from autodiff.compare.enum_values import Value
from autodiff.dialects.base import Dialect
from autodiff.plan.backfills import fills_needed
from autodiff.plan.row_checks.columns import (
    checks_of_columns,
    enum_checks,
    lossy_checks,
    no_value_checks,
)
from autodiff.plan.row_checks.constraints import collation_checks, part_checks
from autodiff.plan.row_checks.context import CheckContext, RowCheck
from autodiff.schema.changes import (
    Change,
    ColumnAltered,
    ColumnRemoved,
    ColumnRenamed,
    ConstraintAdded,
    ConstraintAltered,
    EnumAltered,
    EnumRenamed,
    IndexAdded,
    IndexAltered,
    TableRemoved,
    TableRenamed,
    reverse_change,
)
from autodiff.schema.objects import ForeignKey, Schema

__all__ = ["build_downgrade_checks", "build_reported_checks", "build_row_checks"]

_RENAMES = (ColumnRenamed, EnumRenamed, TableRenamed)
_NO_MAPS: Mapping[Value, str] = MappingProxyType({})


def build_row_checks(
    changes: Sequence[Change],
    *,
    current: Schema,
    desired: Schema,
    dialect: Dialect,
    fills: Mapping[str, str],
    maps: Mapping[Value, str] = _NO_MAPS,
) -> tuple[RowCheck, ...]:
    """Return the queries for rows that prevent the changes.

    fills: the SQL of values for existing rows, by "table.column".

    There is none for a change that cannot fail, and none if the rows cannot be queried reliably.
    Rows with a value in `maps` get another value and prevent nothing. Any row prevents a NOT NULL
    column without a value.
    """
    context = CheckContext.of(
        changes, before=current, after=desired, dialect=dialect, filled=fills, mapped=maps
    )
    needed = [item for item in fills_needed(changes) if item.key not in fills]
    added = (check for item in needed for check in no_value_checks(item, context))
    changed = (check for change in changes for check in _checks(change, context))
    return _distinct(check for check in (*added, *changed) if check.is_required)


def build_reported_checks(
    changes: Sequence[Change],
    *,
    current: Schema,
    desired: Schema,
    dialect: Dialect,
    fills: Mapping[str, str],
) -> tuple[RowCheck, ...]:
    """Return the queries for rows that lose values, or that the migration must deal with.

    `fills` is as for `build_row_checks`.
    """
    context = CheckContext.of(changes, before=current, after=desired, dialect=dialect, filled=fills)
    altered = (change for change in changes if isinstance(change, ColumnAltered))
    lossy = (check for change in altered for check in lossy_checks(change, context))
    keys = (change for change in changes if _adds_foreign_key(change))
    orphans = (check for change in keys for check in _checks(change, context))
    return _distinct((*lossy, *(check for check in orphans if not check.is_required)))


def _adds_foreign_key(change: Change) -> bool:
    match change:
        case ConstraintAdded(constraint=ForeignKey()) | ConstraintAltered(after=ForeignKey()):
            return True
        case _:
            return False


def build_downgrade_checks(
    changes: Sequence[Change],
    *,
    current: Schema,
    desired: Schema,
    dialect: Dialect,
    filled: Mapping[str, str],
) -> tuple[RowCheck, ...]:
    """Return the queries for rows that prevent the downgrade.

    `filled` has the SQL of the values that the downgrade gives rows, by "table.column". Renames are
    not reverted yet when the queries run, so they use the names of the desired schema.
    """
    reversed_changes = [
        reverse_change(change) for change in reversed(changes) if not isinstance(change, _RENAMES)
    ]
    context = CheckContext.of(
        reversed_changes,
        before=_kept(desired, reversed_changes),
        after=schema_after_renames(current, changes, dialect),
        dialect=dialect,
        filled=filled,
    )
    needed = [item for item in fills_needed(reversed_changes) if item.key not in context.filled]
    added_again = (check for item in needed for check in no_value_checks(item, context))
    changed = (check for change in reversed_changes for check in _checks(change, context))
    return _distinct(check for check in (*added_again, *changed) if check.is_required)


def _checks(change: Change, context: CheckContext) -> Iterator[RowCheck]:
    """Yield the checks of a change, marked with it."""
    return (replace(check, change=change) for check in _unmarked_checks(change, context))


def _unmarked_checks(change: Change, context: CheckContext) -> Iterator[RowCheck]:
    match change:
        case ColumnAltered():
            yield from checks_of_columns(change, context)
            yield from collation_checks(change, context)
        case EnumAltered():
            yield from enum_checks(change, context)
        case ConstraintAdded(table=table, constraint=constraint):
            yield from part_checks(table, constraint, context)
        case IndexAdded(table=table, index=index):
            yield from part_checks(table, index, context)
        case ConstraintAltered(table=table) | IndexAltered(table=table):
            yield from part_checks(table, change.after, context)
        case _:
            pass


def _kept(schema: Schema, reversed_changes: Sequence[Change]) -> Schema:
    """Return the schema without what the downgrade drops, which it does first."""
    tables = {c.table.name for c in reversed_changes if isinstance(c, TableRemoved)}
    columns = {(c.table, c.column.name) for c in reversed_changes if isinstance(c, ColumnRemoved)}
    kept = {name: table for name, table in schema.tables.items() if name not in tables}
    return replace(schema, tables=kept).without_columns(columns)


def _distinct(checks: Iterable[RowCheck]) -> tuple[RowCheck, ...]:
    """Return the checks without those that repeat a query."""
    found: dict[str, RowCheck] = {}
    for check in checks:
        found.setdefault(check.query, check)
    return tuple(found.values())
