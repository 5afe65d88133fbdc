"""Tests for the comparison of two tables: the changes and the fields that differ."""

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
    assert _compare(table("users"), table("users")) == []


def test_column_changes_are_ordered_and_name_their_fields() -> None:
    """Desired columns come first, in the models' order, then removed columns."""
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


def test_nested_differences_are_reported_by_field() -> None:
    current = table("users", column("age", default="1"))
    desired = table("users", column("age", "bigint", comment="years"))
    [change] = _compare(current, desired)
    assert isinstance(change, ColumnAltered)
    assert change.fields == ("comment", "default", "type")


def test_python_spelling_of_a_type_is_ignored() -> None:
    """Only the spelling in the database is compared."""
    current = table("users", column("age"))
    age = column("age")
    respelled = replace(age, type=replace(age.type, python="sa.INTEGER()"))
    assert _compare(current, replace(current, columns=(current.columns[0], respelled))) == []


def test_constraints_and_indexes_are_matched_by_name() -> None:
    """The same name with other contents is an alteration; another name is another object."""
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


def test_primary_key_with_another_name_is_altered() -> None:
    """A table has one primary key, so the names need not match."""
    current = table("users", PrimaryKey(name="a", columns=("x",)), column("x"), key=None)
    desired = table("users", PrimaryKey(name="b", columns=("x",)), column("x"), key=None)
    [change] = _compare(current, desired)
    assert isinstance(change, ConstraintAltered)
    assert change.fields == ("name",)


def test_comments_and_options_of_a_table() -> None:
    """Each changed option has its old and its new value."""
    current = replace(table("users"), comment="old", options={"a": 1, "same": True})
    desired = replace(table("users"), options={"b": "x", "same": True})
    assert _compare(current, desired) == [
        TableCommentAltered(table=USERS, before="old", after=None),
        TableOptionsAltered(table=USERS, options=(("a", 1, None), ("b", None, "x"))),
    ]


def test_changes_contain_original_texts() -> None:
    """Normalized texts are compared, but changes contain the original ones."""
    current, desired = (table("users", Check(name="ck", sql=sql)) for sql in ("ID>0", "id > 1"))
    normal_current, normal_desired = (
        table("users", Check(name="ck", sql=sql)) for sql in ("id > 0", "id > 1")
    )
    [change] = compare_tables(normal_current, normal_desired, before=current, after=desired)
    assert isinstance(change, ConstraintAltered)
    assert (change.before, change.after) == (current.constraints[1], desired.constraints[1])


def test_paths_lead_to_each_difference() -> None:
    """A large difference is not reported as one path, and private-looking names are included."""
    current = {"columns": {"__id": {"type": "a", "list": [1, 2]}, "x": {}}}
    desired = {"columns": {"__id": {"type": "b", "list": [1]}, "y": {}}}
    assert differing_paths(current, desired) == [
        ("columns", "__id", "list", 1),
        ("columns", "__id", "type"),
        ("columns", "x"),
        ("columns", "y"),
    ]


def test_unknown_kind_of_difference_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new kind of difference in a later version of deepdiff must not be ignored."""

    class Report(dict[str, Any]):
        def __init__(self, *args: object, **kw: object) -> None:
            super().__init__(novelty_changed=[])

    monkeypatch.setattr("deepdiff.DeepDiff", Report)
    with pytest.raises(AssertionError) as caught:
        differing_paths({"a": 1}, {"a": 2})
    assert str(caught.value) == "unknown report of deepdiff: ['novelty_changed']"
