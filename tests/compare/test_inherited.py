"""What a parent hands down is said once."""

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


def _both(make: object) -> list[Change]:
    return [make(name) for name in (CHILD, PARENT, OTHER)]  # type: ignore[operator]


def _altered(*fields: str) -> object:
    old, new = column("a", "integer"), column("a", "bigint")
    return lambda name: ColumnAltered(table=name, before=old, after=new, fields=fields)


def test_columns_and_checks_come_from_the_parent() -> None:
    """The child's own change goes; that of a table which inherits nothing stays."""
    for make in (
        lambda name: ColumnAdded(table=name, column=column("a", "integer")),
        lambda name: ConstraintAdded(table=name, constraint=CHECK),
        lambda name: ConstraintRemoved(table=name, constraint=CHECK),
        _altered("type"),
    ):
        changes = _both(make)
        assert without_inherited(changes, TABLES) == changes[1:]


def test_keys_are_not_handed_down() -> None:
    """Each table has its own."""
    key = Unique(name="u", columns=("a",))
    changes = _both(lambda name: ConstraintAdded(table=name, constraint=key))
    assert without_inherited(changes, TABLES) == changes


def test_other_changes_of_the_child_stay() -> None:
    """A column that differs in more than the parent's is its own business."""
    mine, parents = _altered("default", "type"), _altered("type")
    changes = [mine(CHILD), parents(PARENT)]  # type: ignore[operator]
    assert without_inherited(changes, TABLES) == changes
