"""Tests for the order of renames and for columns that block a new name."""

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


def test_name_is_unused_before_it_is_reassigned() -> None:
    """The previous object is dropped first, in both directions."""
    changes = [
        IndexAdded(table=USERS, index=index("ix_old", "a")),
        _index_renamed(USERS, "ix_old", "ix_new"),
        IndexRemoved(table=USERS, index=index("ix_new", "a")),
    ]
    planned = _plan(changes)
    steps = [
        "- index ix_new on users",
        "~ index users.ix_old -> ix_new",
        "+ index ix_old on users",
    ]
    assert [operation.describe() for operation in planned.operations] == steps
    assert [operation.describe() for operation in planned.reverse()] == [
        "- index ix_old on users",
        "~ index users.ix_new -> ix_old",
        "+ index ix_new on users",
    ]


def test_index_names_are_unique_per_schema() -> None:
    """A chain of renames starts with the last name; a cycle uses a temporary name."""
    chain = [_index_renamed(USERS, "x", "y"), _index_renamed(POSTS, "y", "z")]
    assert _steps(chain) == ["~ index posts.y -> z", "~ index users.x -> y"]
    cycle = [_index_renamed(USERS, "x", "y"), _index_renamed(POSTS, "y", "x")]
    assert _steps(cycle) == [
        "~ index users.x -> _autodiff_y",
        "~ index posts.y -> x",
        "~ index users._autodiff_y -> y",
    ]


@pytest.mark.parametrize(("database", "is_recreated"), [("mysql", True), ("sqlite", False)])
def test_recreated_key_gets_its_new_name(database: str, is_recreated: bool) -> None:
    """MySQL cannot change the type of a column that a foreign key uses."""
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
    desired = schema(table("users", column("a")), table("posts", column("author"), renamed))
    planned = plan_changes(changes, current=CURRENT, desired=desired, dialect=dialect_for(database))
    steps = [operation.describe() for operation in planned.operations]
    type_change = "~ column posts.author: integer -> text"
    recreation = ["- foreign key posts.fk", type_change, "+ foreign key posts.fk_posts"]
    assert steps == (
        recreation if is_recreated else ["~ foreign key posts.fk -> fk_posts", type_change]
    )


RENAMED = ColumnRenamed(table=USERS, before="b", after="a")
REMOVED = ColumnRemoved(table=USERS, column=column("a"))
TEMPORARY_NAME_STEPS = [
    "~ column users.a -> _autodiff_a",
    "~ column users.b -> a",
    "- column users._autodiff_a",
]


def test_column_that_blocks_a_name_is_dropped_first() -> None:
    """No constraint, index or view uses the column."""
    planned = _plan([RENAMED, REMOVED])
    steps = ["- column users.a", "~ column users.b -> a"]
    assert [operation.describe() for operation in planned.operations] == steps
    reverse_steps = ["~ column users.a -> b", "+ column users.a"]
    assert [operation.describe() for operation in planned.reverse()] == reverse_steps
    assert planned.summary() == ["~ column users.b -> a", "- column users.a"]


DEPENDENT_SCHEMAS = {
    "a check": schema(table("users", column("a"), column("b"), Check(name="ck", sql="a > 0"))),
    "an index": schema(table("users", column("a"), column("b"), index("ix", "a"))),
    "a view": Schema(
        tables=schema(table("users", column("a"), column("b"))).tables,
        views={Name("v"): View(name=Name("v"), sql="SELECT a FROM users", reads=(USERS,))},
    ),
}


@pytest.mark.parametrize("dependent", DEPENDENT_SCHEMAS)
def test_column_in_use_gets_a_temporary_name(dependent: str) -> None:
    """The column is dropped after everything that uses it."""
    dialect = dialect_for("sqlite")
    planned = plan_changes(
        [RENAMED, REMOVED],
        current=DEPENDENT_SCHEMAS[dependent],
        desired=DEPENDENT_SCHEMAS[dependent],
        dialect=dialect,
    )
    assert [operation.describe() for operation in planned.operations] == TEMPORARY_NAME_STEPS
    assert planned.summary() == ["~ column users.b -> a", "- column users.a"]


def test_restored_column_is_filled_under_its_temporary_name() -> None:
    """The fill was given for its original name."""
    change = ColumnRemoved(table=USERS, column=column("a", nullable=False))
    current = DEPENDENT_SCHEMAS["a check"]
    planned = plan_changes(
        [RENAMED, change],
        current=current,
        desired=current,
        dialect=dialect_for("sqlite"),
        fills={"users.a": "7"},
    )
    assert [operation.describe() for operation in planned.reverse()][:3] == [
        "+ column users._autodiff_a",
        "~ rows of users: fill _autodiff_a",
        "~ column users._autodiff_a: not null",
    ]
