"""Results as JSON, as a table and as a plot for the documentation."""

from __future__ import annotations

import json
import math
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from textwrap import fill
from typing import Any

from tests.benchmarks.timing import Grown, Row, Seconds

__all__ = ["Growth", "Measured", "as_json", "from_json", "joined", "page", "plot", "table"]

_INTRODUCTION = (
    "This page is written by `python -m tests.benchmarks --docs`. Each table has twelve columns, a "
    "foreign key and two indexes. Both sides run in turn on one machine, on the same database, in "
    "a process that does nothing else; times are medians. The limit of a comparison is what bare "
    "queries take that fetch columns, keys and indexes and make nothing of them; that of `check` "
    "is to import SQLAlchemy and the models; that of a rehearsal is to write the same "
    "file without one. MariaDB opens each table for each query of its catalogue, which is half of "
    "the time there; where there are more of them than its `table_open_cache` holds (2,000 unless "
    "it is set) it reads all of their files again for each query."
)
_WIDTH = 105
_COLOURS = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd")
_PACKAGES = ("alembic", "sqlalchemy", "psycopg", "pymysql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """Measurements of comparisons on one kind of database, by number of tables."""

    database: str
    sizes: Sequence[Grown]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The results of a run. `queries` are numbers of statements by number of schemas."""

    rows: Sequence[Row]
    growth: Sequence[Growth] = ()
    queries: Mapping[int, int] = field(default_factory=dict)


def as_json(measured: Measured) -> str:
    """Return the results as JSON, with the versions of the packages."""
    data = {
        "python": platform.python_version(),
        "packages": {name: version(name) for name in _PACKAGES},
        **asdict(measured),
    }
    return json.dumps(data, indent=1) + "\n"


def from_json(text: str) -> Measured:
    """Return the results that `as_json` serialized."""
    data = json.loads(text)
    return Measured(
        rows=[_row(row) for row in data["rows"]],
        growth=[_grown(growth) for growth in data["growth"]],
        queries={int(schemas): count for schemas, count in data["queries"].items()},
    )


def _row(data: dict[str, Any]) -> Row:
    sides = {side: data[side] and _seconds(data[side]) for side in ("ours", "theirs", "limit")}
    return Row(**{**data, **sides})


def _grown(data: dict[str, Any]) -> Growth:
    sizes = [
        Grown(**{**size, "seconds": _seconds(size["seconds"]), "limit": _seconds(size["limit"])})
        for size in data["sizes"]
    ]
    return Growth(database=data["database"], sizes=sizes)


def _seconds(data: dict[str, Any]) -> Seconds:
    return Seconds(rounds=tuple(data["rounds"]))


def joined(parts: Sequence[Measured]) -> Measured:
    """Return the results of several runs as one."""
    return Measured(
        rows=[row for part in parts for row in part.rows],
        growth=[growth for part in parts for growth in part.growth],
        queries={n: count for part in parts for n, count in part.queries.items()},
    )


def table(rows: Sequence[Row]) -> str:
    """Return the rows as a Markdown table: medians in seconds, and the ratio to Alembic."""
    lines = [
        "| work | database | autodiff | Alembic | times as fast | the limit | wanted |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        ratio = f"{row.ratio:.1f}" if row.ratio else ""
        cells = [row.work, row.database, _time(row.ours), _time(row.theirs), ratio]
        lines.append("| " + " | ".join([*cells, _time(row.limit), row.wanted]) + " |")
    return "\n".join(lines)


def _time(seconds: Seconds | None) -> str:
    return "" if seconds is None else f"{seconds.median:.3f} s"


def page(measured: Measured) -> str:
    """Return the text of docs/benchmarks.md."""
    versions = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    parts = [
        "# Benchmarks",
        fill(_INTRODUCTION, _WIDTH),
        f"Python {platform.python_version()}, {versions}.",
        table(measured.rows),
    ]
    if measured.growth:
        parts += ["## Growth", "![seconds by tables](benchmarks.svg)", _growth(measured.growth)]
    if measured.queries:
        told = ", ".join(f"{count} over {n}" for n, count in measured.queries.items())
        parts.append(f"Statements that a comparison sends, by the number of schemas: {told}.")
    return "\n\n".join(parts) + "\n"


def _growth(growth: Sequence[Growth]) -> str:
    lines = [
        "| database | tables | autodiff | grown | the limit | MB |",
        "|---|---|---|---|---|---|",
    ]
    for item in growth:
        for before, grown in zip([None, *item.sizes], item.sizes, strict=False):
            more = f"{grown.seconds.median / before.seconds.median:.1f} times" if before else ""
            cells = (item.database, f"{grown.tables:,}", _time(grown.seconds), more)
            cells = (*cells, _time(grown.limit), f"{grown.megabytes:.1f}")
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def plot(growth: Sequence[Growth]) -> str:
    """Return an SVG of seconds by number of tables; both axes are logarithmic."""
    points = [(g.tables, g.seconds.median) for item in growth for g in item.sizes]
    low_x, high_x = (math.log10(pick(n for n, _ in points)) for pick in (min, max))
    low_y, high_y = (math.log10(pick(s for _, s in points)) for pick in (min, max))

    def position(tables: int, seconds: float) -> tuple[float, float]:
        x = 60 + 420 * (math.log10(tables) - low_x) / max(high_x - low_x, 0.1)
        y = 240 - 200 * (math.log10(seconds) - low_y) / max(high_y - low_y, 0.1)
        return round(x, 1), round(y, 1)

    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 560 290" '
        'font-family="sans-serif" font-size="12">',
        '<rect width="560" height="290" fill="white"/>',
        '<path d="M60 30V250H490" fill="none" stroke="#666"/>',
        '<text x="230" y="284">tables</text>',
    ]
    for tables in sorted({n for n, _ in points}):
        parts.append(f'<text x="{position(tables, 1)[0] - 12}" y="266">{tables:,}</text>')
    labelled: list[tuple[float, float]] = []  # labels that would overlap are omitted
    for number, (item, colour) in enumerate(zip(growth, _COLOURS, strict=False)):
        line = [position(grown.tables, grown.seconds.median) for grown in item.sizes]
        joined = " ".join(f"{x},{y}" for x, y in line)
        parts.append(f'<polyline points="{joined}" fill="none" stroke="{colour}"/>')
        for (x, y), grown in zip(line, item.sizes, strict=True):
            parts.append(f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}"/>')
            if all(abs(y - other) > 12 for column, other in labelled if column == x):
                labelled.append((x, y))
                text = f"{grown.seconds.median:.2f} s"
                parts.append(f'<text x="{x + 6}" y="{y - 5:.1f}" fill="{colour}">{text}</text>')
        parts.append(f'<text x="75" y="{45 + 16 * number}" fill="{colour}">{item.database}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"
