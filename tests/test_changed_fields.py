"""Test the words for a changed attribute: its old and new value, if they are short."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from autodiff.schema.changed_fields import changed_field
from autodiff.schema.changes import (
    ConstraintAltered,
    IndexAltered,
    SequenceAltered,
    TableCommentAltered,
)
from autodiff.schema.describe import describe_change, key_of_change
from autodiff.schema.objects import (
    Check,
    Column,
    ColumnType,
    Computed,
    Exclusion,
    ForeignKey,
    Identity,
    Index,
    IndexElement,
    Name,
    Sequence,
    Unique,
)

USERS = Name("users")
CHECK = Check(name="ck", sql="age > 0")
KEY = ForeignKey(name="fk", columns=("team",), referred=Name("teams"), referred_columns=("id",))
UNIQUE = Unique(name="uq", columns=("a",))
INDEX = Index(name="ix", elements=(IndexElement(text="a"),))
EXCLUSION = Exclusion(name="ex", elements=(("room", "="),))
COLUMN = Column(name="c", type=ColumnType(sql="integer"))
NAME = IndexElement(text="lower(name)", is_expression=True)


@pytest.mark.parametrize(
    ("before", "change", "words"),
    [
        (UNIQUE, {"columns": ("a", "b")}, "columns a -> a, b"),
        (UNIQUE, {"deferrable": True}, "deferrable"),
        (UNIQUE, {"nulls_not_distinct": True}, "nulls not distinct"),
        (replace(UNIQUE, nulls_not_distinct=True), {"nulls_not_distinct": False}, "nulls distinct"),
        (UNIQUE, {"options": {"x": "1", "y": True}}, "x default -> 1, y default -> True"),
        (CHECK, {"sql": "`age`  >\n 1"}, "condition age > 0 -> age > 1"),
        (CHECK, {"sql": "a > 0 OR " * 9 + "b > 0"}, "condition"),
        (CHECK, {"comment": "must be\nborn"}, "comment none -> must be\nborn"),
        (KEY, {"on_delete": "CASCADE"}, "on delete none -> CASCADE"),
        (KEY, {"referred": Name("teams", "hr")}, "target teams -> hr.teams"),
        (KEY, {"referred_columns": ("a", "b")}, "target columns id -> a, b"),
        (
            EXCLUSION,
            {"elements": (("room", "="), ("span", "&&"))},
            "columns room with = -> room with =, span with &&",
        ),
        (INDEX, {"elements": (NAME,)}, "columns a -> lower(name)"),
        (
            INDEX,
            {"elements": (IndexElement(text="a", length=9, collation="C", descending=True),)},
            "columns a -> a(9) collate C desc",
        ),
        (
            INDEX,
            {"elements": (IndexElement(text="a", opclass="text_ops", nulls_first=False),)},
            "columns a -> a text_ops nulls last",
        ),
        (INDEX, {"unique": True}, "unique"),
        (replace(INDEX, unique=True), {"unique": False}, "not unique"),
        (INDEX, {"include": ("b",)}, "include none -> b"),
        (INDEX, {"where": "b > 0"}, "where none -> b > 0"),
        (COLUMN, {"autoincrement": True}, "autoincrement"),
        (replace(COLUMN, autoincrement=True), {"autoincrement": False}, "no autoincrement"),
        (
            COLUMN,
            {"identity": Identity(always=True, start=5, cycle=True)},
            "identity none -> always start 5 cycle",
        ),
        (
            COLUMN,
            {"computed": Computed(sql="`a` + 1", persisted=False)},
            "computed none -> a + 1 virtual",
        ),
        (
            replace(COLUMN, computed=Computed(sql="a", persisted=True)),
            {"computed": Computed(sql="a + 1", persisted=True)},
            "computed a -> a + 1",
        ),
        (
            replace(COLUMN, computed=Computed(sql="a", persisted=True)),
            {"computed": Computed(sql="a", persisted=False)},
            "computed a stored -> a virtual",
        ),
    ],
)
def test_an_attribute_is_shown_with_both_values(
    before: Any, change: dict[str, Any], words: str
) -> None:
    [name] = change
    assert changed_field(name, before, replace(before, **change)) == words


def test_changes_name_what_differs() -> None:
    """A line has no line break; a long comment is in the migration."""
    changes = (
        SequenceAltered(
            before=Sequence(name=Name("s")), after=Sequence(name=Name("s"), start=5, cycle=True)
        ),
        TableCommentAltered(table=USERS, before=None, after="who\nmay log in"),
        TableCommentAltered(table=USERS, before="old", after="x" * 61),
        IndexAltered(
            table=USERS,
            before=INDEX,
            after=replace(INDEX, unique=True, where="a > 0"),
            fields=("unique", "where"),
        ),
    )
    assert [*map(describe_change, changes)] == [
        "~ sequence s: start none -> 5, cycle",
        "~ comment of table users: none -> who\\nmay log in",
        "~ comment of table users",
        "~ index ix on users: unique, where none -> a > 0",
    ]


def test_the_key_of_a_change_ignores_the_spelling() -> None:
    """Two servers spell one condition in two ways."""
    one, two = (
        ConstraintAltered(table=USERS, before=CHECK, after=replace(CHECK, sql=sql), fields=("sql",))
        for sql in ("age > 1", "(age > 1)")
    )
    assert describe_change(one) != describe_change(two)
    assert key_of_change(one) == key_of_change(two)
    other = replace(one, after=replace(CHECK, name="other"))
    assert key_of_change(other) != key_of_change(one)
