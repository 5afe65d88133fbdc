"""Python source for indexes."""

from __future__ import annotations

from autodiff.render.part import Part
from autodiff.schema.objects import Index, IndexElement
from autodiff.schema.sqltext import quote_identifier, quote_qualified

__all__ = ["IndexSource"]


class IndexSource(Part):
    """Writes the arguments of op.create_index."""

    def elements(self, index: Index) -> str:
        """Return the list of columns and expressions of an index."""
        return f"[{', '.join(map(self._element, index.elements))}]"

    def _element(self, element: IndexElement) -> str:
        if _is_plain(element):
            return self.py.string(element.text)
        text = element.text if element.is_expression else self._quoted(element.text)
        if element.is_expression and (element.collation or element.opclass):
            text = f"({text})"
        if element.collation is not None:
            text += f" COLLATE {quote_qualified(element.collation, element.collation_schema)}"
        text += f" {element.opclass}" if element.opclass else ""
        text += " DESC" if element.descending else ""
        if element.nulls_first is not None:
            text += " NULLS FIRST" if element.nulls_first else " NULLS LAST"
        return self.py.text(text)

    def _quoted(self, name: str) -> str:
        return name if self.dialect.quote(name) == name else quote_identifier(name)

    def arguments(self, index: Index) -> str:
        """Return the keyword arguments of op.create_index with a comma before each."""
        py, prefix = self.py, self.dialect.name
        parts = ["unique=True"] if index.unique else []
        if index.method:
            word = "prefix" if index.method in ("fulltext", "spatial") else "using"
            parts.append(f"{prefix}_{word}={py.string(index.method)}")
        ops = {e.text: e.opclass for e in index.elements if e.opclass and _is_plain(e)}
        parts += [f"{prefix}_ops={py.mapping(ops)}"] if ops else []
        lengths = {e.text: e.length for e in index.elements if e.length is not None}
        parts += [f"{prefix}_length={py.mapping(lengths)}"] if lengths else []
        parts += [f"{prefix}_include={py.strings(index.include)}"] if index.include else []
        parts += [f"{prefix}_where={py.text(index.where)}"] if index.where else []
        parts += [f"{prefix}_nulls_not_distinct=True"] if index.nulls_not_distinct else []
        for name, value in sorted(index.options.items()):
            if name == "postgresql_with":
                parts.append(f"{name}={py.storage_parameters(str(value))}")
            else:
                parts.append(py.argument(name, value))
        parts += [f"comment={py.string(index.comment)}"] if index.comment is not None else []
        return py.keywords(parts)


def _is_plain(element: IndexElement) -> bool:
    """Return whether the name of a column says everything about the element."""
    ordered = element.descending or element.nulls_first is not None
    return not (element.is_expression or element.collation or ordered)
