"""SQL for views."""

from __future__ import annotations

from autodiff.dialects.ddl.part import Part
from autodiff.schema.operations import CreateIndex, CreateView, DropView

__all__ = ["ViewDDL"]


class ViewDDL(Part):
    """Creates and drops views."""

    def create(self, operation: CreateView) -> list[str]:
        """Return CREATE VIEW, then the statements for its indexes and comment."""
        view = operation.view
        word = "MATERIALIZED VIEW" if view.materialized else "VIEW"
        statements = [f"CREATE {word} {self.quote_name(view.name)} AS {view.sql}"]
        for index in view.indexes:
            statements += self.ddl.indexes.create(CreateIndex(table=view.name, index=index))
        return statements + self.ddl.comments.of_view(view)

    def drop(self, operation: DropView) -> list[str]:
        word = "MATERIALIZED VIEW" if operation.materialized else "VIEW"
        return [f"DROP {word} {self.quote_name(operation.name)}"]
