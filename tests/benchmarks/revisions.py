"""Compare the time that two revisions of autodiff take, in turn."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from statistics import median

import sqlalchemy as sa

from tests.benchmarks.comparing import create
from tests.benchmarks.shop import models
from tests.benchmarks.works import Place

__all__ = [
    "TOLERATED",
    "Compared",
    "WorkFailedError",
    "Worker",
    "checked_out",
    "compare",
    "place_of",
    "started",
]

TOLERATED = 1.05
"""How many times as long as before a piece of work may take."""

_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """The seconds of each round with the revision before, and with the code at hand."""

    work: str
    before: Sequence[float]
    after: Sequence[float]

    @property
    def ratio(self) -> float:
        """How many times as long the code at hand takes.

        Both the median of the rounds' ratios and the ratio of the fastest rounds have to be high
        for this to be high: other load on the machine rarely raises both.
        """
        ratios = [new / old for old, new in zip(self.before, self.after, strict=True)]
        return min(median(ratios), min(self.after) / min(self.before))

    @property
    def is_slower(self) -> bool:
        """Whether the code at hand takes longer than is tolerated."""
        return self.ratio > TOLERATED

    def __str__(self) -> str:
        """Return a line of the table."""
        times = f"{median(self.before):8.3f} s {median(self.after):8.3f} s"
        return f"{self.work:32} {times}  {self.ratio:6.1%}{'  slower' if self.is_slower else ''}"


class WorkFailedError(Exception):
    """The process of a worker ended; it printed why."""


class Worker:
    """A process that repeats a piece of work with one revision of autodiff."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._answer()

    def measure(self, what: str) -> float:
        """Do the work once, and return the figure of that name; see `tests.benchmarks.child`."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{what}\n")
        self._process.stdin.flush()
        return float(self._answer())

    def _answer(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise WorkFailedError(f"the work failed with exit code {self._process.wait()}")
        return str(json.loads(line))


@contextmanager
def checked_out(revision: str, folder: Path) -> Iterator[Path]:
    """Write the package and the templates of a revision into the folder, and yield the folder."""
    command = ["git", "archive", revision, "autodiff", "templates"]
    archive = subprocess.run(command, cwd=_ROOT, check=True, capture_output=True).stdout
    with tarfile.open(fileobj=BytesIO(archive)) as tar:
        tar.extractall(folder, filter="data")
    yield folder


@contextmanager
def started(name: str, place: Place, code: Path = _ROOT) -> Iterator[Worker]:
    """Start a process that imports autodiff from `code`, and these benchmarks from here."""
    environment = {**os.environ, "PYTHONPATH": f"{code}{os.pathsep}{_ROOT}", "PYTHONHASHSEED": "0"}
    command = [sys.executable, "-P", "-m", "tests.benchmarks.child", name]
    process = subprocess.Popen(
        [*command, place.url, place.apart, f"{place.folder}", f"{place.tables}"],
        cwd=place.folder,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield Worker(process)
        finally:
            process.kill()


def place_of(new: Callable[[], sa.URL], folder: Path, tables: int) -> Place:
    """Create the databases that the works read, and return them with an empty folder."""
    url, apart = new(), new()
    create(url, models(tables))
    create(apart, models(tables, apart=True))
    texts = [each.render_as_string(hide_password=False) for each in (url, apart)]
    return Place(url=texts[0], apart=texts[1], folder=folder, tables=tables)


def compare(
    revision: str, place: Place, rounds: int, works: Sequence[str]
) -> Iterator[Compared | str]:
    """Measure each work with the revision and with the code at hand, in turn.

    Yields the name of a work in place of its times if the revision cannot do it.

    Raises `subprocess.CalledProcessError` if git does not know the revision.
    """
    code = place.folder / "revision"
    with checked_out(revision, code):
        for name in works:
            try:
                yield _compared(name, place, code, rounds)
            except WorkFailedError:
                yield name


def _compared(name: str, place: Place, code: Path, rounds: int) -> Compared:
    with ExitStack() as stack:
        workers = []
        for side, source in (("before", code), ("after", _ROOT)):
            folder = place.folder / name / side
            folder.mkdir(parents=True)
            own = Place(url=place.url, apart=place.apart, folder=folder, tables=place.tables)
            workers.append(stack.enter_context(started(name, own, source)))
        times: tuple[list[float], list[float]] = ([], [])
        for number in range(rounds):
            for side in (0, 1) if number % 2 else (1, 0):
                times[side].append(workers[side].measure("seconds"))
    return Compared(work=name, before=times[0], after=times[1])
