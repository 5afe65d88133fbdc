"""Changes to the checks of rows that their migration begins with, up and down."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from autodiff.compare.apply_renames import schema_after_renames
from autodiff.compare.enum_values import Value
from autodiff.dialects.base import Dialect
from autodiff.plan.backfills import fills_needed
from autodiff.plan.row_checks.before import RowCheck, Standing
from autodiff.plan.row_checks.columns import column_checks, comes_back, enum_checks
from autodiff.plan.row_checks.constraints import part_checks
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
from autodiff.schema.objects import Schema

__all__ = ["build_downgrade_checks", "build_row_checks"]

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
    """What the rows must meet before the changes; nothing that can't fail, nothing unsure.

    `maps` are what rows get whose value goes away: those rows are in nobody's way.
    """
    standing = Standing.of(
        changes, before=current, after=desired, dialect=dialect, filled=fills, mapped=maps
    )
    return _distinct(check for change in changes for check in _checks(change, standing))


def build_downgrade_checks(
    changes: Sequence[Change],
    *,
    current: Schema,
    desired: Schema,
    dialect: Dialect,
    filled: Iterable[str],
) -> tuple[RowCheck, ...]:
    """The same for the way back, from the desired schema; `filled` are the columns, by
    "table.column", that get values on it.

    Nothing was renamed back yet: names are those of the desired schema.
    """
    back = [reverse_change(c) for c in reversed(changes) if not isinstance(c, _RENAMES)]
    before = schema_after_renames(current, changes)
    kept = _kept(desired, back)
    standing = Standing.of(back, before=kept, after=before, dialect=dialect, filled=filled)
    needed = [item for item in fills_needed(back) if item.key not in standing.filled]
    returning = (check for item in needed for check in comes_back(item, standing))
    return _distinct((*returning, *(c for change in back for c in _checks(change, standing))))


def _checks(change: Change, standing: Standing) -> Iterator[RowCheck]:
    match change:
        case ColumnAltered():
            yield from column_checks(change, standing)
        case EnumAltered():
            yield from enum_checks(change, standing)
        case ConstraintAdded(table=table, constraint=constraint):
            yield from part_checks(table, constraint, standing)
        case IndexAdded(table=table, index=index):
            yield from part_checks(table, index, standing)
        case ConstraintAltered(table=table) | IndexAltered(table=table):
            yield from part_checks(table, change.after, standing)
        case _:
            pass


def _kept(schema: Schema, back: Sequence[Change]) -> Schema:
    """The schema without what the way back drops, which it does first of all."""
    tables = {c.table.name for c in back if isinstance(c, TableRemoved)}
    columns = {(c.table, c.column.name) for c in back if isinstance(c, ColumnRemoved)}
    kept = {name: table for name, table in schema.tables.items() if name not in tables}
    return replace(schema, tables=kept).without_columns(columns)


def _distinct(checks: Iterable[RowCheck]) -> tuple[RowCheck, ...]:
    """The checks, each query once."""
    found: dict[str, RowCheck] = {}
    for check in checks:
        found.setdefault(check.query, check)
    return tuple(found.values())
