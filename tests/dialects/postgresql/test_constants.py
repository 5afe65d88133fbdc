"""Test that only defaults with the same value are equal, as PostgreSQL calculates them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
import sqlalchemy as sa

from autodiff.dialects.postgresql.constants import constant_value, normal_default
from autodiff.dialects.postgresql.types import canonical_type
from tests.support import Database, opened

SAME = [
    ("numeric(10,2)", ("0", "0::numeric", "0.0", "'0'::numeric", "cast(0 as numeric)", "0::int")),
    ("numeric", ("-1", "-1::numeric", "(-1)::numeric", "'-1'::integer", "'-1'::text::numeric")),
    ("numeric", ("0.1", "0.1::double precision", "'0.1'::varchar(9)::numeric")),
    ("bigint", ("5", "5::bigint", "(5)::smallint", "'5'", "5::numeric(4,1)", "+5::real")),
    ("double precision", ("0.25", "0.25::double precision", "'0.25'::float8")),
    ("real", ("0.1", "0.1::real", "0.1::float8")),
    ("text", ("'x'", "'x'::varchar", "'x'::varchar(20)", "('x'::text)::char(1)", "E'x'")),
    ("varchar(20)", ("''", "''::text", "(''::text)::varchar", "''::varchar(1)")),
    ("boolean", ("false", "0::boolean", "'f'", "'false'::text::boolean")),
    ("boolean", ("true", "1::boolean", "'t'::boolean")),
    ("text[]", ("'{}'", "array[]::text[]", "ARRAY[]::varchar[]", "'{ }'::varchar[]")),
    ("integer[]", ("'{1,2}'", "array[1,2]", "ARRAY[1::bigint, '2'::int]", "'{1, 2}'::int[]")),
    ("varchar(3)[]", ("'{a,b}'", "array['a','b']", "array['a'::text, 'b']::varchar[]")),
    ("jsonb", ("'{}'", "'{}'::json::jsonb", "jsonb '{}'")),
    ("date", ("current_date", "now()", "now()::date", "('now'::text)::date")),
    ("timestamp", ("now()", "current_timestamp::timestamp", "localtimestamp", "now()::timestamp")),
    ("timestamptz", ("now()", "transaction_timestamp()", "('now'::text)::timestamptz")),
    (
        "timestamp",
        (
            "timezone('utc', now())",
            "(now() at time zone 'UTC')",
            "timezone('utc', now())::timestamp",
        ),
    ),
]
OTHER = [
    ("numeric", ("1.5", "1.5::int", "1.5::numeric(3,0)")),
    ("numeric(10,1)", ("1.25", "1.25::int")),
    ("double precision", ("0.1", "0.1::real", "16777217", "16777217::real")),
    ("text", ("'abcdef'", "'abcdef'::varchar(3)", "'abcdef'::char(8)", "5::text")),
    ("text", ("'a '", "'a '::char(2)")),
    ("text", ("'0.10'", "'0.1'", "0.10::text")),
    ("integer[]", ("'{1,2}'", "array[2,1]", "array[1]", "'{}'")),
    ("text[]", ("'{null}'", "array['null']", "'{NULL,a}'", "array[null, 'a']")),
    ("json", ("'{}'", "'{ }'", "'[]'::json")),
    ("boolean", ("false", "1::boolean", "true")),
    ("timestamptz", ("now()", "'now'", "current_date", "clock_timestamp()")),
    ("timestamp", ("now()", "timezone('utc', now())", "timezone('cet', now())", "current_date")),
    ("date", ("'2020-01-02'", "'2020-02-01'", "'today'::text::date", "current_date + 1")),
]


def stored_values(db: Database, type_: str, defaults: Sequence[str]) -> list[str]:
    """Return the value that a row gets for each default."""
    columns = ", ".join(f"c{i} {type_} DEFAULT {text}" for i, text in enumerate(defaults))
    db.execute("SET timezone = 'Asia/Tokyo'", f"CREATE TABLE t ({columns})")
    db.execute("INSERT INTO t DEFAULT VALUES")
    texts = ", ".join(f"c{i}::text" for i, _ in enumerate(defaults))
    return list(db.rows(f"SELECT {texts} FROM t")[0])


def catalog_texts(db: Database) -> list[str]:
    """Return the defaults as PostgreSQL spells them."""
    return [
        row[0]
        for row in db.rows(
            "SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef "
            "WHERE adrelid = 't'::regclass ORDER BY adnum"
        )
    ]


@pytest.mark.parametrize(("type_", "defaults"), SAME)
def test_the_same_value(
    database: Callable[[str], sa.URL], type_: str, defaults: Sequence[str]
) -> None:
    """Casts that keep a value are no difference."""
    with opened(database("postgresql")) as db:
        assert len(set(stored_values(db, type_, defaults))) == 1
        texts = catalog_texts(db)
    assert len({normal_default(text, canonical_type(type_)) for text in texts}) == 1


@pytest.mark.parametrize(("type_", "defaults"), [*OTHER, *SAME])
def test_equal_defaults_have_the_same_value(
    database: Callable[[str], sa.URL], type_: str, defaults: Sequence[str]
) -> None:
    """A cast that changes the value is a difference."""
    with opened(database("postgresql")) as db:
        values = stored_values(db, type_, defaults)
        texts = catalog_texts(db)
    by_default: dict[str, set[str]] = {}
    for text, value in zip(texts, values, strict=True):
        by_default.setdefault(normal_default(text, canonical_type(type_)), set()).add(value)
    assert all(len(found) == 1 for found in by_default.values()), by_default


@pytest.mark.parametrize("text", ["(" * 5000 + "0" + ")" * 5000 + "::int", "- " * 5000 + "0::int"])
def test_a_default_with_many_brackets(text: str) -> None:
    """It is compared as text."""
    assert "0" in normal_default(text, "numeric")


@pytest.mark.parametrize(
    "text",
    ["0::", "::int", "(0", "array[", "array[1,]::int[]", "0::numeric(", "-'a'::text", "0 0::int"],
)
def test_a_text_that_is_no_expression(text: str) -> None:
    """It stays as it is."""
    assert constant_value(text, "integer") is None
