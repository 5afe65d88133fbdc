"""Arrange the boxes of a diagram: by Graphviz if it is installed, else by fast-sugiyama.

Both receive numbers instead of names, and the sizes that the boxes will have, so that the same
diagram has the same layout whatever fonts a machine has.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from autodiff.report.diagram import Edge

__all__ = ["Layout", "Size", "arrange"]

_POINTS = 72
"""Graphviz has inches."""
_SECONDS = 30
"""How long Graphviz may take. It needs 3 seconds for 1,000 tables with 1,000 foreign keys."""
_GAP = 48
_COLUMNS = 6
"""The number of tables without foreign keys in one row."""

Point = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """The width and the height of a box."""

    width: float
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where the boxes are: their upper left corners, their sizes, and the size of the whole.

    paths: the points of each edge, by its ends: a start, and three points for each curve. Edges
        without an entry are drawn from box to box.
    """

    width: float
    height: float
    sizes: Mapping[str, Size]
    corners: Mapping[str, Point]
    paths: Mapping[tuple[str, str], Sequence[Point]] = field(default_factory=dict)


def arrange(sizes: Mapping[str, Size], edges: Sequence[Edge]) -> Layout | None:
    """Return the layout of boxes; None if no program or package for it is installed.

    Args:
        sizes: The size of each box, by its key.
        edges: The foreign keys between them.
    """
    if not sizes:
        return Layout(width=0, height=0, sizes={}, corners={})
    numbers = {key: number for number, key in enumerate(sizes)}
    pairs = sorted({(numbers[e.target], numbers[e.source]) for e in edges})
    return _by_graphviz(sizes, numbers, pairs) or _by_sugiyama(sizes, numbers, pairs)


def _by_graphviz(
    sizes: Mapping[str, Size], numbers: Mapping[str, int], pairs: Sequence[tuple[int, int]]
) -> Layout | None:
    program = shutil.which("dot")
    if program is None:
        return None
    linked = {number for pair in pairs for number in pair}
    chained = _rows_of_single(number for number in numbers.values() if number not in linked)
    lines = [
        "digraph { rankdir=LR; nodesep=0.35; ranksep=0.9;",
        'node [shape=box, fixedsize=true, label=""]; edge [arrowhead=none, arrowtail=none];',
    ]
    lines += [
        f"n{numbers[key]} [width={size.width / _POINTS:.4f}, height={size.height / _POINTS:.4f}];"
        for key, size in sizes.items()
    ]
    lines += [f"n{start} -> n{end};" for start, end in pairs]
    lines += [f"n{start} -> n{end} [style=invis];" for start, end in chained]
    try:
        done = subprocess.run(
            [program, "-Tplain"],
            input="\n".join([*lines, "}"]),
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return _read_plain(done.stdout, sizes, list(numbers))


def _read_plain(text: str, sizes: Mapping[str, Size], keys: Sequence[str]) -> Layout:
    """Return the layout of Graphviz's output, whose origin is below.

    https://graphviz.org/docs/outputs/plain/
    """
    width = height = 0.0
    corners: dict[str, Point] = {}
    paths: dict[tuple[str, str], Sequence[Point]] = {}
    for line in text.splitlines():
        words = line.split()
        if words[0] == "graph":
            width, height = float(words[2]) * _POINTS, float(words[3]) * _POINTS
        elif words[0] == "node":
            key = keys[int(words[1][1:])]
            x, y = float(words[2]) * _POINTS, height - float(words[3]) * _POINTS
            corners[key] = (x - sizes[key].width / 2, y - sizes[key].height / 2)
        elif words[0] == "edge" and "invis" not in words:
            ends = keys[int(words[2][1:])], keys[int(words[1][1:])]
            numbers = [float(word) * _POINTS for word in words[4 : 4 + 2 * int(words[3])]]
            points = [(x, height - y) for x, y in zip(numbers[::2], numbers[1::2], strict=True)]
            paths[ends] = points[::-1]
    return Layout(width=width, height=height, sizes=sizes, corners=corners, paths=paths)


def _rows_of_single(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Return invisible edges that put tables without foreign keys into rows."""
    single = list(numbers)
    return [
        (first, second)
        for place, (first, second) in enumerate(pairwise(single), 1)
        if place % _COLUMNS
    ]


def _by_sugiyama(
    sizes: Mapping[str, Size], numbers: Mapping[str, int], pairs: Sequence[tuple[int, int]]
) -> Layout | None:
    """Return the layout of fast-sugiyama, which gives every box the same room."""
    try:
        from fast_sugiyama import from_edges
    except ImportError:
        return None
    room = Size(
        width=max(size.width for size in sizes.values()) + 2 * _GAP,
        height=max(size.height for size in sizes.values()) + _GAP / 2,
    )
    linked = {number for pair in pairs for number in pair}
    single = [number for number in numbers.values() if number not in linked]
    # An edge from a table to itself has no place in layers:
    edges = [pair for pair in pairs if pair[0] != pair[1]] + _rows_of_single(single)
    known = {number for pair in edges for number in pair}
    alone = [number for number in numbers.values() if number not in known]
    found: dict[int, Point] = {}
    offset = 0.0
    layouts = from_edges(edges, vertex_spacing=1, dummy_vertices=False) if edges else []
    for positions, _, _, _ in layouts:
        across = [place[0] for _, place in positions]
        layers = [place[1] for _, place in positions]
        for number, (x, y) in positions:
            found[int(number)] = ((max(layers) - y), offset + x - min(across))
        offset += max(across) - min(across) + 1
    for place, number in enumerate(alone):
        found[number] = (float(place), offset)
    corners = {
        key: (found[number][0] * room.width, found[number][1] * room.height)
        for key, number in numbers.items()
    }
    return Layout(
        width=max(corners[key][0] + size.width for key, size in sizes.items()),
        height=max(corners[key][1] + size.height for key, size in sizes.items()),
        sizes=sizes,
        corners=corners,
    )
