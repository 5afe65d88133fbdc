"""Test the names of objects that exist only while a change is under way."""

from __future__ import annotations

import pytest

from autodiff.dialects import dialect_for
from autodiff.schema.objects import Name
from autodiff.schema.operations import SwapColumns
from autodiff.utils.object_names import name_between, name_of_several, temporary_name

LONG = "ü" * 40


def test_names_between_two_steps() -> None:
    assert name_between("points") == "_autodiff_points"
    assert name_between("_autodiff_points") == "_autodiff_points"


def test_names_between_two_migrations() -> None:
    assert temporary_name("points", "new", limit=63) == "autodiff_points_new"
    assert temporary_name("autodiff_points_new", "new", limit=63) == "autodiff_points_new_new"


def test_names_of_several_objects_are_different() -> None:
    """A `_` in the name of a table is not mistaken for the end of it, also if the name is cut."""
    assert name_of_several("sync", "users", "name", limit=60) == "autodiff_sync_users_name"
    for end in ("", LONG):
        names = [("a", "b_c" + end), ("a_b", "c" + end), ("a_b_c", end or "x")]
        found = {name_of_several("sync", *pair, limit=60) for pair in names}
        assert len(found) == len(names)
        assert all(len(name.encode()) <= 60 for name in found)


@pytest.mark.parametrize("name", [name_between, lambda text: temporary_name(text, "new", limit=63)])
def test_long_names_fit_and_stay_unique(name: object) -> None:
    names = [name(f"{LONG}{end}") for end in ("a", "b")]  # type: ignore[operator]
    assert len(set(names)) == 2
    assert all(len(found.encode()) <= 63 for found in names)


def test_swapped_columns_have_a_short_name_between() -> None:
    swap = SwapColumns(table=Name("users"), one="points", other="autodiff_points_new")
    assert dialect_for("postgresql").ddl.statements(swap) == [
        "ALTER TABLE users RENAME COLUMN points TO _autodiff_points",
        "ALTER TABLE users RENAME COLUMN autodiff_points_new TO points",
        "ALTER TABLE users RENAME COLUMN _autodiff_points TO autodiff_points_new",
    ]
