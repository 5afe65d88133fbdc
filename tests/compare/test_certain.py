"""Tests for deciding which differences need a scratch database.

A difference needs one if the database may spell the same definition in another way.
"""

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
    """Return "asked" if a scratch database is needed, else "sure" or "equal"."""
    result = find_possible_differences(schema(current), schema(desired), POSTGRESQL)
    assert not (result.tables and result.certain)
    return "asked" if result.tables else "sure" if result.certain else "equal"


def table_with(*parts: object) -> Table:
    return table("t", *BARE.columns[1:], *parts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "desired",
    [
        table_with(column("c", default="now()")),
        replace(BARE, columns=BARE.columns[:1]),
        replace(BARE, columns=(*BARE.columns[:1], column("z"))),
        table("t", column("a", nullable=False), BARE.columns[2]),
        table("t", column("a", "bigint"), BARE.columns[2]),
        table("t", column("a", comment="note"), BARE.columns[2]),
        replace(BARE, comment="note"),
        table_with(Unique(name="uq", columns=("a",))),
        table_with(foreign_key("fk", "a", "users.id")),
        table_with(Check(name="positive", sql="a > 0")),
        table_with(index("ix", "a")),
        table_with(Index(name="ix", elements=(IndexElement(text="a"),), where="a > 0")),
        replace(BARE, constraints=(PrimaryKey(name="t_pkey", columns=("a",)),)),
    ],
)
def test_most_differences_need_no_scratch(desired: Table) -> None:
    """Parts that exist on one side only and parts without SQL text are unambiguous."""
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
        (table_with(LONG), table_with(SHORT)),
        (table_with(LONG), table_with(replace(SHORT, name="two"))),
        (table_with(PARTIAL), table_with(replace(PARTIAL, where="a > 1"))),
        (table_with(PARTIAL), table_with(replace(PARTIAL, name="other", where="a > 1"))),
        (BARE, table_with(Unique(name="uq", columns=("id",)))),
        (table_with(index("ix", "a")), table_with(SHORTENED)),
        (BARE, replace(BARE, options={"postgresql_with": "fillfactor=70"})),
    ],
)
def test_differing_sql_text_needs_a_scratch(current: Table, desired: Table) -> None:
    """Two SQL texts may mean the same."""
    assert verdict(current, desired) == "asked"


def test_one_ambiguous_difference_is_enough() -> None:
    """The scratch database gets the whole table."""
    current, desired = table_with(LONG), table_with(SHORT, column("c"))
    assert verdict(current, desired) == "asked"


def test_equal_tables_have_no_differences() -> None:
    """The order of columns does not matter."""
    assert verdict(BARE, replace(BARE, columns=BARE.columns[::-1])) == "equal"


@pytest.mark.parametrize(
    ("kind", "unchanged", "rewritten"),
    [
        ("sqlite", ["VARCHAR(9)", "ANY THING"], []),
        ("postgresql", ["character varying(9)", "numeric(9,2)"], ["name", 'text COLLATE "C"']),
        ("mysql", ["varchar(9)", "int unsigned", "tinyint(1)"], ["json", "int(11)", "timestamp"]),
    ],
)
def test_common_types_need_no_scratch(
    kind: str, unchanged: list[str], rewritten: list[str]
) -> None:
    """The catalog keeps the spelling of common types; other types need a scratch database."""
    dialect = dialect_for(kind)
    assert [sql for sql in (*unchanged, *rewritten) if dialect.is_canonical_type(sql)] == unchanged
    assert [dialect.canonical_type(sql) for sql in unchanged] == unchanged


def with_default(type_sql: str, default: str | None) -> Table:
    return table("t", column("a", type_sql, default=default))


@pytest.mark.parametrize(
    ("type_sql", "one", "other"),
    [
        ("integer", "0", "1"),
        ("integer", "-1", "1"),
        ("integer", None, "1"),
        ("numeric(12,2)", "0", "10"),
        ("text", "'a'", "'b'"),
        ("text", "''", "'it''s'"),
        ("character varying(20)", None, "'a'"),
    ],
)
def test_different_literals_need_no_scratch(
    type_sql: str, one: str | None, other: str | None
) -> None:
    """The server cannot make two numbers equal, nor two texts."""
    assert verdict(with_default(type_sql, one), with_default(type_sql, other)) == "sure"
    assert verdict(with_default(type_sql, other), with_default(type_sql, one)) == "sure"


@pytest.mark.parametrize(
    ("type_sql", "one", "other"),
    [
        ("integer", "1", "01"),
        ("numeric(12,2)", "1", "1.0"),
        ("integer", "1", "1 + 1"),
        ("integer", None, "NULL::integer"),
        ("text", "'a'", "'a '"),
        ("text", "'a'", "upper('a')"),
        ("text", "'a'", r"'\x61'"),
        ("date", "'2001-01-01'", "'2001-1-1'"),
        ("jsonb", "'{}'", "'{ }'"),
    ],
)
def test_spellings_of_one_value_are_no_difference(
    type_sql: str, one: str | None, other: str | None
) -> None:
    """They are equal after normalization, or only the server shows whether they are one value."""
    assert verdict(with_default(type_sql, one), with_default(type_sql, other)) != "sure"
    assert verdict(with_default(type_sql, other), with_default(type_sql, one)) != "sure"
