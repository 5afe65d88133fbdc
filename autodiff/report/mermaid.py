"""Draw a diagram as Mermaid text, which GitHub and GitLab show as a picture."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from autodiff.report.review import SIGNS
from autodiff.utils.quoting import mermaid_text

if TYPE_CHECKING:
    from autodiff.report.diagram import Box, Diagram, Row

__all__ = ["render_mermaid"]

_OTHER = re.compile(r"[^A-Za-z0-9_]+")


def render_mermaid(diagram: Diagram) -> str:
    """Return the text of an ER diagram; a comment next to a column describes its change."""
    return "\n".join(["erDiagram", *_lines(diagram)])


def _lines(diagram: Diagram) -> Iterator[str]:
    for box in diagram.boxes:
        yield f'    {box.key}["{mermaid_text(_title(box))}"] {{'
        for row in box.rows:
            yield f"        {_row(row)}"
        if box.hidden:
            yield f'        more columns "{box.hidden} more"'
        yield "    }"
    for edge in diagram.edges:
        label = f"{edge.label} ({SIGNS[edge.mark]})" if edge.mark else edge.label
        yield f'    {edge.target} ||--o{{ {edge.source} : "{mermaid_text(label)}"'


def _title(box: Box) -> str:
    if box.mark is None:
        return box.title
    note = f", {box.note}" if box.note else ""
    return f"{box.title} ({SIGNS[box.mark]}{note})"


def _row(row: Row) -> str:
    """Return an attribute: a type and a name, which are words for Mermaid, keys and a comment.

    The comment has the name if a word cannot spell it.
    """
    name, words = _word(row.name), []
    if name != row.name:
        words.append(row.name)
    if row.mark is not None:
        words.append(SIGNS[row.mark])
    if row.note:
        words.append(row.note)
    keys = f" {', '.join(row.keys)}" if row.keys else ""
    comment = f' "{mermaid_text(": ".join(words))}"' if words else ""
    return f"{_word(row.type)} {name}{keys}{comment}"


def _word(text: str) -> str:
    """Return a word that begins with a letter and has letters, digits and underscores."""
    word = _OTHER.sub("_", text).strip("_")
    return word if word[:1].isalpha() else f"x_{word}".rstrip("_")
