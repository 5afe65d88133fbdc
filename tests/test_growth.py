"""The work of a comparison grows as its schemas do: calls are counted, which no clock can blur."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType

import pytest
import sqlalchemy as sa

from autodiff.autogenerate.planning import plan_difference
from autodiff.autogenerate.questions import NoAnswers
from autodiff.autogenerate.rename_search import find_renamed_difference
from autodiff.dialects import dialect_for
from autodiff.models import declare
from tests.benchmarks.shop import models

SMALL, LARGE = 50, 200
WORKS: dict[str, Callable[[int], tuple[sa.MetaData, sa.MetaData]]] = {
    "equal": lambda tables: (models(tables), models(tables)),
    "created": lambda tables: (sa.MetaData(), models(tables)),
    "dropped": lambda tables: (models(tables), sa.MetaData()),
    "changed": lambda tables: (models(tables), models(tables, changed=tables)),
    "reworded": lambda tables: (models(tables), models(tables, changed=tables, worded=True)),
}


def calls(kind: str, work: str, tables: int) -> int:
    """How many functions of Python are called to compare and to plan."""
    before, after = WORKS[work](tables)
    count = 0

    def count_it(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event == "call"

    dialect = dialect_for(kind)
    current = declare(before, dialect)
    kept = sys.getprofile()
    sys.setprofile(count_it)
    try:
        desired = declare(after, dialect)
        found = find_renamed_difference(
            None, dialect, current, desired, [], NoAnswers(), "drop-and-add", create_scratch=False
        )
        plan_difference(found, {}, NoAnswers())
    finally:
        sys.setprofile(kept)
    return count


@pytest.mark.parametrize("work", WORKS)
@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "mysql"])
def test_the_work_grows_with_the_tables(kind: str, work: str) -> None:
    """Four times as many tables need little more than four times the work, whatever changes."""
    calls(kind, work, SMALL)  # what is imported and remembered
    assert calls(kind, work, LARGE) < 4.4 * calls(kind, work, SMALL)
