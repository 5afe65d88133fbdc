"""Tests for converting values to another type, including pairs without a cast in PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from autodiff.dialects import dialect_of
from autodiff.dialects.postgresql.ddl.casts import cast
from autodiff.schema.objects import ColumnType, Name
from autodiff.schema.operations import AlterColumn, ColumnPatch

UUID = "00000000-0000-4000-8000-000000000001"
TYPES = (
    "smallint",
    "integer",
    "bigint",
    "numeric",
    "real",
    "double precision",
    "boolean",
    "money",
    "date",
    "time without time zone",
    "time with time zone",
    "timestamp without time zone",
    "timestamp with time zone",
    "interval",
    "uuid",
    "bytea",
    "inet",
    "cidr",
    "macaddr",
    "macaddr8",
    "json",
    "jsonb",
    "int4range",
    "int8range",
    "numrange",
    "daterange",
    "tsrange",
    "tstzrange",
    "integer[]",
    "text[]",
    "text",
    "character varying(40)",
)


@contextmanager
def _connected(database: Callable[[str], sa.URL]) -> Iterator[sa.Connection]:
    engine = sa.create_engine(database("postgresql"), poolclass=sa.NullPool)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


@pytest.mark.parametrize(
    ("before", "after", "value", "expected"),
    [
        ("smallint", "boolean", "2", "true"),
        ("numeric(4,1)", "boolean", "0", "false"),
        ("boolean", "bigint", "true", "1"),
        ("money", "double precision", "'12.5'", "12.5"),
        ("real", "money", "12.5", "$12.50"),
        ("integer", "jsonb", "5", "5"),
        ("text[]", "jsonb", "'{a,b}'", '["a", "b"]'),
        ("uuid", "jsonb", f"'{UUID}'", f'"{UUID}"'),
        ("jsonb", "uuid", f"'\"{UUID}\"'", UUID),
        ("jsonb", "integer", "'7'", "7"),
        ("json", "date", "'\"2024-01-02\"'", "2024-01-02"),
        ("int4range", "int8range", "'[1,5)'", "[1,5)"),
        ("integer", "integer[]", "3", "{3}"),
        ("integer[]", "integer", "'{3}'", "3"),
        ("integer[]", "integer", "'{}'", None),
        ("integer[]", "text[]", "'{1,2}'", "{1,2}"),
        ("integer", "integer[]", "NULL", None),
        ("timestamp without time zone", "date", "'2024-01-02 03:04:05'", "2024-01-02"),
    ],
)
def test_values_are_converted(
    database: Callable[[str], sa.URL], before: str, after: str, value: str, expected: str | None
) -> None:
    with _connected(database) as connection:
        row = f"(SELECT {value}::{before} AS v) AS row"
        converted = connection.exec_driver_sql(
            f"SELECT ({cast('v', before, after)})::{after}::text FROM {row}"
        )
        assert converted.scalar_one() == expected


def test_empty_table_accepts_each_pair_of_types(database: Callable[[str], sa.URL]) -> None:
    """Only values may prevent a conversion, never a missing cast."""
    with _connected(database) as connection:
        ddl = dialect_of(connection).ddl
        for before in TYPES:
            for after in TYPES:
                connection.exec_driver_sql(f"CREATE TABLE t (v {before})")
                operation = AlterColumn(
                    table=Name("t"),
                    name="v",
                    before=ColumnPatch(type=ColumnType(sql=before, python="")),
                    after=ColumnPatch(type=ColumnType(sql=after, python="")),
                )
                for sql in ddl.statements(operation):
                    connection.exec_driver_sql(sql)
                connection.rollback()


def test_array_with_several_items_is_not_truncated(database: Callable[[str], sa.URL]) -> None:
    """PostgreSQL raises an error when several items are converted to a single value."""
    with _connected(database) as connection:
        converted = cast("'{1,2}'::integer[]", "integer[]", "integer")
        with pytest.raises(sa.exc.DataError):
            connection.exec_driver_sql(f"SELECT {converted}")
