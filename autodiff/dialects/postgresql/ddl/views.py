"""SQL for views of PostgreSQL, which can keep their owner, grants, triggers and options."""

from __future__ import annotations

from autodiff.dialects.ddl.views import ViewDDL
from autodiff.dialects.postgresql.ddl.privileges import keep_view_settings, restore_view_settings
from autodiff.schema.operations import CreateView, DropView

__all__ = ["PostgreSQLViewDDL"]


class PostgreSQLViewDDL(ViewDDL):
    """Creates and drops views."""

    def create(self, operation: CreateView) -> list[str]:
        statements = super().create(operation)
        if not operation.restores_settings:
            return statements
        view = operation.view
        name = self.quote_name(view.name)
        return [*statements, restore_view_settings(name, materialized=view.materialized)]

    def drop(self, operation: DropView) -> list[str]:
        statements = super().drop(operation)
        if not operation.keeps_settings:
            return statements
        return [keep_view_settings(self.quote_name(operation.name)), *statements]
