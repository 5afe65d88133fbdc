"""SQL for indexes of PostgreSQL, with clauses in the order of the grammar.

https://www.postgresql.org/docs/current/sql-createindex.html
"""

from __future__ import annotations

from autodiff.dialects.ddl.indexes import IndexDDL
from autodiff.schema.objects import IndexElement, Table
from autodiff.schema.operations import CreateIndex, DropIndex
from autodiff.schema.sqltext import quote_qualified

__all__ = ["PostgreSQLIndexDDL"]


class PostgreSQLIndexDDL(IndexDDL):
    """Creates indexes with a method, included columns and storage parameters."""

    def create(self, operation: CreateIndex, current: Table | None = None) -> list[str]:
        index = operation.index
        words = ["CREATE"] + (["UNIQUE"] if index.unique else []) + ["INDEX"]
        words += ["CONCURRENTLY"] if operation.concurrently else []
        words += ["IF NOT EXISTS"] if operation.if_not_exists else []
        words += [self.quote(index.name or ""), "ON", self.quote_name(operation.table)]
        words += [f"USING {index.method}"] if index.method else []
        text = " ".join(words) + f" ({self.elements(index)})"
        if index.include:
            text += f" INCLUDE ({self.quote_all(index.include)})"
        text += " NULLS NOT DISTINCT" if index.nulls_not_distinct else ""
        if storage := index.options.get("postgresql_with"):
            text += f" WITH ({storage})"
        if tablespace := index.options.get("postgresql_tablespace"):
            text += f" TABLESPACE {self.quote(str(tablespace))}"
        text += f" WHERE {index.where}" if index.where else ""
        if index.comment is None:
            return [text]
        return [text, *self.ddl.comments.of_index(operation.table, index)]

    def element(self, element: IndexElement) -> str:
        text = f"({element.text})" if element.is_expression else self.quote(element.text)
        if element.collation is not None:
            text += f" COLLATE {quote_qualified(element.collation, element.collation_schema)}"
        text += f" {element.opclass}" if element.opclass else ""
        text += " DESC" if element.descending else ""
        if element.nulls_first is not None:
            text += " NULLS FIRST" if element.nulls_first else " NULLS LAST"
        return text

    def drop(self, operation: DropIndex, current: Table | None = None) -> list[str]:
        statements = super().drop(operation)
        if not operation.concurrently:
            return statements
        return [sql.replace("DROP INDEX", "DROP INDEX CONCURRENTLY", 1) for sql in statements]
