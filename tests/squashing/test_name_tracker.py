"""Test how renames are tracked, from the names at the start to those at the end."""

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


def test_a_restored_name_is_not_a_rename() -> None:
    """Column a is renamed to c, and back to a."""
    names = NameTracker(START)
    names.follow(RenameColumn(table=USERS, before="a", after="c"))
    names.follow(RenameColumn(table=USERS, before="c", after="a"))
    assert names.renames() == []


def test_swapped_names_are_two_renames() -> None:
    """Each rename leads from the first name to the last one."""
    names = NameTracker(START)
    for before, after in (("a", "x"), ("b", "a"), ("x", "b")):
        names.follow(RenameColumn(table=USERS, before=before, after=after))
    assert sorted(names.renames()) == ["users.a:b", "users.b:a"]


def test_a_table_and_its_column_are_renamed() -> None:
    """Both renames use the names at the start."""
    names = NameTracker(START)
    names.follow(RenameTable(before=USERS, after=PEOPLE))
    names.follow(RenameColumn(table=PEOPLE, before="a", after="c"))
    assert names.renames() == ["users:people", "users.a:c"]
    assert not names.is_new(PEOPLE) and names.is_new(USERS)


def test_dropped_and_added_objects_are_not_renamed() -> None:
    """A column is dropped, and a new one takes its name."""
    names = NameTracker(START)
    names.follow(DropColumn(table=USERS, name="a", column=column("a")))
    names.follow(AddColumn(table=USERS, column=column("z")))
    names.follow(RenameColumn(table=USERS, before="z", after="a"))
    names.follow(RenameTable(before=USERS, after=PEOPLE))
    names.follow(DropTable(name=PEOPLE))
    assert names.renames() == []


def test_renames_of_an_enum_value_are_combined() -> None:
    """The renames have the format of --rename."""
    names = NameTracker(START)
    names.follow(RenameEnumValue(enum=Name("mood"), before="sad", after="down"))
    names.follow(RenameEnumValue(enum=Name("mood"), before="down", after="unhappy"))
    assert names.renames() == ["mood.sad:unhappy"]
