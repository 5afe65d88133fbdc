"""SQL for indexes."""

from __future__ import annotations

from autodiff.dialects.ddl.part import Part
from autodiff.schema.objects import Index, IndexElement, Name, Table
from autodiff.schema.operations import CreateIndex, DropIndex, RenameIndex

__all__ = ["IndexDDL"]


class IndexDDL(Part):
    """Creates, drops and renames indexes."""

    def create(self, operation: CreateIndex, current: Table | None = None) -> list[str]:
        index = operation.index
        words = ["CREATE"] + (["UNIQUE"] if index.unique else []) + ["INDEX"]
        if operation.if_not_exists:
            words.append("IF NOT EXISTS")
        words += [self.quote(index.name or ""), "ON", self.quote_name(operation.table)]
        text = " ".join(words) + f" ({self.elements(index)})"
        return [text + (f" WHERE {index.where}" if index.where else "")]

    def elements(self, index: Index) -> str:
        """Return the elements of an index, with commas."""
        return ", ".join(map(self.element, index.elements))

    def element(self, element: IndexElement) -> str:
        """Return an element of an index: a column or an expression, with its order."""
        text = f"({element.text})" if element.is_expression else self.quote(element.text)
        if element.collation is not None:
            text += f" COLLATE {self.quote(element.collation)}"
        return text + (" DESC" if element.descending else "")

    def drop(self, operation: DropIndex, current: Table | None = None) -> list[str]:
        exists = "IF EXISTS " if operation.if_exists else ""
        name = Name(operation.name, _schema(operation))
        return [f"DROP INDEX {exists}{self.quote_name(name)}"]

    def rename(self, operation: RenameIndex, current: Table | None = None) -> list[str]:
        before = self.quote_name(Name(operation.before, _schema(operation)))
        return [f"ALTER INDEX {before} RENAME TO {self.quote(operation.after)}"]


def _schema(operation: DropIndex | RenameIndex) -> str | None:
    return operation.schema or (operation.table.schema if operation.table else None)
