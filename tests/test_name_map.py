"""Names before and after renames."""

from __future__ import annotations

from autodiff.schema.changes import ColumnRenamed, EnumRenamed, TableRenamed
from autodiff.schema.name_map import NameMap
from autodiff.schema.objects import Name
from autodiff.schema.operations import RenameColumn, RenameTable

USERS, PEOPLE, POSTS = Name("users"), Name("people"), Name("posts")


def test_changes_map_names_both_ways() -> None:
    """Columns are found by the old and by the new name of a renamed table."""
    names = NameMap.of_changes(
        [
            TableRenamed(before=USERS, after=PEOPLE),
            ColumnRenamed(table=PEOPLE, before="nick", after="nickname"),
            EnumRenamed(before=Name("mood"), after=Name("feeling")),
        ]
    )
    assert (names.table_after(USERS), names.table_before(PEOPLE)) == (PEOPLE, USERS)
    assert names.column_after(USERS, "nick") == "nickname"
    assert names.column_before(PEOPLE, "nickname") == "nick"
    assert names.columns_before(PEOPLE) == {"nickname": "nick"}
    assert names.enum_after(Name("mood")) == Name("feeling")
    assert names.enum_before(Name("feeling")) == Name("mood")


def test_names_that_nothing_renames_are_returned_unchanged() -> None:
    """An empty map returns each name unchanged."""
    names = NameMap()
    assert names.table_after(USERS) == names.table_before(USERS) == USERS
    assert names.column_after(USERS, "id") == names.column_before(USERS, "id") == "id"
    assert names.columns_before(USERS) == {}


def test_operations_that_swap_two_tables_are_combined() -> None:
    """The name that a table has between two renames is not in the map."""
    spare = Name("_autodiff_users")
    names = NameMap.of_operations(
        [
            RenameTable(before=USERS, after=spare),
            RenameTable(before=POSTS, after=USERS),
            RenameTable(before=spare, after=POSTS),
        ]
    )
    assert names.tables == {USERS: POSTS, POSTS: USERS}


def test_columns_of_different_tables_are_not_combined() -> None:
    """A rename to a name continues only a rename in the same table."""
    names = NameMap.of_operations(
        [
            RenameColumn(table=USERS, before="a", after="b"),
            RenameColumn(table=POSTS, before="b", after="c"),
        ]
    )
    assert names.columns == {(USERS, "a"): "b", (POSTS, "b"): "c"}


def test_a_table_renamed_after_its_column_keeps_the_old_key() -> None:
    """Columns are looked up by the name that their table had before all renames."""
    names = NameMap.of_operations(
        [
            RenameColumn(table=USERS, before="a", after="b"),
            RenameTable(before=USERS, after=PEOPLE),
            RenameColumn(table=PEOPLE, before="b", after="c"),
        ]
    )
    assert names.column_after(USERS, "a") == "c"
    assert names.column_before(PEOPLE, "c") == "a"
