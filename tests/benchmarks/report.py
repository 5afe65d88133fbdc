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

from tests.benchmarks.command_growth import CommandGrowth
from tests.benchmarks.timing import Grown, Row, Seconds

__all__ = ["Growth", "Measured", "as_json", "from_json", "joined", "page", "plot", "table"]

_INTRODUCTION = (
    "This page is for developers who want to know how fast autodiff is; it compares the time that "
    "autodiff and Alembic need for the same work.",
    "`python -m tests.benchmarks --docs` writes this page. Both tools run in turn on one machine "
    "and on the same database. Each kind of work has its own process, and each time is a median. "
    "Each table has twelve columns, a foreign key and two indexes.",
)
_COLUMNS = (
    "The baseline is the time for work that cannot be avoided. For a comparison, it is plain "
    "queries that fetch columns, keys and indexes without processing them. For `check`, it is "
    "importing SQLAlchemy and the models; autodiff can be faster, because it pauses garbage "
    "collection while it imports the models. For a rehearsal, it is writing the same file without "
    "a rehearsal, and for new tables `create_all()`. The last column is the project's own goal."
)
_MARIADB = (
    "MariaDB opens every table for each query of its catalog, which takes about half of the time. "
    "If there are more tables than `table_open_cache` allows (2,000 by default), MariaDB reads "
    "their files again for each query."
)
_COMMANDS = (
    "These are the times of each command for projects of different sizes, with as many migrations "
    "as tables, without the time for two tables. One table in ten is changed for `diff` and "
    "`generate`. With an exponent of 1, ten times the tables take ten times as long; with 2, a "
    "hundred times. On SQLite the times are those of the processor. The first row shows what the "
    "database itself needs: SQLite reads its catalog for each new table."
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
    """The results of a run.

    queries: the numbers of statements by number of schemas.
    commands: the growth of every command.
    """

    rows: Sequence[Row]
    growth: Sequence[Growth] = ()
    queries: Mapping[int, int] = field(default_factory=dict)
    commands: Sequence[CommandGrowth] = ()


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
        commands=[_command(item) for item in data["commands"]],
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


def _command(data: dict[str, Any]) -> CommandGrowth:
    times = {int(size): taken for size, taken in data["seconds"].items()}
    return CommandGrowth(**{**data, "seconds": times})


def _seconds(data: dict[str, Any]) -> Seconds:
    return Seconds(rounds=tuple(data["rounds"]))


def joined(parts: Sequence[Measured]) -> Measured:
    """Return the results of several runs as one."""
    return Measured(
        rows=[row for part in parts for row in part.rows],
        growth=[growth for part in parts for growth in part.growth],
        queries={n: count for part in parts for n, count in part.queries.items()},
        commands=[command for part in parts for command in part.commands],
    )


def table(rows: Sequence[Row]) -> str:
    """Return the rows as a Markdown table: medians in seconds, and the ratio to Alembic."""
    lines = [
        "| work | database | autodiff | Alembic | times as fast | baseline | goal |",
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
        *(fill(paragraph, _WIDTH) for paragraph in (*_INTRODUCTION, _COLUMNS)),
        f"Python {platform.python_version()}, {versions}.",
        table(measured.rows),
    ]
    if measured.growth:
        parts += ["## Growth", "![Seconds by number of tables](benchmarks.svg)"]
        parts += [fill(_MARIADB, _WIDTH), _growth(measured.growth)]
    if measured.queries:
        counts = ", ".join(f"{count} for {n}" for n, count in measured.queries.items())
        parts.append(f"Statements that a comparison sends, by number of schemas: {counts}.")
    if measured.commands:
        parts += ["## Growth of every command", fill(_COMMANDS, _WIDTH)]
        parts.append(_commands(measured.commands))
    return "\n\n".join(parts) + "\n"


def _commands(commands: Sequence[CommandGrowth]) -> str:
    sizes = sorted({size for item in commands for size in item.seconds})
    lines = [
        f"| command | database | {' | '.join(f'{size:,}' for size in sizes)} | exponent |",
        "|---" * (len(sizes) + 3) + "|",
    ]
    for item in commands:
        times = [f"{item.seconds[n]:.3f} s" if n in item.seconds else "" for n in sizes]
        last = f"{item.exponent:.2f}" if len(item.seconds) > 1 else ""
        lines.append(f"| {' | '.join([item.command, item.database, *times, last])} |")
    return "\n".join(lines)


def _growth(growth: Sequence[Growth]) -> str:
    lines = [
        "| database | tables | autodiff | growth | baseline | peak memory, MB |",
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
