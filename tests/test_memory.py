"""Test that a process that calls check() again and again does not grow."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff import Project

CALLS = {"sqlite": 200, "postgresql": 50}


def count_objects() -> tuple[int, int]:
    """Return the number of objects, and the bytes that Python has allocated."""
    for _ in range(3):
        gc.collect()
    return len(gc.get_objects()), tracemalloc.get_traced_memory()[0]


@pytest.mark.parametrize("kind", CALLS)
def test_check_leaves_nothing_behind(
    database: Callable[[str], sa.URL], tmp_path: Path, kind: str
) -> None:
    """Each call has its own engine, which no cache may keep."""
    metadata = sa.MetaData()
    sa.Table(
        "t",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("n", sa.String(20), server_default="x"),
        sa.CheckConstraint("n IN ('a', 'x')", name="ck_n"),
    )
    project = Project(url=database(kind), metadata=metadata, directory=tmp_path / "m")
    project.generate("one", rehearse=False)
    project.upgrade()
    calls = CALLS[kind]
    tracemalloc.start()
    try:
        for _ in range(calls):  # caches that are meant to last are filled
            project.check()
        objects_before, bytes_before = count_objects()
        for _ in range(calls):
            assert not project.check()
        objects, size = count_objects()
    finally:
        tracemalloc.stop()
    assert objects - objects_before < calls, "one object or more for each call"
    # Dictionaries of SQLAlchemy and interned names grow a little; one engine has 20,000 bytes.
    assert size - bytes_before < calls * 1000, "1,000 bytes or more for each call"
