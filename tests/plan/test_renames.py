"""Renames: when each is done, and when it is none."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from autodiff.dialects import dialect_for
from autodiff.plan import MigrationPlan, plan_changes
from autodiff.schema.changes import (
    Change,
    ColumnAltered,
    ColumnRemoved,
    ColumnRenamed,
    ConstraintRenamed,
    IndexAdded,
    IndexRemoved,
    IndexRenamed,
)
from autodiff.schema.objects import Check, Name, Schema, View
from tests.nouns import column, foreign_key, index, schema, table

USERS, POSTS = Name("users"), Name("posts")
KEY = foreign_key("fk", "author", "users.id")
CURRENT = schema(table("users", column("a"), column("b")), table("posts", column("author"), KEY))


def _plan(changes: Sequence[Change]) -> MigrationPlan:
    return plan_changes(
        changes, current=CURRENT, desired=CURRENT, dialect=dialect_for("postgresql")
    )


def _steps(changes: Sequence[Change]) -> list[str]:
    return [operation.describe() for operation in _plan(changes).operations]


def _index_renamed(table_name: Name, before: str, after: str) -> IndexRenamed:
    return IndexRenamed(table=table_name, before=index(before, "a"), after=index(after, "a"))


def test_a_name_is_free_when_it_is_taken() -> None:
    """What has it goes before; what gets the old name comes behind; and so on the way back."""
    changes = [
        IndexAdded(table=USERS, index=index("ix_old", "a")),
        _index_renamed(USERS, "ix_old", "ix_new"),
        IndexRemoved(table=USERS, index=index("ix_new", "a")),
    ]
    made = _plan(changes)
    steps = [
        "- index ix_new on users",
        "~ index users.ix_old -> ix_new",
        "+ index ix_old on users",
    ]
    assert [operation.describe() for operation in made.operations] == steps
    assert [operation.describe() for operation in made.reverse()] == [
        "- index ix_old on users",
        "~ index users.ix_new -> ix_old",
        "+ index ix_new on users",
    ]


def test_names_are_free_in_the_schema_and_not_in_the_table_alone() -> None:
    """In a row the last goes first, whatever table it is in; in a circle one waits."""
    row = [_index_renamed(USERS, "x", "y"), _index_renamed(POSTS, "y", "z")]
    assert _steps(row) == ["~ index posts.y -> z", "~ index users.x -> y"]
    circle = [_index_renamed(USERS, "x", "y"), _index_renamed(POSTS, "y", "x")]
    assert _steps(circle) == [
        "~ index users.x -> _autodiff_y",
        "~ index posts.y -> x",
        "~ index users._autodiff_y -> y",
    ]


@pytest.mark.parametrize(("database", "as_recreated"), [("mysql", True), ("sqlite", False)])
def test_a_key_that_steps_aside_comes_back_under_its_new_name(
    database: str, as_recreated: bool
) -> None:
    """Where the type of its column can't change under it."""
    renamed = foreign_key("fk_posts", "author", "users.id")
    changes = [
        ConstraintRenamed(table=POSTS, before=KEY, after=renamed),
        ColumnAltered(
            table=POSTS,
            before=column("author"),
            after=column("author", "text"),
            fields=("type",),
        ),
    ]
    wanted = schema(table("users", column("a")), table("posts", column("author"), renamed))
    made = plan_changes(changes, current=CURRENT, desired=wanted, dialect=dialect_for(database))
    steps = [operation.describe() for operation in made.operations]
    typed = "~ column posts.author: integer -> text"
    aside = ["- foreign key posts.fk", typed, "+ foreign key posts.fk_posts"]
    assert steps == (aside if as_recreated else ["~ foreign key posts.fk -> fk_posts", typed])


RENAMED = ColumnRenamed(table=USERS, before="b", after="a")
REMOVED = ColumnRemoved(table=USERS, column=column("a"))
SPARE = [
    "~ column users.a -> _autodiff_a",
    "~ column users.b -> a",
    "- column users._autodiff_a",
]


def test_a_column_in_the_way_of_a_name_is_dropped_at_once() -> None:
    """Where nothing holds it; and comes back last."""
    made = _plan([RENAMED, REMOVED])
    steps = ["- column users.a", "~ column users.b -> a"]
    assert [operation.describe() for operation in made.operations] == steps
    back = ["~ column users.a -> b", "+ column users.a"]
    assert [operation.describe() for operation in made.reverse()] == back
    assert made.summary() == ["~ column users.b -> a", "- column users.a"]


HELD = {
    "a check": schema(table("users", column("a"), column("b"), Check(name="ck", sql="a > 0"))),
    "an index": schema(table("users", column("a"), column("b"), index("ix", "a"))),
    "a view": Schema(
        tables=schema(table("users", column("a"), column("b"))).tables,
        views={Name("v"): View(name=Name("v"), sql="SELECT a FROM users", reads=(USERS,))},
    ),
}


@pytest.mark.parametrize("what", HELD)
def test_a_column_that_something_holds_waits_under_a_spare_name(what: str) -> None:
    """Until all that needs it is gone."""
    dialect = dialect_for("sqlite")
    made = plan_changes([RENAMED, REMOVED], current=HELD[what], desired=HELD[what], dialect=dialect)
    assert [operation.describe() for operation in made.operations] == SPARE
    assert made.summary() == ["~ column users.b -> a", "- column users.a"]


def test_a_column_that_waits_is_filled_under_its_spare_name() -> None:
    """When it comes back NOT NULL, with the value that was given for its own name."""
    change = ColumnRemoved(table=USERS, column=column("a", nullable=False))
    current = HELD["a check"]
    made = plan_changes(
        [RENAMED, change],
        current=current,
        desired=current,
        dialect=dialect_for("sqlite"),
        fills={"users.a": "7"},
    )
    assert [operation.describe() for operation in made.reverse()][:3] == [
        "+ column users._autodiff_a",
        "~ rows of users: fill _autodiff_a",
        "~ column users._autodiff_a: not null",
    ]
