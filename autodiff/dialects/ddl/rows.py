"""SQL for operations on rows."""

from __future__ import annotations

from autodiff.dialects.ddl.part import Part
from autodiff.schema.objects import Column, Table
from autodiff.schema.operations import Backfill, Require
from autodiff.utils.quoting import sql_comment

__all__ = ["RowDDL"]


class RowDDL(Part):
    """Updates and checks rows."""

    def backfill(self, operation: Backfill, current: Table | None = None) -> list[str]:
        values = ", ".join(f"{self.quote(column)} = {sql}" for column, sql in operation.values)
        where = f" WHERE {operation.where}" if operation.where else ""
        return [f"UPDATE {self.quote_name(operation.table)} SET {values}{where}"]

    def fill_nulls(self, column: Column, value: str, *, is_new: bool) -> str | None:
        """Return an expression that is the column if it has a value, and `value` otherwise.

        None if it could change a value that the column has, or if the database could refuse a
        `value` that it accepts as the only value of an UPDATE. `is_new` means that the column has
        no values yet.
        """
        return None

    def require(self, operation: Require) -> list[str]:
        """Return a comment for people who run the SQL manually: no statement checks the rows."""
        lines = [
            f"this query must return no rows: {operation.message}",
            *operation.query.splitlines(),
        ]
        return ["\n".join(map(sql_comment, lines))]
