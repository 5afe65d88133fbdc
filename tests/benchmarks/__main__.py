"""Run the benchmarks, print a table and write JSON; see --help."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import sqlalchemy as sa

from tests.benchmarks import counts, revisions
from tests.benchmarks.command_growth import CommandGrowth, command_growth
from tests.benchmarks.commands import checked, checked_offline, helped
from tests.benchmarks.comparing import Size, compared, create, grown, queries
from tests.benchmarks.drafted import created, generated
from tests.benchmarks.report import (
    Growth,
    Measured,
    as_json,
    from_json,
    joined,
    page,
    plot,
    table,
)
from tests.benchmarks.running import loaded, upgraded
from tests.benchmarks.shop import models
from tests.benchmarks.timing import Grown, Row
from tests.benchmarks.works import WORKS
from tests.servers import mariadb, postgresql

KINDS = ("sqlite", "postgresql", "mariadb")
SETTINGS = {
    "mariadb": {
        "mariadb": "table_open_cache = DEFAULT",
        "mariadb, table_open_cache = 20000": "table_open_cache = 20000",
    }
}
"""Server settings for the growth benchmark, which depends on MariaDB's table cache.

See https://mariadb.com/kb/en/optimizing-table_open_cache/
"""
STARTS = {"postgresql": postgresql.start, "mariadb": mariadb.start}
DOCS = Path(__file__).parents[2] / "docs"


class Databases:
    """Creates empty databases; the servers are stopped at the end."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder = folder
        self._stack = stack
        self._servers: dict[str, postgresql.PostgreSQL | mariadb.MariaDB] = {}
        self._numbers = count()

    def new(self, kind: str) -> sa.URL:
        """Create an empty database and return its URL."""
        if kind == "sqlite":
            return sa.URL.create("sqlite", database=f"{self.folder()}.db")
        if kind not in self._servers:
            self._servers[kind] = STARTS[kind]()
            self._stack.callback(self._servers[kind].stop)
        return self._servers[kind].create()

    def folder(self) -> Path:
        """Return a path that does not exist."""
        return self._folder / f"{next(self._numbers)}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=sorted(BENCHMARKS), default=sorted(BENCHMARKS))
    parser.add_argument("--databases", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--tables", type=int, default=1000, help="number of tables to compare")
    parser.add_argument("--migrations", type=int, default=500, help="number of migrations to apply")
    parser.add_argument("--files", type=int, default=5000, help="number of files to load")
    sizes = [100, 1000, 10000]  # SQLite needs minutes to create 10,000 tables
    parser.add_argument("--sizes", type=int, nargs="+", default=sizes)
    parser.add_argument(
        "--most-files", type=int, default=1000, help="largest history that the growth runs"
    )
    parser.add_argument("--rounds", type=int, default=5, help="three times as many for --compare")
    parser.add_argument("--json", type=Path, default=Path("benchmarks.json"))
    parser.add_argument(
        "--quiet", action="store_true", help="run in this process and print only the rows"
    )
    parser.add_argument("--compare", metavar="REV", help="measure only this code and a revision's")
    parser.add_argument("--count", action="store_true", help="compare with the accepted counts")
    parser.add_argument("--accept", action="store_true", help="with --count: accept the counts")
    parser.add_argument("--docs", action="store_true", help="write docs/benchmarks.md and its plot")
    return parser


def _compare(options: argparse.Namespace, databases: Databases) -> Iterator[Row]:
    changed = max(options.tables // 20, 1)
    size = Size(tables=options.tables, changed=changed, rounds=options.rounds)
    for kind in options.databases:
        yield from compared(kind, lambda kind=kind: databases.new(kind), size)


def _commands(options: argparse.Namespace, databases: Databases) -> Iterator[Row]:
    folder = databases.folder()
    folder.mkdir()
    yield helped(options.rounds)
    yield checked_offline(folder, options.tables, options.rounds)
    for kind in options.databases:
        url, folder = databases.new(kind), databases.folder()
        yield checked(kind, url, folder, options.tables, options.rounds)


def _upgrade(options: argparse.Namespace, databases: Databases) -> Iterator[Row]:
    for kind in options.databases:
        folder = databases.folder()
        yield upgraded(
            kind, lambda kind=kind: databases.new(kind), folder, options.migrations, options.rounds
        )


def _load(options: argparse.Namespace, databases: Databases) -> Iterator[Row]:
    folder = databases.folder()
    yield loaded(folder, options.files, min(options.rounds, 3))


def _generate(options: argparse.Namespace, databases: Databases) -> Iterator[Row]:
    rounds = min(options.rounds, 3)
    for kind in options.databases:
        for changed in (1, max(options.tables * 2 // 5, 1)):
            yield generated(
                kind,
                databases.new(kind),
                databases.folder(),
                tables=options.tables,
                changed=changed,
                rounds=rounds,
            )
        url, other_url = databases.new(kind), databases.new(kind)
        yield created(kind, url, other_url, databases.folder(), options.tables)


BENCHMARKS: dict[str, Callable[[argparse.Namespace, Databases], Iterator[Row]] | None] = {
    "compare": _compare,
    "commands": _commands,
    "upgrade": _upgrade,
    "load": _load,
    "generate": _generate,
    "growth": None,
    "command-growth": None,
}
PER_DATABASE = ("compare", "upgrade", "generate", "growth", "command-growth")


def _growth(options: argparse.Namespace, databases: Databases) -> list[Growth]:
    sizes_by_name: dict[str, list[Grown]] = {}
    for kind in options.databases:
        for size in options.sizes:
            rounds = min(options.rounds, 3) if size > 5000 else options.rounds
            url = databases.new(kind)
            create(url, models(size))
            for name, setting in SETTINGS.get(kind, {kind: ""}).items():
                sizes_by_name.setdefault(name, []).append(grown(kind, url, size, rounds, setting))
    return [Growth(database=name, sizes=sizes) for name, sizes in sizes_by_name.items()]


def _command_growth(options: argparse.Namespace, databases: Databases) -> Iterator[CommandGrowth]:
    for kind in options.databases:
        yield from command_growth(
            kind,
            lambda kind=kind: databases.new(kind),
            databases.folder(),
            options.sizes,
            options.most_files,
        )


def _queries(options: argparse.Namespace, databases: Databases) -> dict[int, int]:
    if "postgresql" not in options.databases:
        return {}
    schema_names = {n: [f"s{i}" for i in range(n)] for n in (1, 10)}
    tables = max(options.tables // 10, 1)
    return {
        n: queries(databases.new("postgresql"), tables, names) for n, names in schema_names.items()
    }


def measure(options: argparse.Namespace, databases: Databases) -> Measured:
    """Run the selected benchmarks and print each result."""
    rows: list[Row] = []
    for name in options.only:
        benchmark = BENCHMARKS[name]
        for row in benchmark(options, databases) if benchmark is not None else ():
            print(table([row]).splitlines()[-1], flush=True)
            rows.append(row)
    commands = list(_command_growth(options, databases)) if "command-growth" in options.only else []
    if "growth" not in options.only:
        return Measured(rows=rows, commands=commands)
    return Measured(
        rows=rows,
        growth=_growth(options, databases),
        queries=_queries(options, databases),
        commands=commands,
    )


@contextmanager
def open_databases() -> Iterator[Databases]:
    """Yield a factory of databases, which are removed at the end."""
    with ExitStack() as stack, TemporaryDirectory() as folder:
        yield Databases(Path(folder), stack)


def _measure_in_processes(arguments: Sequence[str], options: argparse.Namespace) -> Measured:
    """Run each benchmark, and each kind of database, in a new process.

    This way, no benchmark is affected by caches or memory of another one.
    """
    parts = []
    with TemporaryDirectory() as folder:
        part = Path(folder) / "part.json"
        for benchmark in options.only:
            kinds = [[kind] for kind in options.databases]
            for selected in kinds if benchmark in PER_DATABASE else [options.databases]:
                selection = [
                    "--only",
                    benchmark,
                    "--databases",
                    *selected,
                    "--json",
                    f"{part}",
                    "--quiet",
                ]
                command = [sys.executable, "-m", "tests.benchmarks", *arguments, *selection]
                subprocess.run(command, check=True)
                parts.append(from_json(part.read_text()))
    return joined(parts)


def _compare_revisions(options: argparse.Namespace) -> int:
    """Print what two revisions take; return 1 if this one is slower, 2 if there is no result."""
    status = 0
    with open_databases() as databases:
        for kind in options.databases:
            folder = databases.folder()
            place = revisions.place_of(
                lambda kind=kind: databases.new(kind), folder, options.tables
            )
            print(f"{kind}, {options.tables:,} tables: {options.compare}, this code, ratio")
            for compared in revisions.compare(options.compare, place, 3 * options.rounds, [*WORKS]):
                if isinstance(compared, str):
                    print(f"  {compared:32} could not be measured", flush=True)
                    status = 2
                else:
                    print(f"  {compared}", flush=True)
                    status = max(status, compared.is_slower)
    return status


def _count(*, accept: bool) -> int:
    """Print the counts; return 1 if one is larger than is tolerated."""
    with open_databases() as databases:
        found = list(counts.count(lambda: databases.new("sqlite"), databases.folder()))
    for each in found:
        print(f"{each.work:32} {each.measure:12} {each.number:12,}")
    if accept:
        counts.record(found)
    exceeding = counts.exceeding(found, counts.recorded())
    print(*exceeding, sep="\n", end="\n" if exceeding else "")
    return bool(exceeding)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmarks that the arguments select, and return the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    options = _parser().parse_args(words)
    if options.compare:
        return _compare_revisions(options)
    if options.count:
        return _count(accept=options.accept)
    if not options.quiet:
        measured = _measure_in_processes([word for word in words if word != "--docs"], options)
    else:
        with open_databases() as databases:
            measured = measure(options, databases)
    options.json.write_text(as_json(measured))
    if not options.quiet:
        print("\n" + page(measured))
    if options.docs:
        (DOCS / "benchmarks.md").write_text(page(measured))
        if measured.growth:
            (DOCS / "benchmarks.svg").write_text(plot(measured.growth))
    return 0


if __name__ == "__main__":
    sys.exit(main())
