"""Tests for lists of values in types and checks."""

from __future__ import annotations

import pytest

from autodiff.compare.enum_values import listed_in_check, listed_in_type, replaced_in_place


@pytest.mark.parametrize(
    ("sql", "values"),
    [
        ("enum('a','b')", ("a", "b")),
        ("ENUM('it''s','b,c') CHARACTER SET utf8mb4", ("it's", "b,c")),
        ("varchar(3)", None),
        ("enum", None),
    ],
)
def test_values_of_a_type(sql: str, values: tuple[str, ...] | None) -> None:
    """Values may contain quotes and commas; other types have no values."""
    assert listed_in_type(sql) == values


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("kind IN ('a', 'b')", ("kind", ("a", "b"))),
        ("(`kind` in ('a','b'))", ("kind", ("a", "b"))),
        ("(kind in (_utf8mb4'a',_utf8mb4'it''s'))", ("kind", ("a", "it's"))),
        ("\"Kind\" IN ('a')", ("Kind", ("a",))),
        ("kind IN (1, 2)", None),
        ("kind IN ('a') OR size > 1", None),
        ("kind NOT IN ('a')", None),
        ("kind = 'a'", None),
        ("lower(kind) IN ('a')", None),
        ("", None),
    ],
)
def test_values_of_a_check(sql: str, expected: tuple[str, tuple[str, ...]] | None) -> None:
    """Each database spells `column IN (strings)` differently; other conditions have no values."""
    assert listed_in_check(sql) == expected


@pytest.mark.parametrize(
    ("before", "after", "pairs"),
    [
        ("a b c", "a x c", [("b", "x")]),
        ("a b c", "x b y", [("a", "x"), ("c", "y")]),
        ("a b", "x y", [("a", "x"), ("b", "y")]),
        ("a b", "a b c", []),
        ("a b c", "a c", []),
        ("a b", "b c", []),
        ("a b c", "c a x", []),
        ("a b c", "a x y c", [("b", "x")]),
    ],
)
def test_values_replaced_at_the_same_position(
    before: str, after: str, pairs: list[tuple[str, str]]
) -> None:
    """The neighbors must be unchanged; if the order differs, there are no pairs."""
    assert replaced_in_place(before.split(), after.split()) == pairs
