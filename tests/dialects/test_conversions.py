"""Tests for conditions that find values which cannot be converted, compared with ALTER TABLE."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from autodiff.dialects import dialect_of
from autodiff.dialects.narrowing import misfit, shape
from autodiff.schema.objects import ColumnType, Name
from autodiff.schema.operations import AlterColumn, ColumnPatch

TEXTS = (
    *("x9", "", " 7", "7 ", "1.5", "1e3", "+5", "007", "-0", ".5", "5.", "99999999999"),
    *("2001-02-03", "2001-02-30", "20010203", "2001-02-03 10:11:12", "2001-02-03 25:00:00"),
    *("10:11:12", "25:61:00", "101112", "true", "{}", "[1]", "99999.94", "99999.96", "300"),
    "00000000-0000-4000-8000-000000000001",
)
NUMBERS = (0, 5, -1, 256, 101112, 20010203, 99999999)
OTHERS = {
    "mariadb": {
        "enum('a','1')": ("a", "1"),
        "datetime": ("2001-02-03 10:11:12",),
        "date": ("2001-02-03",),
        "time": ("10:11:12", "100:00:00"),
        "decimal(10,2)": (5, 20010203),
        "double": (0.5, 1, 20010203),
        "year": (2001,),
        "bit(8)": (1, 255),
        "set('a','1')": ("a", "a,1"),
        "varbinary(20)": ("12", "a", "2001-02-03", "\x00", "{}", "1234567890123456", "1234"),
        "uuid": ("00000000-0000-4000-8000-000000000001",),
        "inet6": ("::1",),
    },
    "postgresql": {
        "date": ("2001-02-03",),
        "jsonb": ("5", '"x"', '"7"', "{}"),
        "json": ("5", '"x"', '"7"', "{}"),
        "boolean": ("true",),
        "uuid": ("00000000-0000-4000-8000-000000000001",),
        "character(3)": ("7",),
        "numeric": (5, 10**20),
        "double precision": (5, "NaN", "1e200"),
        "oid": (5,),
        "int4range": ("[1,5)", "empty"),
        "integer[]": ("{1}", "{1,2}"),
    },
}
TARGETS = {
    "mariadb": (
        *("int", "bigint unsigned", "tinyint(1)", "decimal(6,1)", "double", "year", "bit(8)"),
        *("date", "datetime", "timestamp", "time", "json", "uuid", "inet6", "inet4"),
        *("varchar(4)", "tinytext", "binary(4)"),
    ),
    "postgresql": (
        *("integer", "bigint", "smallint", "numeric(6,1)", "numeric", "double precision"),
        *("date", "timestamp without time zone", "time without time zone", "interval"),
        *("boolean", "json", "jsonb", "uuid", "inet", "bytea", "integer[]", "real", "money"),
        *("int4multirange", "tsvector", "character varying(4)"),
    ),
}
LISTS = {"mariadb": ("enum('a','1')", "set('a','1')")}
"""Types that texts convert to by their value, or by its position, which the condition refuses."""
TEXT_TYPES = {"mariadb": "varchar(40)", "postgresql": "character varying(40)"}


@pytest.mark.parametrize("kind", ["mariadb", "postgresql"])
def test_a_text_is_found_if_it_cannot_be_converted(
    kind: str, database: Callable[[str], sa.URL]
) -> None:
    assert _mistakes(database(kind), TEXT_TYPES[kind], TEXTS, TARGETS[kind]) == []


@pytest.mark.parametrize("kind", ["mariadb", "postgresql"])
def test_a_value_of_another_type_is_found_if_it_cannot_be_converted(
    kind: str, database: Callable[[str], sa.URL]
) -> None:
    url = database(kind)
    for source, values in OTHERS[kind].items():
        assert _mistakes(url, source, values, (*TARGETS[kind], *LISTS.get(kind, ()))) == []
    times = tuple(t for t in TARGETS[kind] if t in ("date", "datetime", "timestamp", "year"))
    assert _mistakes(url, "bigint", NUMBERS, times) == []


def _mistakes(
    url: sa.URL, source: str, values: tuple[object, ...], targets: tuple[str, ...]
) -> list[str]:
    """Return the conversions for which the condition and the database disagree.

    Pairs of types of one kind are left out: their ranges are compared elsewhere.
    """
    engine = sa.create_engine(url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
    mistakes = []
    with engine.connect() as connection:
        dialect = dialect_of(connection)
        sizes = dialect.features.text_sizes
        old = shape(source, sizes)
        others = [t for t in targets if not misfit("a", old, shape(t, sizes), t, dialect)]
        for target in others:
            for value in values:
                found, converted = _try(connection, source, value, target)
                if found is converted:
                    mistakes.append(f"{source} {value!r} to {target}: found is {found}")
    return mistakes


def _try(connection: sa.Connection, source: str, value: object, target: str) -> tuple[bool, bool]:
    """Return whether the condition finds the value, and whether ALTER TABLE converts it."""
    dialect = dialect_of(connection)
    _run(connection, "DROP TABLE IF EXISTS t")
    _run(connection, f"CREATE TABLE t (a {source})")
    literal = dialect.literal(value) if isinstance(value, str) else value
    _run(connection, f"INSERT INTO t VALUES ({literal}), (NULL)")
    condition = dialect.unconvertible("a", source, target)
    found = bool(condition and _run(connection, f"SELECT a FROM t WHERE {condition}").first())
    before = ColumnPatch(type=ColumnType(sql=source, python=""), nullable=True)
    after = ColumnPatch(type=ColumnType(sql=target, python=""))
    try:
        for sql in dialect.ddl.statements(
            AlterColumn(table=Name("t"), name="a", before=before, after=after)
        ):
            _run(connection, sql)
    except sa.exc.DBAPIError:
        return found, False
    return found, True


def _run(connection: sa.Connection, sql: str) -> sa.CursorResult[tuple[object, ...]]:
    return connection.exec_driver_sql(sql, execution_options={"no_parameters": True})
