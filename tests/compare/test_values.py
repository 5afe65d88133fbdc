"""Lists of values: read from types and checks, and compared place by place."""

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
def test_a_type_lists_its_values(sql: str, values: tuple[str, ...] | None) -> None:
    """Also with quotes and commas in them; other types list none."""
    assert listed_in_type(sql) == values


@pytest.mark.parametrize(
    ("sql", "listed"),
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
def test_a_check_lists_its_values(sql: str, listed: tuple[str, tuple[str, ...]] | None) -> None:
    """column IN (texts) as each database tells it; another condition lists none."""
    assert listed_in_check(sql) == listed


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
def test_a_value_at_the_place_of_another(
    before: str, after: str, pairs: list[tuple[str, str]]
) -> None:
    """Between the same neighbours that stay; nothing is likely where the order differs."""
    assert replaced_in_place(before.split(), after.split()) == pairs
