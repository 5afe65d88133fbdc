"""SQL for the comments on objects."""

from __future__ import annotations

from typing import Literal

from autodiff.dialects.ddl.part import Part
from autodiff.schema.objects import Constraint, Index, Name, Table, View
from autodiff.schema.operations import SetComment
from autodiff.schema.sqltext import quote_literal

__all__ = ["CommentDDL"]


class CommentDDL(Part):
    """Sets and removes comments with COMMENT ON."""

    def set(self, operation: SetComment, current: Table | None = None) -> list[str]:
        comment = self.literal(operation.after)
        if operation.kind != "constraint":
            name = self.quote_name(operation.name)
            return [f"COMMENT ON {operation.kind.upper()} {name} IS {comment}"]
        on = f" ON {self.quote_name(operation.table)}" if operation.table else ""
        return [f"COMMENT ON CONSTRAINT {self.quote(operation.name.name)}{on} IS {comment}"]

    def set_on_column(self, table: Name, column: str, comment: str | None) -> list[str]:
        name = f"{self.quote_name(table)}.{self.quote(column)}"
        return [f"COMMENT ON COLUMN {name} IS {self.literal(comment)}"]

    def literal(self, comment: str | None) -> str:
        """Return a comment as a literal, or NULL."""
        return "NULL" if comment is None else quote_literal(comment)

    # Comments of new objects

    def of_table(self, table: Table) -> list[str]:
        """Return the statements for the comments of a table, its columns and constraints.

        The comments of its indexes come with the indexes.
        """
        if not self.features.comments:
            return []
        statements: list[str] = []
        if table.comment is not None:
            statements += self.set(SetComment(kind="table", name=table.name, after=table.comment))
        for column in table.columns:
            if column.comment is not None:
                statements += self.set_on_column(table.name, column.name, column.comment)
        for constraint in table.constraints:
            if constraint.comment is not None and constraint.name:
                statements += self.of_constraint(table.name, constraint)
        return statements

    def of_constraint(self, table: Name, constraint: Constraint) -> list[str]:
        name, comment = Name(constraint.name or "", table.schema), constraint.comment
        return self.set(SetComment(kind="constraint", name=name, table=table, after=comment))

    def of_index(self, table: Name, index: Index) -> list[str]:
        name = Name(index.name or "", table.schema)
        return self.set(SetComment(kind="index", name=name, table=table, after=index.comment))

    def of_view(self, view: View) -> list[str]:
        if view.comment is None or not self.features.comments:
            return []
        kind: Literal["materialized view", "view"]
        kind = "materialized view" if view.materialized else "view"
        return self.set(SetComment(kind=kind, name=view.name, after=view.comment))
