"""Draw diagrams as SVG."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from autodiff.report.layout import Layout, Size, arrange
from autodiff.report.templates import html_template
from autodiff.utils.quoting import one_line

if TYPE_CHECKING:
    from autodiff.report.diagram import Box, Diagram, Edge, Row
    from autodiff.report.layout import Point
    from autodiff.report.review import Sign

__all__ = ["NO_LAYOUT", "arrange_diagrams", "render_svg", "svg_drawing"]

NO_LAYOUT = (
    "there is no picture, because nothing that arranges diagrams is installed: install Graphviz, "
    "or run pip install 'sqlalchemy-autodiff[diagram]'"
)
_HEAD = 28
_ROW = 20
_CHARACTER = 7.3
"""The width of a character of a monospaced font of 12 pixels."""
_MARGIN = 16
_LONGEST = 56
"""How many characters of a row are shown; its tooltip has all."""
_WORDS: dict[Sign | None, str] = {"+": "added", "~": "changed", "-": "removed", None: ""}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """One row of a drawn box."""

    y: float
    text: str
    detail: str
    full: str
    symbol: str
    word: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shape:
    """A drawn box."""

    key: str
    x: float
    y: float
    size: Size
    title: str
    full: str
    word: str
    lines: tuple[_Line, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Curve:
    """A drawn foreign key."""

    path: str
    word: str
    full: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Drawing:
    """Everything that the template draws."""

    width: float
    height: float
    shapes: tuple[_Shape, ...]
    curves: tuple[_Curve, ...]


def render_svg(diagram: Diagram, title: str) -> str | None:
    """Return a diagram as an SVG file; None if nothing that arranges diagrams is installed."""
    layout = arrange_diagrams(diagram)
    if layout is None:
        return None
    template = html_template("diagram.svg.j2")
    return template.render(drawing=svg_drawing(diagram, layout), title=title)


def arrange_diagrams(*diagrams: Diagram) -> Layout | None:
    """Return one layout for several states of a diagram; None if nothing can arrange it."""
    sizes: dict[str, Size] = {}
    edges: dict[tuple[str, str], Edge] = {}
    for diagram in diagrams:
        for box in diagram.boxes:
            size, known = _size(box), sizes.get(box.key, Size(width=0, height=0))
            sizes[box.key] = Size(
                width=max(size.width, known.width), height=max(size.height, known.height)
            )
        edges |= {(edge.source, edge.target): edge for edge in diagram.edges}
    return arrange(sizes, list(edges.values()))


def svg_drawing(diagram: Diagram, layout: Layout) -> _Drawing:
    """Return what the template `drawing.svg.j2` draws."""
    merged: dict[tuple[str, str], list[Edge]] = {}
    for edge in diagram.edges:
        merged.setdefault((edge.source, edge.target), []).append(edge)
    titles = {box.key: box.title for box in diagram.boxes}
    return _Drawing(
        width=round(layout.width + 2 * _MARGIN),
        height=round(layout.height + 2 * _MARGIN),
        shapes=tuple(_shape(box, layout) for box in diagram.boxes),
        curves=tuple(_curve(edges, layout, titles) for edges in merged.values()),
    )


def _size(box: Box) -> Size:
    head = 1.15 * _columns(_head(box)) + (_columns(_WORDS[box.mark]) + 3 if box.mark else 0)
    longest = max([head, *(_columns(_text(row)) + _columns(_detail(row)) + 5 for row in box.rows)])
    rows = len(box.rows) + bool(box.hidden)
    return Size(width=round(24 + longest * _CHARACTER), height=_HEAD + _ROW * rows + 6)


def _shape(box: Box, layout: Layout) -> _Shape:
    corner = layout.corners[box.key]
    lines = [
        _Line(
            y=_HEAD + _ROW * number + 15,
            text=_text(row),
            detail=_detail(row),
            full=" ".join(
                filter(None, [row.name, row.type, *row.keys, _WORDS[row.mark], row.note])
            ),
            symbol={"+": "+", "-": "−", "~": "~", None: ""}[row.mark],
            word=_WORDS[row.mark],
        )
        for number, row in enumerate(box.rows)
    ]
    if box.hidden:
        text = f"… {box.hidden} more"
        y = _HEAD + _ROW * len(box.rows) + 15
        lines.append(_Line(y=y, text=text, detail="", full=text, symbol="", word=""))
    return _Shape(
        key=box.key,
        x=round(corner[0] + _MARGIN, 1),
        y=round(corner[1] + _MARGIN, 1),
        size=layout.sizes[box.key],
        title=_head(box),
        full=" ".join(filter(None, [box.title, _WORDS[box.mark], box.note])),
        word=_WORDS[box.mark],
        lines=tuple(lines),
    )


def _head(box: Box) -> str:
    return _cut(f"{box.title} ({box.note})" if box.note else box.title)


def _text(row: Row) -> str:
    return _cut(row.name)


def _detail(row: Row) -> str:
    note = f"({row.note})" if row.note else ""
    return _cut(" ".join(filter(None, [row.type, *row.keys, note])))


def _cut(text: str) -> str:
    text = one_line(text)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _columns(text: str) -> int:
    """Return the width of a text in characters; those of East Asia are twice as wide."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _curve(
    edges: Sequence[Edge],
    layout: Layout,
    titles: Mapping[str, str],
) -> _Curve:
    source, target = edges[0].source, edges[0].target
    points = layout.paths.get((source, target)) or _direct(source, target, layout)
    moved = [f"{x + _MARGIN:.1f},{y + _MARGIN:.1f}" for x, y in points]
    marks = {edge.mark for edge in edges}
    mark = marks.pop() if len(marks) == 1 else "~"
    listed = "; ".join(edge.label for edge in edges)
    words = " ".join(filter(None, ["foreign key", _WORDS[mark]]))
    return _Curve(
        path=f"M{moved[0]}C{' '.join(moved[1:])}",
        word=_WORDS[mark],
        full=f"{words}: {titles[source]} ({listed}) refers to {titles[target]}",
    )


def _direct(source: str, target: str, layout: Layout) -> Sequence[Point]:
    """Return a curve between two boxes: the table that is referred to is on the left."""
    (x, y), (to_x, to_y) = layout.corners[source], layout.corners[target]
    start = (x, y + layout.sizes[source].height / 2)
    end = (to_x + layout.sizes[target].width, to_y + layout.sizes[target].height / 2)
    if source == target:
        start, end = (x, y + 16), (x, y + layout.sizes[source].height - 8)
        return [start, (x - 40, start[1]), (x - 40, end[1]), end]
    bend = max(40.0, abs(start[0] - end[0]) / 2)
    return [start, (start[0] - bend, start[1]), (end[0] + bend, end[1]), end]
