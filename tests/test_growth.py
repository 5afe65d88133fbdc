"""Test that the work of a comparison grows linearly; calls are counted because times vary."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from autodiff.autogenerate.planning import plan_difference
from autodiff.autogenerate.questions import NoAnswers
from autodiff.autogenerate.rename_search import find_renamed_difference
from autodiff.dialects import dialect_for
from autodiff.models import declare
from tests.benchmarks.shop import models
from tests.counting import counted_calls

SMALL, LARGE = 30, 120
CASES: dict[str, Callable[[int], tuple[sa.MetaData, sa.MetaData]]] = {
    "equal": lambda tables: (models(tables), models(tables)),
    "created": lambda tables: (sa.MetaData(), models(tables)),
    "dropped": lambda tables: (models(tables), sa.MetaData()),
    "changed": lambda tables: (models(tables), models(tables, changed=tables)),
    "reworded": lambda tables: (models(tables), models(tables, changed=tables, worded=True)),
}


def calls(kind: str, case: str, tables: int) -> int:
    """Return the number of Python function calls that comparing and planning take."""
    before, after = CASES[case](tables)
    dialect = dialect_for(kind)
    current = declare(before, dialect)
    with counted_calls() as count:
        desired = declare(after, dialect)
        difference = find_renamed_difference(
            None, dialect, current, desired, [], NoAnswers(), "drop-and-add", create_scratch=False
        )
        plan_difference(difference, {}, NoAnswers())
    return count[0]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "mysql"])
def test_the_number_of_calls_is_linear(kind: str, case: str) -> None:
    """Four times as many tables need at most 4.4 times as many calls."""
    calls(kind, case, SMALL)  # fills caches and imports modules
    assert calls(kind, case, LARGE) < 4.4 * calls(kind, case, SMALL)
