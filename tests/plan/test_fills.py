"""Values for rows that exist when a column is added NOT NULL."""

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
def test_a_value_becomes_sql(value: str, sql: str) -> None:
    """A word that is known, a number, SQL, or else a text."""
    assert fill_sql(value, dialect_for("postgresql")) == sql


def test_a_fill_is_read() -> None:
    """The value may hold = and spaces."""
    assert parse_fill("users.name=a = b") == ("users.name", "a = b")


@pytest.mark.parametrize("text", ["users.name", "name=x", "=x"])
def test_what_is_no_fill_is_refused(text: str) -> None:
    """The hint shows how to write one."""
    with pytest.raises(PlanError) as caught:
        parse_fill(text)
    assert caught.value.message == f"invalid fill {text!r}: expected TABLE.COLUMN=VALUE"
    assert caught.value.hint == ("for example --fill comments.timestamp=now")


def test_only_not_null_columns_without_a_value_need_one() -> None:
    """What the database fills by itself does not, nor does a table without rows."""
    needy = column("name", "text", nullable=False)
    filled = [
        column("a"),
        column("b", nullable=False, default="1"),
        column("c", nullable=False, computed=Computed(sql="1", persisted=True)),
        column("d", nullable=False, identity=Identity()),
        column("e", nullable=False, autoincrement=True),
    ]
    changes: list[Change] = [TableAdded(table=table("posts"))]
    changes += [ColumnAdded(table=Name("posts"), column=needy)]
    changes += [ColumnAdded(table=USERS, column=item) for item in (*filled, needy)]
    assert [needed.key for needed in fills_needed(changes)] == ["users.name"]


def test_sqlite_numbers_the_rows_of_a_new_key() -> None:
    """INTEGER PRIMARY KEY is the number of the row."""
    number = ColumnAdded(table=USERS, column=column("id", "INTEGER", nullable=False))
    assert fills_needed([number]) != []
    key = ConstraintAdded(table=USERS, constraint=PrimaryKey(columns=("id",)))
    assert fills_needed([number, key]) == []


def test_a_column_that_goes_needs_a_value_to_come_back() -> None:
    """NOT NULL without a default: rows have nothing to put there."""
    changes = [
        ColumnRemoved(table=USERS, column=column("name", "text", nullable=False)),
        ColumnRemoved(table=USERS, column=column("age")),
    ]
    assert [needed.key for needed in downgrade_fills_needed(changes)] == ["users.name"]


def _plan(change: Change, **fills: str) -> list[str]:
    given = {f"users.{name}": value for name, value in fills.items()}
    made = plan_changes(
        [change], current=CURRENT, desired=CURRENT, dialect=dialect_for("postgresql"), fills=given
    )
    return [operation.describe() for operation in made.operations]


def test_without_a_value_there_is_no_plan() -> None:
    """All columns at once, each with the option that would give a value."""
    change = ColumnAdded(table=USERS, column=column("name", "text", nullable=False))
    with pytest.raises(FillNeededError) as caught:
        _plan(change)
    assert caught.value.columns == ("users.name",)
    assert str(caught.value) == (
        "cannot add NOT NULL without a value for the rows that exist: users.name\n"
        'hint: give one: --fill users.name=VALUE (now, a number, a text, or "sql:EXPRESSION"), '
        "set a server_default in the model, or make the column nullable"
    )


def test_with_a_value_the_column_is_filled_before_it_is_not_null() -> None:
    """Nullable first, then filled, then NOT NULL."""
    change = ColumnAdded(table=USERS, column=column("name", "text", nullable=False))
    assert _plan(change, name="x") == [
        "+ column users.name",
        "~ rows of users: fill name",
        "~ column users.name: not null",
    ]


def test_a_column_that_becomes_not_null_may_be_filled() -> None:
    """Before it does."""
    before, after = column("name", "text"), column("name", "text", nullable=False)
    change = ColumnAltered(table=USERS, before=before, after=after, fields=("nullable",))
    assert _plan(change) == ["~ column users.name: not null"]
    assert _plan(change, name="x")[0] == "~ rows of users: fill name"


def test_a_fill_that_nothing_needs_is_refused() -> None:
    """A slip of the pen would leave a column empty."""
    with pytest.raises(PlanError) as caught:
        _plan(ColumnAdded(table=USERS, column=column("age")), nick="x")
    assert caught.value.message == (
        "cannot fill users.nick: no column of that name is added or becomes NOT NULL"
    )
    assert caught.value.hint == "columns that accept --fill: none"
