"""Tests for changes that child tables inherit from their parent."""

from __future__ import annotations

from dataclasses import replace

from autodiff.compare.inheritance import without_inherited
from autodiff.schema.changes import (
    Change,
    ColumnAdded,
    ColumnAltered,
    ConstraintAdded,
    ConstraintRemoved,
)
from autodiff.schema.objects import Check, Name, Unique
from tests.nouns import column, table

PARENT, CHILD, OTHER = Name("places"), Name("capitals"), Name("rivers")
TABLES = {
    PARENT: table("places"),
    CHILD: replace(table("capitals"), options={"postgresql_inherits": "places"}),
    OTHER: table("rivers"),
}
CHECK = Check(name="positive", sql="a > 0")


def _for_each_table(make_change: object) -> list[Change]:
    return [make_change(name) for name in (CHILD, PARENT, OTHER)]  # type: ignore[operator]


def _alter_column(*fields: str) -> object:
    before, after = column("a", "integer"), column("a", "bigint")
    return lambda name: ColumnAltered(table=name, before=before, after=after, fields=fields)


def test_inherited_column_and_check_changes_are_dropped() -> None:
    """A table that inherits nothing keeps its change."""
    for make_change in (
        lambda name: ColumnAdded(table=name, column=column("a", "integer")),
        lambda name: ConstraintAdded(table=name, constraint=CHECK),
        lambda name: ConstraintRemoved(table=name, constraint=CHECK),
        _alter_column("type"),
    ):
        changes = _for_each_table(make_change)
        assert without_inherited(changes, {}, TABLES) == changes[1:]


def test_keys_are_not_inherited() -> None:
    unique = Unique(name="u", columns=("a",))
    changes = _for_each_table(lambda name: ConstraintAdded(table=name, constraint=unique))
    assert without_inherited(changes, {}, TABLES) == changes


def test_changes_beyond_the_parents_are_kept() -> None:
    """A child column may differ in more fields than the parent's column."""
    alter_both, alter_type = _alter_column("default", "type"), _alter_column("type")
    changes = [alter_both(CHILD), alter_type(PARENT)]  # type: ignore[operator]
    assert without_inherited(changes, {}, TABLES) == changes
