"""The review as one HTML file that needs nothing else."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any

from autodiff.render.migration import templates_folder
from autodiff.report.diagram import Diagram, draw_changes, draw_tables
from autodiff.report.review import SIGNS
from autodiff.report.summary import (
    change_groups,
    finding_place,
    rehearsal_lines,
    sorted_findings,
)
from autodiff.report.svg import NO_LAYOUT, arrange_diagrams, svg_drawing
from autodiff.report.templates import html_template

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autodiff.report.review import Review
    from autodiff.schema.objects import Name, Table

__all__ = ["render_erd_html", "render_html"]


def render_html(review: Review) -> str:
    """Return the review as HTML, with the diagram before and after."""
    both = draw_changes(review.picture)
    before = draw_changes(review.picture, "before")
    after = draw_changes(review.picture, "after")
    return html_template("review.html.j2").render(
        _common(review.title),
        review=review,
        groups=change_groups(review.changes, shown=50),
        findings=sorted_findings(review),
        place=finding_place,
        rehearsal=rehearsal_lines(review),
        boxes=both.boxes,
        hidden=both.hidden,
        drawings=_drawings(both, {"Before": before, "After": after}),
    )


def render_erd_html(tables: Mapping[Name, Table], title: str) -> str:
    """Return the diagram of tables as HTML, with a search."""
    diagram = draw_tables(tables)
    return html_template("erd.html.j2").render(
        _common(title),
        boxes=diagram.boxes,
        hidden=diagram.hidden,
        drawings=_drawings(diagram, {"Tables": diagram}),
    )


def _common(title: str) -> dict[str, Any]:
    script = (templates_folder() / "report" / "page.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return {
        "title": title,
        "script": _Safe(script),
        "digest": digest,
        "words": {**SIGNS, None: ""},
        "no_layout": NO_LAYOUT,
    }


class _Safe(str):
    """A text of autodiff's own, which is markup."""

    __slots__ = ()

    def __html__(self) -> str:
        return str(self)


def _drawings(both: Diagram, sides: Mapping[str, Diagram]) -> list[tuple[str, Any]]:
    """Return each side with its drawing; none if nothing is installed that can arrange it."""
    layout = arrange_diagrams(both, *sides.values()) if both.boxes else None
    if layout is None:
        return []
    return [(side, svg_drawing(diagram, layout)) for side, diagram in sides.items()]
