"""What things are called at the end, by what they were called at the start."""

from __future__ import annotations

from autodiff.commands.squash.name_tracker import NameTracker
from autodiff.schema.objects import EnumType, Name, Schema
from autodiff.schema.operations import (
    AddColumn,
    DropColumn,
    DropTable,
    RenameColumn,
    RenameEnumValue,
    RenameTable,
)
from tests.nouns import column, table

USERS, PEOPLE = Name("users"), Name("people")
START = Schema(
    tables={USERS: table("users", column("a"), column("b"))},
    enums={Name("mood"): EnumType(name=Name("mood"), values=("sad", "ok"))},
)


def test_a_name_that_comes_back_is_no_rename() -> None:
    """a to c and back to a: nothing was renamed."""
    names = NameTracker(START)
    names.follow(RenameColumn(table=USERS, before="a", after="c"))
    names.follow(RenameColumn(table=USERS, before="c", after="a"))
    assert names.renames() == []


def test_names_that_change_places() -> None:
    """Each is told from its first name to its last."""
    names = NameTracker(START)
    for before, after in (("a", "x"), ("b", "a"), ("x", "b")):
        names.follow(RenameColumn(table=USERS, before=before, after=after))
    assert sorted(names.renames()) == ["users.a:b", "users.b:a"]


def test_a_table_and_its_column() -> None:
    """Both are told as they were called at the start."""
    names = NameTracker(START)
    names.follow(RenameTable(before=USERS, after=PEOPLE))
    names.follow(RenameColumn(table=PEOPLE, before="a", after="c"))
    assert names.renames() == ["users:people", "users.a:c"]
    assert not names.is_new(PEOPLE) and names.is_new(USERS)


def test_what_goes_and_what_comes_is_not_renamed() -> None:
    """A column that was dropped, and another one of its name."""
    names = NameTracker(START)
    names.follow(DropColumn(table=USERS, name="a", column=column("a")))
    names.follow(AddColumn(table=USERS, column=column("z")))
    names.follow(RenameColumn(table=USERS, before="z", after="a"))
    names.follow(RenameTable(before=USERS, after=PEOPLE))
    names.follow(DropTable(name=PEOPLE))
    assert names.renames() == []


def test_values_of_an_enum() -> None:
    """As --rename tells them."""
    names = NameTracker(START)
    names.follow(RenameEnumValue(enum=Name("mood"), before="sad", after="down"))
    names.follow(RenameEnumValue(enum=Name("mood"), before="down", after="unhappy"))
    assert names.renames() == ["mood.sad:unhappy"]
