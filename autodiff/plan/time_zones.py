"""Report the time zone that a conversion between types with and without one uses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from autodiff.dialects.base import Dialect
from autodiff.plan.migration_plan import Finding
from autodiff.schema.changes import Change, ColumnAltered

__all__ = ["time_zone_findings"]


def time_zone_findings(changes: Iterable[Change], dialect: Dialect) -> Iterator[Finding]:
    """Yield a finding for each column whose values are converted with a time zone."""
    for change in changes:
        if not isinstance(change, ColumnAltered) or "type" not in change.fields:
            continue
        old, new = change.before.type.sql, change.after.type.sql
        if dialect.ddl.columns.conversion(change.after.name, old, new) is not None:
            place = f"{change.table}.{change.after.name}"
            yield Finding(
                code="time-zone",
                severity="info",
                message=f"{place} is converted from {old} to {new} as times in UTC",
                hint="replace UTC in upgrade() and downgrade() if the times are in another zone",
                place=place,
            )
