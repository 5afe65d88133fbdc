"""Whatever the models are and were: no false alarm, nothing left, nothing lost, all restored."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given, note

from tests.property.promise import keep, prove
from tests.property.specs import Pair
from tests.property.strategies import pairs
from tests.property.worlds import opened

KEEP = os.environ.get("AUTODIFF_TEST_KEEP")
"""A folder for failing examples, as scenario folders."""


@pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")
@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "mariadb"])
def test_any_two_schemas(kind: str, database: Callable[[str], sa.URL], tmp_path: Path) -> None:
    """See `prove`: the same for each pair of schemas that the database can express."""
    kept = Path(KEEP or tmp_path) / f"example_{kind}"
    with opened(kind, database) as world:

        @given(pairs(kind))
        def promise(pair: Pair) -> None:
            try:
                prove(world, pair, tmp_path)
            except Exception:
                keep(pair, kind, kept)
                note(f"as a scenario: {kept}")
                raise

        promise()
