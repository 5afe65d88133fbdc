"""What things are called at the end, by what they were called at the start."""

from __future__ import annotations

from autodiff.operations import (
    AddColumn,
    DropColumn,
    DropTable,
    RenameColumn,
    RenameEnumValue,
    RenameTable,
)
from autodiff.schema import EnumType, Name, Schema
from autodiff.squashing.trail import Trail
from tests.nouns import column, table

USERS, PEOPLE = Name("users"), Name("people")
START = Schema(
    tables={USERS: table("users", column("a"), column("b"))},
    enums={Name("mood"): EnumType(name=Name("mood"), values=("sad", "ok"))},
)


def test_a_name_that_comes_back_is_no_rename() -> None:
    """a to c and back to a: nothing was renamed."""
    trail = Trail(START)
    trail.follow(RenameColumn(table=USERS, before="a", after="c"))
    trail.follow(RenameColumn(table=USERS, before="c", after="a"))
    assert trail.renames() == []


def test_names_that_change_places() -> None:
    """Each is told from its first name to its last."""
    trail = Trail(START)
    for before, after in (("a", "x"), ("b", "a"), ("x", "b")):
        trail.follow(RenameColumn(table=USERS, before=before, after=after))
    assert sorted(trail.renames()) == ["users.a:b", "users.b:a"]


def test_a_table_and_its_column() -> None:
    """Both are told as they were called at the start."""
    trail = Trail(START)
    trail.follow(RenameTable(before=USERS, after=PEOPLE))
    trail.follow(RenameColumn(table=PEOPLE, before="a", after="c"))
    assert trail.renames() == ["users:people", "users.a:c"]
    assert not trail.is_new(PEOPLE) and trail.is_new(USERS)


def test_what_goes_and_what_comes_is_not_renamed() -> None:
    """A column that was dropped, and another one of its name."""
    trail = Trail(START)
    trail.follow(DropColumn(table=USERS, name="a", column=column("a")))
    trail.follow(AddColumn(table=USERS, column=column("z")))
    trail.follow(RenameColumn(table=USERS, before="z", after="a"))
    trail.follow(RenameTable(before=USERS, after=PEOPLE))
    trail.follow(DropTable(name=PEOPLE))
    assert trail.renames() == []


def test_values_of_an_enum() -> None:
    """As --rename tells them."""
    trail = Trail(START)
    trail.follow(RenameEnumValue(enum=Name("mood"), before="sad", after="down"))
    trail.follow(RenameEnumValue(enum=Name("mood"), before="down", after="unhappy"))
    assert trail.renames() == ["mood.sad:unhappy"]
