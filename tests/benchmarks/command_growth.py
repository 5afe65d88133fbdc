"""Benchmark of how the time of each command grows with the number of tables and files."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from autodiff import Project
from tests.benchmarks.comparing import create
from tests.benchmarks.running import our_folder

__all__ = ["CommandGrowth", "command_growth", "exponent"]

_CHANGED = 10
"""One of so many tables is changed for `generate` and `diff`."""
_START = 2
"""The smallest history that can be squashed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandGrowth:
    """The seconds of a command by number of tables and files, without its start-up."""

    command: str
    database: str
    seconds: dict[int, float]

    @property
    def exponent(self) -> float:
        """How the time grows between the two largest sizes: 1 is linear, 2 is quadratic."""
        (small, before), (large, after) = sorted(self.seconds.items())[-2:]
        return exponent(before, after, large / small)


def exponent(before: float, after: float, times_as_large: float) -> float:
    """Return the logarithm of the ratio of two times, to the base of the ratio of the sizes."""
    least = 0.001  # shorter times are noise
    return math.log(max(after, least) / max(before, least)) / math.log(times_as_large)


def command_growth(
    kind: str, new: Callable[[], sa.URL], folder: Path, sizes: Sequence[int], most_files: int
) -> Iterator[CommandGrowth]:
    """Measure each command on projects with as many migrations as tables, one after the other.

    most_files: the largest size for commands that run every migration.

    The start-up is the time with two tables. On SQLite it is the CPU time of this process, which
    other work on the machine affects least.
    """
    clock = time.process_time if kind == "sqlite" else time.perf_counter
    _times(new, folder / "warm-up", _START, clock, runs=True)  # imports modules
    by_size = {
        size: _times(new, folder / f"{size}", size, clock, runs=size <= most_files)
        for size in (_START, *sizes)
    }
    for command, start in by_size[_START].items():
        found = {size: by_size[size][command] - start for size in sizes if command in by_size[size]}
        yield CommandGrowth(command=command, database=kind, seconds=found)


def _times(
    new: Callable[[], sa.URL], folder: Path, size: int, clock: Callable[[], float], *, runs: bool
) -> dict[str, float]:
    """Return the seconds of each command; those that run all migrations only with `runs`."""
    our_folder(folder, size)
    url = new()
    project = Project(url=url, metadata=_models(size), directory=folder)
    changed = Project(url=url, metadata=_models(size, changed=True), directory=folder)
    project.draft("warm-up", empty=True)
    found: dict[str, float] = {}

    def measure(command: str, work: Callable[[], object]) -> None:
        gc.collect()
        start = clock()
        work()
        found[command] = clock() - start

    other_url = new()
    measure("create_all()", lambda: create(other_url, _models(size)))
    if runs:
        measure("upgrade", project.upgrade)
    else:
        create(url, _models(size))
        project.stamp()
    measure("history", project.graph)
    measure("status", project.status)
    measure("history --log", project.log)
    measure("lint", project.lint)
    measure("lock", project.relock)
    measure("check", project.check)
    measure("check --offline", lambda: project.check(offline=True))
    measure("diff", lambda: changed.diff(assume="drop-and-add"))
    measure("generate", lambda: changed.draft("change", assume="drop-and-add"))
    measure("generate --no-rehearse", lambda: _draft_without_rehearsal(changed))
    measure("report", lambda: project.review(":head", offline=True))
    if runs:  # PostgreSQL cannot lock 10,000 tables in one transaction
        measure("squash", lambda: project.squash(":", "all"))
        measure("rehearse", lambda: project.rehearse(rows="none"))
        measure("downgrade", lambda: project.downgrade("base"))
    return found


def _draft_without_rehearsal(project: Project) -> None:
    project.draft("change", assume="drop-and-add", rehearse=False)


def _models(size: int, *, changed: bool = False) -> sa.MetaData:
    """Return the models that the migrations lead to; in changed ones, some tables differ."""
    metadata = sa.MetaData()
    for number in range(size):
        name = f"t{number:05d}"
        is_changed = changed and number % _CHANGED == 0
        sa.Table(
            name,
            metadata,
            sa.Column("id", sa.Integer, nullable=False),
            sa.Column("name", sa.String(60 if is_changed else 50), nullable=False),
            *([sa.Column("remark", sa.String(80))] if is_changed else []),
            sa.PrimaryKeyConstraint("id", name=f"{name}_pkey"),
        )
    return metadata
