"""Measure how many databases worker processes migrate in a minute."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

from autodiff import Project

__all__ = ["measure", "rows"]

_MIGRATION = '''"""Add table {number}."""
import sqlalchemy as sa
from autodiff import op

revision = "aaa{number}"
parents = {parents}


def upgrade() -> None:
    op.create_table("t{number}", sa.Column("id", sa.Integer(), primary_key=True))


def downgrade() -> None:
    op.drop_table("t{number}")
'''
_MIGRATIONS = 3


def measure(folder: Path, targets: int, workers: int) -> tuple[float, float]:
    """Return the targets per minute with pending migrations, and when they are up to date.

    Each target is a SQLite file. The processes are started before the clock.
    """
    project = _project(folder, targets)
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        list(pool.map(_load, range(workers * 4)))
        speeds = []
        for _ in range(2):
            started = time.perf_counter()
            outcomes = project.upgrade_all(executor=pool, parallel=workers * 2, run="benchmark")
            speeds.append(targets / (time.perf_counter() - started) * 60)
            assert outcomes, "a target failed"
            (folder / ".autodiff" / "outcomes.db").unlink()
    return speeds[0], speeds[1]


def _load(number: int) -> None:
    """Import in a worker what the first task would import."""
    from autodiff.fleet import tasks
    from autodiff.runner import runner

    assert tasks and runner
    time.sleep(0.05)


def _project(folder: Path, targets: int) -> Project:
    (folder / "migrations").mkdir()
    (folder / "tenants").mkdir()
    for number in range(1, _MIGRATIONS + 1):
        parents = f"('aaa{number - 1}',)" if number > 1 else "()"
        text = _MIGRATION.format(number=number, parents=parents)
        (folder / "migrations" / f"{number:04}_table.py").write_text(text)
    (folder / "tenants.txt").write_text("\n".join(f"t{number:05}" for number in range(targets)))
    settings = {"file": "tenants.txt", "database": "tenants/{name}.db"}
    url = f"sqlite:///{folder / 'registry.db'}"
    return Project(url, directory=folder / "migrations", root=folder, targets=settings)


def rows(targets: int, workers: Sequence[int]) -> Iterator[str]:
    """Yield the lines of a table in Markdown."""
    yield f"| worker processes | targets per minute: {_MIGRATIONS} migrations | up to date |"
    yield "|---|---|---|"
    for count in workers:
        with TemporaryDirectory() as name:
            migrated, current = measure(Path(name), targets, count)
        yield f"| {count} | {migrated:,.0f} | {current:,.0f} |"


def main() -> None:
    """Print the table, and the number of cores of this machine."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.fleet", description=__doc__)
    parser.add_argument("--targets", type=int, default=400)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    options = parser.parse_args()
    print(f"{options.targets} SQLite files, {os.cpu_count()} cores")
    for line in rows(options.targets, options.workers):
        print(line, flush=True)


if __name__ == "__main__":
    main()
