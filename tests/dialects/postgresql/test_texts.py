"""Tests for PostgreSQL expressions in the form that people write."""

from __future__ import annotations

import pytest

from autodiff.dialects.postgresql.expressions import plain_text

VARCHARS = {"kind", "name", "Odd Name"}


@pytest.mark.parametrize(
    ("stored", "written"),
    [
        ("kind::text <> ''::text", "kind <> ''"),
        ("(kind)::text <> ''::text", "kind <> ''"),
        ("\"Odd Name\"::text = 'a'::text", "\"Odd Name\" = 'a'"),
        ("lower((name)::text)", "lower(name)"),
        ("NOT (name)::text = 'x'::text", "NOT name = 'x'"),
        ("code = 'a'::bpchar", "code = 'a'"),
        ("data ->> 'key'::text", "data ->> 'key'"),
        (
            "kind::text = ANY (ARRAY['a'::character varying, 'b'::character varying]::text[])",
            "kind IN ('a', 'b')",
        ),
        (
            "(kind)::text = ANY ((ARRAY['a'::character varying, 'b''s'::bpchar])::text[])",
            "kind IN ('a', 'b''s')",
        ),
        ("(n = ANY (ARRAY[1, 2])) OR n <> ALL (ARRAY[-3, 4])", "(n IN (1, 2)) OR n NOT IN (-3, 4)"),
        (
            "a = ANY (ARRAY['x'::text]) OR b > ALL (ARRAY[1])",
            "a = ANY (ARRAY['x']) OR b > ALL (ARRAY[1])",
        ),
        ("kind::text ~~ '%:x%'::text", "kind LIKE '%:x%'"),
        ("kind::text !~~ 'x'::text", "kind NOT LIKE 'x'"),
        ("kind::text ~~* 'x'::text", "kind ILIKE 'x'"),
        ("kind::text !~~* 'x'::text", "kind NOT ILIKE 'x'"),
    ],
)
def test_added_casts_and_arrays_are_removed(stored: str, written: str) -> None:
    """PostgreSQL adds them to each stored expression."""
    assert plain_text(stored, VARCHARS) == written


@pytest.mark.parametrize(
    "expression",
    [
        "age::text = mood::text",
        "mood = 'sad'::mood",
        "price > 0::numeric",
        "f(name)::text = other",
        "'abc'::character varying(2) = other",
        "tags @> '{}'::text[]",
        "tags = ANY (others)",
        "x = ANY (ARRAY[a, b])",
        "x ~ '^a' AND y !~ 'b' AND z ~* 'c'",
        "note = ' ~~ x::text = ANY (ARRAY[1])'",
    ],
)
def test_other_casts_and_strings_are_unchanged(expression: str) -> None:
    """Casts that matter, arrays that are not lists of values, and strings are kept."""
    assert plain_text(expression, VARCHARS) == expression
