"""PostgreSQL's expressions, as people write them."""

from __future__ import annotations

import pytest

from autodiff.dialects.postgresql.expressions import plain_text

VARCHARS = {"kind", "name", "Odd Name"}


@pytest.mark.parametrize(
    ("told", "written"),
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
def test_casts_and_arrays_go(told: str, written: str) -> None:
    """What PostgreSQL adds by itself, and would add again."""
    assert plain_text(told, VARCHARS) == written


@pytest.mark.parametrize(
    "told",
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
def test_what_people_wrote_stays(told: str) -> None:
    """A cast that means something, an array that is no list, and whatever stands in a string."""
    assert plain_text(told, VARCHARS) == told
