"""Count the calls and the memory of each piece of work, and compare them with recorded counts.

Counts are the same on every machine, where seconds vary. They depend on the version of Python.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import sqlalchemy as sa

from tests.benchmarks.revisions import TOLERATED, place_of, started
from tests.benchmarks.works import WORKS

__all__ = ["RECORDED", "Count", "count", "exceeding", "record", "recorded"]

RECORDED = Path(__file__).with_name("counts.json")
"""The counts that were accepted last, by version of Python."""

TABLES = 40
MEASURES = ("calls", "peak_bytes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """A figure of a piece of work."""

    work: str
    measure: str
    number: int


def count(new: Callable[[], sa.URL], folder: Path) -> Iterator[Count]:
    """Count each work for forty tables."""
    place = place_of(new, folder, TABLES)
    for name in WORKS:
        own = folder / name
        own.mkdir(parents=True)
        with started(name, replace(place, folder=own)) as worker:
            for measure in MEASURES:
                yield Count(work=name, measure=measure, number=int(worker.measure(measure)))


def recorded() -> dict[str, int]:
    """Return the accepted counts of this version of Python; none if there are none."""
    return _all_recorded().get(_python(), {})


def record(counts: Iterable[Count]) -> None:
    """Accept the counts."""
    numbers = {_key(each): each.number for each in counts}
    RECORDED.write_text(json.dumps({**_all_recorded(), _python(): numbers}, indent=1) + "\n")


def exceeding(counts: Iterable[Count], accepted: Mapping[str, int]) -> list[str]:
    """Return a line for each count that is larger than is tolerated."""
    return [
        f"{_key(each)}: {each.number:,}, accepted are {accepted[_key(each)]:,}"
        for each in counts
        if each.number > TOLERATED * accepted.get(_key(each), each.number)
    ]


def _key(count: Count) -> str:
    return f"{count.work}: {count.measure}"


def _python() -> str:
    return ".".join(platform.python_version_tuple()[:2])


def _all_recorded() -> dict[str, dict[str, int]]:
    loaded: dict[str, dict[str, int]] = json.loads(RECORDED.read_text())
    return loaded
