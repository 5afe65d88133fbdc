"""Test random pairs of schemas: no false alarms, no remaining changes, no lost data."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given, note

from tests.property.promise import check_roundtrip, write_scenario
from tests.property.specs import Pair
from tests.property.strategies import pairs
from tests.property.worlds import open_databases

KEEP = os.environ.get("AUTODIFF_TEST_KEEP")
"""The folder in which failing examples are written as scenarios."""


@pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")
@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "mariadb"])
def test_any_two_schemas(kind: str, database: Callable[[str], sa.URL], tmp_path: Path) -> None:
    """An example is any pair of schemas that the database supports; see `check_roundtrip`."""
    scenario_folder = Path(KEEP or tmp_path) / f"example_{kind}"
    with open_databases(kind, database) as databases:

        @given(pairs(kind))
        def check(pair: Pair) -> None:
            try:
                check_roundtrip(databases, pair, tmp_path)
            except Exception:
                write_scenario(pair, kind, scenario_folder)
                note(f"written as a scenario: {scenario_folder}")
                raise

        check()
