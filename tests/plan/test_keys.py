"""Tests for foreign keys that are dropped and recreated around other changes."""

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
DROP, RECREATE = "- foreign key posts.fk_author", "+ foreign key posts.fk_author"


def _altered(table_name: str, name: str, before: str, after: str) -> ColumnAltered:
    return ColumnAltered(
        table=Name(table_name),
        before=column(name, before),
        after=column(name, after),
        fields=("type",),
    )


def _steps(
    changes: Sequence[Change], database: str = "postgresql", desired: Schema = BOTH
) -> list[str]:
    planned = plan_changes(changes, current=BOTH, desired=desired, dialect=dialect_for(database))
    return [operation.describe() for operation in planned.operations]


@pytest.mark.parametrize(("table_name", "name"), [("users", "id"), ("posts", "author")])
def test_key_is_recreated_around_a_type_change(table_name: str, name: str) -> None:
    change = _altered(table_name, name, "integer", "text")
    steps = _steps([change])
    assert steps == [DROP, f"~ column {table_name}.{name}: integer -> text", RECREATE]


def test_key_is_kept_if_both_types_are_comparable() -> None:
    """PostgreSQL compares integer with bigint; MySQL requires the same type."""
    change = _altered("users", "id", "integer", "bigint")
    assert DROP not in _steps([change])
    assert _steps([change], "mysql")[0] == DROP


def test_key_is_kept_if_sqlite_rebuilds_the_table() -> None:
    """SQLite rebuilds a table with foreign keys disabled."""
    assert DROP not in _steps([_altered("users", "id", "INTEGER", "TEXT")], "sqlite")


def test_key_is_kept_if_another_column_changes() -> None:
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
def test_key_is_recreated_around_a_change_of_its_unique_constraint(change: Change) -> None:
    """The database does not drop a constraint or index that a foreign key depends on."""
    steps = _steps([change])
    assert (steps[0], steps[-1]) == (DROP, RECREATE)


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
def test_key_is_kept_if_an_unrelated_constraint_changes(change: Change) -> None:
    assert DROP not in _steps([change])


def test_altered_key_is_recreated_only_once() -> None:
    altered_key = replace(KEY, on_delete="CASCADE")
    key_change = ConstraintAltered(
        table=Name("posts"), before=KEY, after=altered_key, fields=("on_delete",)
    )
    steps = _steps([_altered("users", "id", "integer", "text"), key_change])
    assert (steps.count(DROP), steps.count(RECREATE)) == (1, 1)


def _badges() -> Table:
    return table("badges", column("code"), foreign_key("fk_code", "code", "users.code"))


def test_key_of_a_new_table_is_added_after_its_target() -> None:
    """The referenced column and its unique constraint are added after the table."""
    unique = Unique(name="uq_code", columns=("code",))
    changes = [
        TableAdded(table=_badges()),
        ColumnAdded(table=USERS, column=column("code")),
        ConstraintAdded(table=USERS, constraint=unique),
    ]
    desired = schema(*BOTH.tables.values(), _badges())
    assert _steps(changes, desired=desired) == [
        "+ table badges",
        "+ column users.code",
        "+ unique constraint users.uq_code",
        "+ foreign key badges.fk_code",
    ]


def test_key_of_a_dropped_table_is_dropped_before_the_target_changes() -> None:
    """The reverse order is valid too."""
    changes = [TableRemoved(table=_badges()), _altered("users", "code", "integer", "text")]
    assert _steps(changes) == [
        "- foreign key badges.fk_code",
        "~ column users.code: integer -> text",
        "- table badges",
    ]
