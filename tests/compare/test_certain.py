"""What no scratch is asked about: differences in which the database has nothing to reword."""

from __future__ import annotations

from dataclasses import replace

import pytest

from autodiff.compare import find_possible_differences
from autodiff.dialects import dialect_for
from autodiff.schema.objects import Check, Index, IndexElement, PrimaryKey, Table, Unique
from tests.nouns import column, foreign_key, index, schema, table

POSTGRESQL = dialect_for("postgresql")
BARE = table("t", column("a"), column("b", "text", default="'x'"))


def verdict(current: Table, desired: Table) -> str:
    """Whether a scratch would be asked about two tables."""
    found = find_possible_differences(schema(current), schema(desired), POSTGRESQL)
    assert not (found.tables and found.certain)
    return "asked" if found.tables else "sure" if found.certain else "equal"


def with_parts(*parts: object) -> Table:
    return table("t", *BARE.columns[1:], *parts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "desired",
    [
        with_parts(column("c", default="now()")),
        replace(BARE, columns=BARE.columns[:1]),
        replace(BARE, columns=(*BARE.columns[:1], column("z"))),
        table("t", column("a", nullable=False), BARE.columns[2]),
        table("t", column("a", "bigint"), BARE.columns[2]),
        table("t", column("a", comment="told"), BARE.columns[2]),
        replace(BARE, comment="told"),
        with_parts(Unique(name="uq", columns=("a",))),
        with_parts(foreign_key("fk", "a", "users.id")),
        with_parts(Check(name="positive", sql="a > 0")),
        with_parts(index("ix", "a")),
        with_parts(Index(name="ix", elements=(IndexElement(text="a"),), where="a > 0")),
        replace(BARE, constraints=(PrimaryKey(name="t_pkey", columns=("a",)),)),
    ],
)
def test_most_differences_are_sure(desired: Table) -> None:
    """What is on one side alone, and what has no words of its own."""
    assert verdict(BARE, desired) == "sure"
    assert verdict(desired, BARE) == "sure"


LONG = Check(name="one", sql="(a > 0) AND (a < 9)")
SHORT = Check(name="one", sql="a BETWEEN 1 AND 8")
PARTIAL = Index(name="ix", elements=(IndexElement(text="a"),), where="a > 0")
SHORTENED = Index(name="ix", elements=(IndexElement(text="a", length=9),))


@pytest.mark.parametrize(
    ("current", "desired"),
    [
        (BARE, table("t", BARE.columns[1], column("b", "text", default="upper('x')"))),
        (BARE, table("t", column("a", "tsquery_of_ours"), BARE.columns[2])),
        (with_parts(LONG), with_parts(SHORT)),
        (with_parts(LONG), with_parts(replace(SHORT, name="two"))),
        (with_parts(PARTIAL), with_parts(replace(PARTIAL, where="a > 1"))),
        (with_parts(PARTIAL), with_parts(replace(PARTIAL, name="other", where="a > 1"))),
        (BARE, with_parts(Unique(name="uq", columns=("id",)))),
        (with_parts(index("ix", "a")), with_parts(SHORTENED)),
        (BARE, replace(BARE, options={"postgresql_with": "fillfactor=70"})),
    ],
)
def test_texts_of_both_sides_are_asked_about(current: Table, desired: Table) -> None:
    """They may say one thing in two ways."""
    assert verdict(current, desired) == "asked"


def test_one_doubt_is_enough() -> None:
    """A table is asked about as a whole."""
    current, desired = with_parts(LONG), with_parts(SHORT, column("c"))
    assert verdict(current, desired) == "asked"


def test_nothing_is_sure_of_equal_tables() -> None:
    """However their parts are ordered."""
    assert verdict(BARE, replace(BARE, columns=BARE.columns[::-1])) == "equal"


@pytest.mark.parametrize(
    ("kind", "told", "reworded"),
    [
        ("sqlite", ["VARCHAR(9)", "ANY THING"], []),
        ("postgresql", ["character varying(9)", "numeric(9,2)"], ["name", 'text COLLATE "C"']),
        ("mysql", ["varchar(9)", "int unsigned", "tinyint(1)"], ["json", "int(11)", "timestamp"]),
    ],
)
def test_types_that_are_told_as_said(kind: str, told: list[str], reworded: list[str]) -> None:
    """The common ones; of others the database is asked."""
    dialect = dialect_for(kind)
    assert [sql for sql in (*told, *reworded) if dialect.tells_type(sql)] == told
    assert [dialect.canonical_type(sql) for sql in told] == told
