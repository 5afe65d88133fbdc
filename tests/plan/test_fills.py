"""Tests for values of existing rows when a column becomes NOT NULL."""

from __future__ import annotations

import pytest

from autodiff.dialects import dialect_for
from autodiff.errors import FillNeededError, PlanError
from autodiff.plan import plan_changes
from autodiff.plan.backfills import downgrade_fills_needed, fill_sql, fills_needed, parse_fill
from autodiff.schema.changes import (
    Change,
    ColumnAdded,
    ColumnAltered,
    ColumnRemoved,
    ConstraintAdded,
    TableAdded,
)
from autodiff.schema.objects import Computed, Identity, Name, PrimaryKey
from tests.nouns import column, schema, table

USERS = Name("users")
CURRENT = schema(table("users"))


@pytest.mark.parametrize(
    ("value", "sql"),
    [
        ("now", "CURRENT_TIMESTAMP"),
        ("Today", "CURRENT_DATE"),
        ("true", "true"),
        ("5", "5"),
        ("-1.5", "-1.5"),
        ("sql: lower(name)", "lower(name)"),
        ("it's", "'it''s'"),
        ("", "''"),
        ("5 apples", "'5 apples'"),
    ],
)
def test_value_is_converted_to_sql(value: str, sql: str) -> None:
    """A value is a keyword, a number, SQL, or else text."""
    assert fill_sql(value, dialect_for("postgresql")) == sql


def test_parse_fill() -> None:
    """The value may contain = and spaces."""
    assert parse_fill("users.name=a = b") == ("users.name", "a = b")


@pytest.mark.parametrize("text", ["users.name", "name=x", "=x"])
def test_invalid_fill_is_rejected(text: str) -> None:
    """The hint shows an example."""
    with pytest.raises(PlanError) as caught:
        parse_fill(text)
    assert caught.value.message == f"invalid fill {text!r}: expected TABLE.COLUMN=VALUE"
    assert caught.value.hint == ("for example --fill comments.timestamp=now")


def test_only_not_null_columns_without_a_default_need_a_fill() -> None:
    """Generated values and tables without rows need no fill."""
    required = column("name", "text", nullable=False)
    others = [
        column("a"),
        column("b", nullable=False, default="1"),
        column("c", nullable=False, computed=Computed(sql="1", persisted=True)),
        column("d", nullable=False, identity=Identity()),
        column("e", nullable=False, autoincrement=True),
    ]
    changes: list[Change] = [TableAdded(table=table("posts"))]
    changes += [ColumnAdded(table=Name("posts"), column=required)]
    changes += [ColumnAdded(table=USERS, column=item) for item in (*others, required)]
    assert [needed.key for needed in fills_needed(changes)] == ["users.name"]


def test_new_sqlite_rowid_key_needs_no_fill() -> None:
    """An INTEGER PRIMARY KEY is the rowid."""
    number = ColumnAdded(table=USERS, column=column("id", "INTEGER", nullable=False))
    assert fills_needed([number]) != []
    key = ConstraintAdded(table=USERS, constraint=PrimaryKey(columns=("id",)))
    assert fills_needed([number, key]) == []


def test_dropped_column_needs_a_fill_for_its_reverse() -> None:
    """A NOT NULL column without a default needs a value for existing rows."""
    changes = [
        ColumnRemoved(table=USERS, column=column("name", "text", nullable=False)),
        ColumnRemoved(table=USERS, column=column("age")),
    ]
    assert [needed.key for needed in downgrade_fills_needed(changes)] == ["users.name"]


def _plan(change: Change, **fills: str) -> list[str]:
    fill_options = {f"users.{name}": value for name, value in fills.items()}
    planned = plan_changes(
        [change],
        current=CURRENT,
        desired=CURRENT,
        dialect=dialect_for("postgresql"),
        fills=fill_options,
    )
    return [operation.describe() for operation in planned.operations]


def test_missing_fill_is_an_error() -> None:
    """The error lists all columns and the option that fills them."""
    change = ColumnAdded(table=USERS, column=column("name", "text", nullable=False))
    with pytest.raises(FillNeededError) as caught:
        _plan(change)
    assert caught.value.columns == ("users.name",)
    assert str(caught.value) == (
        "cannot add NOT NULL: existing rows need a value for users.name\n"
        'hint: pass --fill users.name=VALUE (now, a number, a string, or "sql:EXPRESSION"), '
        "set a server_default in the model, or make the column nullable"
    )


def test_thousands_of_missing_fills_are_not_listed_in_full() -> None:
    error = FillNeededError([f"t.c{number}" for number in range(2_000)])
    assert len(error.columns) == 2_000
    assert error.message.endswith("t.c18, t.c19 and 1,980 more")
    assert error.hint is not None
    assert error.hint.startswith("pass --fill t.c0=VALUE and so on for each column (now, ")


def test_column_is_filled_before_it_becomes_not_null() -> None:
    change = ColumnAdded(table=USERS, column=column("name", "text", nullable=False))
    assert _plan(change, name="x") == [
        "+ column users.name",
        "~ rows of users: fill name",
        "~ column users.name: not null",
    ]


def test_altered_column_may_be_filled() -> None:
    before, after = column("name", "text"), column("name", "text", nullable=False)
    change = ColumnAltered(table=USERS, before=before, after=after, fields=("nullable",))
    assert _plan(change) == ["~ column users.name: not null"]
    assert _plan(change, name="x")[0] == "~ rows of users: fill name"


def test_unused_fill_is_rejected() -> None:
    """An unused fill is probably a typing error."""
    with pytest.raises(PlanError) as caught:
        _plan(ColumnAdded(table=USERS, column=column("age")), nick="x")
    assert caught.value.message == (
        "cannot fill users.nick: no column of that name is added or becomes NOT NULL"
    )
    assert caught.value.hint == "columns that accept --fill: none"
