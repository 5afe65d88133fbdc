"""Foreign keys that step aside while what they rest on changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from autodiff.dialects import dialect_for
from autodiff.plan import plan_changes
from autodiff.schema.changes import (
    Change,
    ColumnAdded,
    ColumnAltered,
    ConstraintAdded,
    ConstraintAltered,
    ConstraintRemoved,
    IndexRemoved,
    TableAdded,
    TableRemoved,
)
from autodiff.schema.objects import Name, PrimaryKey, Schema, Table, Unique
from tests.nouns import column, foreign_key, index, schema, table

USERS = Name("users")
KEY = foreign_key("fk_author", "author", "users.id")
POSTS = table("posts", column("author"), KEY)
BOTH = schema(table("users", column("code")), POSTS)
DROP, PUT_BACK = "- foreign key posts.fk_author", "+ foreign key posts.fk_author"


def _altered(table_name: str, name: str, before: str, after: str) -> ColumnAltered:
    return ColumnAltered(
        table=Name(table_name),
        before=column(name, before),
        after=column(name, after),
        fields=("type",),
    )


def _steps(
    changes: Sequence[Change], database: str = "postgresql", wanted: Schema = BOTH
) -> list[str]:
    made = plan_changes(changes, current=BOTH, desired=wanted, dialect=dialect_for(database))
    return [operation.describe() for operation in made.operations]


@pytest.mark.parametrize(("table_name", "name"), [("users", "id"), ("posts", "author")])
def test_a_key_goes_while_a_column_of_either_side_gets_another_type(
    table_name: str, name: str
) -> None:
    """And comes back as it was."""
    change = _altered(table_name, name, "integer", "text")
    steps = _steps([change])
    assert steps == [DROP, f"~ column {table_name}.{name}: integer -> text", PUT_BACK]


def test_a_key_stays_where_the_database_can_compare_both_types() -> None:
    """PostgreSQL compares integer with bigint; MySQL wants the same type."""
    change = _altered("users", "id", "integer", "bigint")
    assert DROP not in _steps([change])
    assert _steps([change], "mysql")[0] == DROP


def test_a_key_stays_where_a_rebuild_does_it_all() -> None:
    """SQLite has foreign keys off while a table is rebuilt."""
    assert DROP not in _steps([_altered("users", "id", "INTEGER", "TEXT")], "sqlite")


def test_a_key_stays_while_another_column_changes() -> None:
    """Only what it rests on matters."""
    assert DROP not in _steps([_altered("users", "code", "integer", "text")])


PRIMARY = PrimaryKey(name="users_pkey", columns=("id",))
UNIQUE = Unique(name="uq", columns=("id",))


@pytest.mark.parametrize(
    "change",
    [
        ConstraintAltered(
            table=USERS, before=PRIMARY, after=replace(PRIMARY, name="pk"), fields=("name",)
        ),
        ConstraintRemoved(table=USERS, constraint=UNIQUE),
        IndexRemoved(table=USERS, index=index("uq", "id", unique=True)),
    ],
    ids=lambda change: type(change).__name__,
)
def test_a_key_goes_while_what_makes_its_target_unique_changes(change: Change) -> None:
    """The database would not let it go from under the key."""
    steps = _steps([change])
    assert (steps[0], steps[-1]) == (DROP, PUT_BACK)


@pytest.mark.parametrize(
    "change",
    [
        ConstraintAltered(
            table=USERS,
            before=UNIQUE,
            after=replace(UNIQUE, comment="x"),
            fields=("comment",),
        ),
        ConstraintRemoved(table=USERS, constraint=Unique(name="uq", columns=("code",))),
        IndexRemoved(table=USERS, index=index("ix", "id")),
    ],
    ids=["comment", "other columns", "not unique"],
)
def test_a_key_stays_while_something_else_changes(change: Change) -> None:
    """A comment, a unique over other columns, an index that is not unique."""
    assert DROP not in _steps([change])


def test_a_key_that_changes_itself_is_dropped_once() -> None:
    """Its own change does it already."""
    other = replace(KEY, on_delete="CASCADE")
    own = ConstraintAltered(table=Name("posts"), before=KEY, after=other, fields=("on_delete",))
    steps = _steps([_altered("users", "id", "integer", "text"), own])
    assert (steps.count(DROP), steps.count(PUT_BACK)) == (1, 1)


def _badges() -> Table:
    return table("badges", column("code"), foreign_key("fk_code", "code", "users.code"))


def test_a_new_table_gets_its_key_once_the_target_is_there() -> None:
    """The column and its unique constraint are made after the table."""
    unique = Unique(name="uq_code", columns=("code",))
    changes = [
        TableAdded(table=_badges()),
        ColumnAdded(table=USERS, column=column("code")),
        ConstraintAdded(table=USERS, constraint=unique),
    ]
    wanted = schema(*BOTH.tables.values(), _badges())
    assert _steps(changes, wanted=wanted) == [
        "+ table badges",
        "+ column users.code",
        "+ unique constraint users.uq_code",
        "+ foreign key badges.fk_code",
    ]


def test_a_table_that_goes_loses_its_key_before_the_target_changes() -> None:
    """So that the way back works too."""
    changes = [TableRemoved(table=_badges()), _altered("users", "code", "integer", "text")]
    assert _steps(changes) == [
        "- foreign key badges.fk_code",
        "~ column users.code: integer -> text",
        "- table badges",
    ]
