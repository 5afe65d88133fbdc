"""Test that the rehearsal of a history does the same work for each migration, however many."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa

import autodiff
from autodiff import Project
from tests.benchmarks.running import our_folder
from tests.counting import counted_instructions

SMALL, LARGE = 40, 160
PARTS = [
    str(Path(autodiff.__file__).parent / part)
    for part in ("rehearse", "utils/shared_dict.py", "runner/runner.py", "runner/apply.py")
]
"""Code that has the whole history at hand. The rest would hide what it does too often."""


def instructions(url: sa.URL, folder: Path, migrations: int) -> int:
    """Return how many instructions the rehearsal of so many migrations takes."""
    project = Project(url=url, directory=our_folder(folder / f"{migrations}", migrations))
    with counted_instructions(PARTS) as found:
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
