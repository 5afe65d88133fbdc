"""Two tables to changes: what differs, by the names of fields."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from autodiff.compare.tables import compare_tables, differing_paths
from autodiff.schema.changes import (
    Change,
    ColumnAdded,
    ColumnAltered,
    ColumnRemoved,
    ConstraintAdded,
    ConstraintAltered,
    ConstraintRemoved,
    IndexAdded,
    IndexAltered,
    IndexRemoved,
    TableCommentAltered,
    TableOptionsAltered,
)
from autodiff.schema.objects import Check, Name, PrimaryKey, Table, Unique
from tests.nouns import column, index, table

USERS = Name("users")


def _compare(current: Table, desired: Table) -> list[Change]:
    return compare_tables(current, desired, before=current, after=desired)


def test_equal_tables_have_no_changes() -> None:
    """Not even looked at closely."""
    assert _compare(table("users"), table("users")) == []


def test_columns_come_in_their_order_and_say_what_differs() -> None:
    """Desired columns first, in the models' order; then those that go."""
    current = table("users", column("gone"), column("age"), column("name", "text"))
    desired = table("users", column("new"), column("name", "text", nullable=False), column("age"))
    assert _compare(current, desired) == [
        ColumnAdded(table=USERS, column=column("new")),
        ColumnAltered(
            table=USERS,
            before=column("name", "text"),
            after=column("name", "text", nullable=False),
            fields=("nullable",),
        ),
        ColumnRemoved(table=USERS, column=column("gone")),
    ]


def test_a_type_and_a_generated_column_are_one_field_each() -> None:
    """However deep the difference lies."""
    current = table("users", column("age", default="1"))
    desired = table("users", column("age", "bigint", comment="years"))
    [change] = _compare(current, desired)
    assert isinstance(change, ColumnAltered)
    assert change.fields == ("comment", "default", "type")


def test_the_way_a_script_spells_a_type_is_no_difference() -> None:
    """Only the database's own spelling counts."""
    current = table("users", column("age"))
    age = column("age")
    other = replace(age, type=replace(age.type, python="sa.INTEGER()"))
    assert _compare(current, replace(current, columns=(current.columns[0], other))) == []


def test_constraints_and_indexes_are_known_by_their_names() -> None:
    """The same name with other contents is altered; another name is another thing."""
    current = table(
        "users",
        Unique(name="uq", columns=("id",)),
        Check(name="gone", sql="id > 0"),
        index("ix", "id"),
        index("ix_gone", "id"),
    )
    desired = table(
        "users",
        Unique(name="uq", columns=("id", "age")),
        Check(name="new", sql="id > 0"),
        index("ix", "id", unique=True),
        index("ix_new", "id"),
    )
    assert _compare(current, desired) == [
        ConstraintRemoved(table=USERS, constraint=Check(name="gone", sql="id > 0")),
        ConstraintAdded(table=USERS, constraint=Check(name="new", sql="id > 0")),
        ConstraintAltered(
            table=USERS,
            before=Unique(name="uq", columns=("id",)),
            after=Unique(name="uq", columns=("id", "age")),
            fields=("columns",),
        ),
        IndexAltered(
            table=USERS,
            before=index("ix", "id"),
            after=index("ix", "id", unique=True),
            fields=("unique",),
        ),
        IndexRemoved(table=USERS, index=index("ix_gone", "id")),
        IndexAdded(table=USERS, index=index("ix_new", "id")),
    ]


def test_there_is_one_primary_key_whatever_its_name() -> None:
    """A table has one, so another name is an alteration."""
    current = table("users", PrimaryKey(name="a", columns=("x",)), column("x"), key=None)
    desired = table("users", PrimaryKey(name="b", columns=("x",)), column("x"), key=None)
    [change] = _compare(current, desired)
    assert isinstance(change, ConstraintAltered)
    assert change.fields == ("name",)


def test_comments_and_options_of_a_table() -> None:
    """An option says what it was and what it will be."""
    current = replace(table("users"), comment="old", options={"a": 1, "same": True})
    desired = replace(table("users"), options={"b": "x", "same": True})
    assert _compare(current, desired) == [
        TableCommentAltered(table=USERS, before="old", after=None),
        TableOptionsAltered(table=USERS, options=(("a", 1, None), ("b", None, "x"))),
    ]


def test_changes_carry_the_texts_as_they_were_said() -> None:
    """Normalised texts are compared; the database's and the models' own are handed on."""
    said, wanted = (table("users", Check(name="ck", sql=sql)) for sql in ("ID>0", "id > 1"))
    plain, normal = (table("users", Check(name="ck", sql=sql)) for sql in ("id > 0", "id > 1"))
    [change] = compare_tables(plain, normal, before=said, after=wanted)
    assert isinstance(change, ConstraintAltered)
    assert (change.before, change.after) == (said.constraints[1], wanted.constraints[1])


def test_paths_go_down_to_what_differs() -> None:
    """A big difference is not folded into one; names that look private are kept."""
    current = {"columns": {"__id": {"type": "a", "list": [1, 2]}, "x": {}}}
    desired = {"columns": {"__id": {"type": "b", "list": [1]}, "y": {}}}
    assert differing_paths(current, desired) == [
        ("columns", "__id", "list", 1),
        ("columns", "__id", "type"),
        ("columns", "x"),
        ("columns", "y"),
    ]


def test_a_report_that_nothing_translates_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kind of difference that deepdiff may learn must not be lost in silence."""

    class Report(dict[str, Any]):
        def __init__(self, *args: object, **kw: object) -> None:
            super().__init__(novelty_changed=[])

    monkeypatch.setattr("deepdiff.DeepDiff", Report)
    with pytest.raises(AssertionError) as caught:
        differing_paths({"a": 1}, {"a": 2})
    assert str(caught.value) == "unknown report of deepdiff: ['novelty_changed']"
