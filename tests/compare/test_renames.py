"""Renames: told ones are read and applied; likely ones are found and never guessed."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from autodiff import diff
from autodiff.compare import Rename, parse_rename, rename_candidates, rename_tables_and_columns
from autodiff.compare.renames import (
    order_renames,
    temporary_column_name,
    temporary_renames,
    without_temporary_names,
)
from autodiff.errors import PlanError, RenameUndecidedError
from autodiff.schema.changes import ColumnAdded, ColumnRemoved, TableAdded, TableRemoved
from autodiff.schema.objects import Check, Name
from tests.nouns import column, foreign_key, schema, table

USERS = Name("users")
CURRENT = schema(
    table("users", column("nick", "text"), column("age"), Check(name="ck", sql="nick <> ''")),
    table("posts", column("author"), foreign_key("fk", "author", "users.nick")),
)
COLONS = schema(table("a:b", column("c:d")), table("users", column("nick")))


@pytest.mark.parametrize(
    ("text", "rename"),
    [
        ("users:people", Rename(table=USERS, to="people")),
        ("users.nick:name", Rename(table=USERS, column="nick", to="name")),
        ("users.nick:users.name", Rename(table=USERS, column="nick", to="name")),
    ],
)
def test_a_rename_is_read(text: str, rename: Rename) -> None:
    """OLD:NEW, for a table or a column; the table may be said again."""
    assert parse_rename(text, CURRENT) == rename


@pytest.mark.parametrize(
    ("text", "rename"),
    [
        ("users.nick:nick:name", Rename(table=USERS, column="nick", to="nick:name")),
        ("a:b:c", Rename(table=Name("a:b"), to="c")),
        ("a:b.c:d:e", Rename(table=Name("a:b"), column="c:d", to="e")),
    ],
)
def test_names_may_hold_colons(text: str, rename: Rename) -> None:
    """The colon is the first one behind a name that the database has."""
    assert parse_rename(text, COLONS) == rename


@pytest.mark.parametrize("text", ["users", "users:", ":people", ""])
def test_what_is_no_rename_is_refused(text: str) -> None:
    """The hint shows how to write one."""
    with pytest.raises(PlanError) as caught:
        parse_rename(text, CURRENT)
    assert caught.value.message == f"invalid rename {text!r}: expected OLD:NEW"
    assert caught.value.hint == (
        "for example --rename users.nick:nickname or --rename users:people"
    )


@pytest.mark.parametrize("old", ["people", "users.name", "people.nick"])
def test_an_old_name_must_be_there(old: str) -> None:
    """The error repeats the name that the database does not have."""
    with pytest.raises(PlanError) as caught:
        parse_rename(f"{old}:new", CURRENT)
    assert caught.value.message == (
        f"cannot rename {old}: the database has no such table or column"
    )


@pytest.mark.parametrize(
    ("rename", "name"),
    [("users:people", "people"), ("users.nick:name", "users.name")],
)
def test_a_new_name_must_be_wanted(rename: str, name: str) -> None:
    """A rename to what the models don't have is a slip of the pen."""
    with pytest.raises(PlanError) as caught:
        rename_tables_and_columns(CURRENT, CURRENT, [parse_rename(rename, CURRENT)])
    assert caught.value.message == (
        f"cannot rename to {name}: the models have no such table or column"
    )


@pytest.mark.parametrize(
    ("rename", "message"),
    [
        ("users:posts", "cannot rename users to posts: the database already has posts"),
        (
            "users.nick:age",
            "cannot rename users.nick to users.age: the database already has users.age",
        ),
    ],
)
def test_a_new_name_must_be_free(rename: str, message: str) -> None:
    """What keeps its name does not make room for another."""
    with pytest.raises(PlanError) as caught:
        rename_tables_and_columns(CURRENT, CURRENT, [parse_rename(rename, CURRENT)])
    assert caught.value.message == message
    assert caught.value.hint == "rename or drop it in an earlier migration"


def test_a_column_that_the_models_drop_makes_room() -> None:
    """It has a spare name while the other one has its own, and is removed under its own."""
    desired = schema(table("users", column("age", "text")), table("posts", column("author")))
    told = [parse_rename("users.nick:age", CURRENT)]
    moved, changes = rename_tables_and_columns(CURRENT, desired, told)
    names = [c.name for c in moved.tables[USERS].columns]
    assert names == ["id", "age", "_autodiff_age"]
    assert [type(change).__name__ for change in changes] == ["ColumnRenamed"]
    aside = temporary_renames(CURRENT, desired, told)
    assert aside == [Rename(table=USERS, column="age", to="_autodiff_age")]
    removed = ColumnRemoved(table=USERS, column=column("_autodiff_age"))
    own = ColumnRemoved(table=USERS, column=column("age"))
    assert without_temporary_names([removed], aside) == [own]


def test_a_spare_name_is_as_long_as_a_name_may_be() -> None:
    """PostgreSQL takes 63 bytes, MySQL 64."""
    assert len(temporary_column_name("x" * 63)) == 63


def test_a_rename_is_followed_everywhere() -> None:
    """Keys of other tables and checks know the new names, so nothing else differs."""
    desired = schema(
        table("people", column("name", "text"), column("age"), Check(name="ck", sql="name <> ''")),
        table("posts", column("author"), foreign_key("fk", "author", "people.name")),
    )
    told = [parse_rename(text, CURRENT) for text in ("users:people", "users.nick:name")]
    moved, changes = rename_tables_and_columns(CURRENT, desired, told)
    people, posts = moved.tables[Name("people")], moved.tables[Name("posts")]
    assert people.column("name") == column("name", "text")
    assert people.constraint("ck") == Check(name="ck", sql="name <> ''")
    assert posts.constraint("fk") == foreign_key("fk", "author", "people.name")
    assert [type(change).__name__ for change in changes] == ["TableRenamed", "ColumnRenamed"]
    assert list(CURRENT.tables) == [USERS, Name("posts")]


def test_a_rename_waits_until_its_name_is_free() -> None:
    """In a row the last goes first; in a circle one takes a spare name for a while."""
    assert order_renames([("a", "b"), ("b", "c")], temporary_column_name) == [
        ("b", "c"),
        ("a", "b"),
    ]
    assert order_renames([("a", "b"), ("b", "a")], temporary_column_name) == [
        ("a", "_autodiff_b"),
        ("b", "a"),
        ("_autodiff_b", "b"),
    ]


def test_candidates_are_scored_and_sorted() -> None:
    """The likeliest first: of one type, and with the same default and nullability."""
    changes = [
        ColumnRemoved(table=USERS, column=column("nick", "text", nullable=False)),
        ColumnAdded(table=USERS, column=column("motto", "text", default="'x'")),
        ColumnAdded(table=USERS, column=column("name", "text", nullable=False)),
        ColumnAdded(table=USERS, column=column("age")),
        ColumnAdded(table=Name("posts"), column=column("title", "text", nullable=False)),
    ]
    found = rename_candidates(changes)
    assert [(str(c), c.score, c.reason) for c in found] == [
        ("users.nick:name", 1.0, "both are text"),
        ("users.nick:motto", 0.5, "both are text"),
    ]


def test_tables_that_have_most_columns_in_common_may_be_one() -> None:
    """Less than six tenths are no candidate."""
    old = table("users", column("name", "text"), column("age"))
    like = table("people", column("name", "text"), column("age"), column("city"))
    unlike = table("places", column("street", "text"))
    changes = [TableRemoved(table=old), TableAdded(table=like), TableAdded(table=unlike)]
    [found] = rename_candidates(changes)
    assert (str(found), found.score) == ("users:people", 0.75)
    assert found.reason == "75% of their columns are the same"


def _models(name: str) -> sa.MetaData:
    metadata = sa.MetaData()
    key = sa.Column("id", sa.Integer, primary_key=True)
    sa.Table("users", metadata, key, sa.Column(name, sa.String(20)))
    return metadata


@pytest.fixture
def connection() -> sa.Connection:
    engine = sa.create_engine("sqlite://")
    _models("nick").create_all(engine)
    return engine.connect()


def test_nobody_guesses_a_rename(connection: sa.Connection) -> None:
    """Without an answer the candidates are listed, with what to say for each."""
    with connection, pytest.raises(RenameUndecidedError) as caught:
        diff(connection, _models("name"))
    assert str(caught.value) == (
        "cannot tell a rename from a drop and an add:\n"
        "  users.nick:name  (both are VARCHAR(20))\n"
        "hint: say --rename users.nick:name for each rename, or --assume drop-and-add"
    )
    assert caught.value.candidates == ("users.nick:name",)


@pytest.mark.parametrize(
    ("told", "lines"),
    [
        ({"renames": ["users.nick:name"]}, ["~ column users.nick -> name"]),
        ({"assume": "drop-and-add"}, ["+ column users.name", "- column users.nick"]),
    ],
)
def test_an_answer_settles_it(
    connection: sa.Connection, told: dict[str, object], lines: list[str]
) -> None:
    """A rename that is told, or drop-and-add for all."""
    with connection:
        assert diff(connection, _models("name"), **told).summary() == lines  # type: ignore[arg-type]
