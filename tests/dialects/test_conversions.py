"""Tests for conditions that find values which cannot be converted, compared with ALTER TABLE."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from autodiff.dialects import dialect_of

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
    },
    "postgresql": {
        "date": ("2001-02-03",),
        "jsonb": ("5", '"x"', '"7"', "{}"),
        "json": ("5", '"x"', '"7"', "{}"),
        "boolean": ("true",),
        "uuid": ("00000000-0000-4000-8000-000000000001",),
    },
}
TARGETS = {
    "mariadb": (
        *("int", "bigint unsigned", "tinyint(1)", "decimal(6,1)", "double", "year", "bit(8)"),
        *("date", "datetime", "timestamp", "time", "json", "uuid"),
    ),
    "postgresql": (
        *("integer", "bigint", "smallint", "numeric(6,1)", "numeric", "double precision"),
        *("date", "timestamp without time zone", "time without time zone", "interval"),
        *("boolean", "json", "jsonb", "uuid", "inet", "bytea", "integer[]"),
    ),
}
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
        assert _mistakes(url, source, values, TARGETS[kind]) == []
    times = tuple(t for t in TARGETS[kind] if t in ("date", "datetime", "timestamp", "year"))
    assert _mistakes(url, "bigint", NUMBERS, times) == []


def _mistakes(
    url: sa.URL, source: str, values: tuple[object, ...], targets: tuple[str, ...]
) -> list[str]:
    """Return the conversions for which the condition and the database disagree."""
    engine = sa.create_engine(url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
    mistakes = []
    with engine.connect() as connection:
        for target in targets:
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
    literal = value if isinstance(value, int) else dialect.literal(str(value))
    _run(connection, f"INSERT INTO t VALUES ({literal}), (NULL)")
    condition = dialect.unconvertible("a", source, target)
    found = bool(condition and _run(connection, f"SELECT a FROM t WHERE {condition}").first())
    using = ""
    if not dialect.features.alter_repeats_definition:
        from autodiff.dialects.postgresql.ddl.casts import cast

        using = f" USING {cast('a', source, target)}"
    verb = "MODIFY a" if dialect.features.alter_repeats_definition else "ALTER a TYPE"
    nullable = " NULL" if target == "timestamp" else ""
    try:
        _run(connection, f"ALTER TABLE t {verb} {target}{nullable}{using}")
    except sa.exc.DBAPIError:
        return found, False
    return found, True


def _run(connection: sa.Connection, sql: str) -> sa.CursorResult[tuple[object, ...]]:
    return connection.exec_driver_sql(sql, execution_options={"no_parameters": True})
