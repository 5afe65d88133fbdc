"""Test that the rehearsal of a history does the same work for each migration, however many."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import sqlalchemy as sa

import autodiff
from autodiff import Project
from tests.benchmarks.running import our_folder

SMALL, LARGE = 60, 240
PARTS = tuple(
    str(Path(autodiff.__file__).parent / part)
    for part in ("rehearse", "utils/shared_dict.py", "runner/runner.py", "runner/apply.py")
)
"""Code that has the whole history at hand. The rest would hide what it does too often."""


@contextmanager
def counting_instructions() -> Iterator[list[int]]:
    """Count the instructions of PARTS; a loop over all tables counts, even in one expression."""
    found = [0]

    def in_frame(frame: FrameType, event: str, argument: object) -> object:
        found[0] += event == "opcode"
        return in_frame

    def on_call(frame: FrameType, event: str, argument: object) -> object:
        if not frame.f_code.co_filename.startswith(PARTS):
            return None
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        return in_frame

    previous = sys.gettrace()
    sys.settrace(on_call)
    try:
        yield found
    finally:
        sys.settrace(previous)


def instructions(url: sa.URL, folder: Path, migrations: int) -> int:
    """Return how many instructions the rehearsal of so many migrations takes."""
    project = Project(url=url, directory=our_folder(folder / f"{migrations}", migrations))
    with counting_instructions() as found:
        rehearsed = project.rehearse()
    assert [step.problems for step in rehearsed.steps] == [()] * migrations
    return found[0]


def test_each_migration_takes_the_same_work(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """Four times as many migrations need at most 4.4 times as many instructions."""
    url = database("sqlite")
    small = instructions(url, tmp_path, SMALL)
    assert instructions(url, tmp_path, LARGE) < 4.4 * small
