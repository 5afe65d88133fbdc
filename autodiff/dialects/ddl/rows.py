"""SQL for operations on rows."""

from __future__ import annotations

from autodiff.dialects.ddl.part import Part
from autodiff.schema.objects import Table
from autodiff.schema.operations import Backfill, Require
from autodiff.utils.quoting import sql_comment

__all__ = ["RowDDL"]


class RowDDL(Part):
    """Updates and checks rows."""

    def backfill(self, operation: Backfill, current: Table | None = None) -> list[str]:
        values = ", ".join(f"{self.quote(column)} = {sql}" for column, sql in operation.values)
        where = f" WHERE {operation.where}" if operation.where else ""
        return [f"UPDATE {self.quote_name(operation.table)} SET {values}{where}"]

    def require(self, operation: Require) -> list[str]:
        """Return a comment for those who run the SQL themselves: no statement refuses by itself."""
        lines = [f"no row may come of this: {operation.message}", *operation.query.splitlines()]
        return ["\n".join(map(sql_comment, lines))]
