"""Report tables that are views in the database, and views that are tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from autodiff.plan.migration_plan import Finding
from autodiff.schema.changes import Change, TableAdded, TableRemoved, ViewAdded, ViewRemoved
from autodiff.schema.objects import Schema

__all__ = ["taken_name_findings"]


def taken_name_findings(changes: Iterable[Change], current: Schema) -> Iterator[Finding]:
    """Yield a finding for each new table or view whose name the other kind of object has.

    A tool that writes models from a database declares its views as tables.
    """
    changes = list(changes)
    views = current.views.keys() - {c.view.name for c in changes if isinstance(c, ViewRemoved)}
    tables = current.tables.keys() - {c.table.name for c in changes if isinstance(c, TableRemoved)}
    for change in changes:
        match change:
            case TableAdded(table=table) if table.name in views:
                kinds, name = ("table", "view"), table.name
                hint = "exclude it (exclude_tables), or declare it as a view in the models"
            case ViewAdded(view=view) if view.name in tables:
                kinds, name = ("view", "table"), view.name
                hint = "drop or rename the table in the database first, or rename the view"
            case _:
                continue
        yield Finding(
            code="taken-name",
            severity="error",
            message=f"{name} is a {kinds[0]} in the models and a {kinds[1]} in the database",
            hint=hint,
            place=str(name),
        )
