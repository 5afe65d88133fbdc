"""Tests that another spelling of the same default or check is no difference."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from autodiff import diff
from autodiff.schema.sqltype import SQLType

FALSE = ("0", sa.text("0"), sa.false(), sa.text("false"), sa.text("(0)"))
FIVE = (sa.text("5"), sa.text("5.0"), "5", "5.00", sa.text("+5"))
NOW = (sa.func.now(), sa.text("CURRENT_TIMESTAMP"), sa.text("(CURRENT_TIMESTAMP)"))
IN_UTC = (sa.func.timezone("utc", sa.func.now()), sa.text("(now() AT TIME ZONE 'UTC')"))
DEFAULTS = [
    ("sqlite", sa.Boolean, FALSE),
    ("sqlite", sa.Boolean, ("1", sa.true(), sa.text("TRUE"))),
    ("mariadb", sa.Boolean, ("0", sa.text("0"), sa.false(), sa.text("false"))),
    ("postgresql", sa.Boolean, (sa.false(), sa.text("false"), "false", "f", sa.text("FALSE"))),
    *((kind, sa.Float, FIVE) for kind in ("sqlite", "postgresql", "mariadb")),
    *((kind, sa.Numeric(10, 2), FIVE) for kind in ("sqlite", "postgresql", "mariadb")),
    *((kind, sa.DateTime, NOW) for kind in ("sqlite", "postgresql", "mariadb")),
    (
        "postgresql",
        sa.Numeric(10, 2),
        ("0", sa.text("0\\:\\:numeric"), sa.text("CAST(0 AS numeric)")),
    ),
    ("postgresql", sa.Date, (sa.func.current_date(), sa.func.now(), sa.text("now()\\:\\:date"))),
    ("postgresql", sa.DateTime, IN_UTC),
    ("postgresql", sa.ARRAY(sa.Text), ("{}", sa.text("ARRAY[]\\:\\:text[]"))),
    ("sqlite", sa.LargeBinary, (sa.text("x'0a'"), sa.text("X'0A'"))),
    ("sqlite", sa.Integer, (None, sa.text("NULL"), sa.text("(NULL)"))),
]


@pytest.mark.parametrize(("kind", "type_", "spellings"), DEFAULTS)
def test_spellings_of_a_default(
    kind: str,
    type_: sa.types.TypeEngine[object],
    spellings: tuple[object, ...],
    database: Callable[[str], sa.URL],
) -> None:
    engine = sa.create_engine(database(kind), poolclass=sa.NullPool)
    for first in spellings:
        models(sa.Column("v", type_, server_default=first)).create_all(engine)
        for second in spellings:
            found = changes(engine, models(sa.Column("v", type_, server_default=second)))
            assert found == [], f"{first!r} and {second!r}"
        models().drop_all(engine)


CHECKS = [
    ("v > 0 AND w > 0", "(v > 0) AND (w > 0)", "((v>0) and (w>0))"),
    ("v = 0 OR (w > 0 AND v > 1)", "(v = 0) OR w > 0 AND v > 1"),
    ("(v > 0 OR w > 0) AND v < 9", "((v > 0) OR (w > 0)) AND (v < 9)"),
    ("v IN (1, 2)", "v in (1,2)", "(v IN (1, 2))"),
    ("v BETWEEN 1 AND 2", "(v between 1 and 2)"),
    ("v <> 0", "v != 0"),
]


@pytest.mark.parametrize("spellings", CHECKS)
@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "mariadb"])
def test_spellings_of_a_check(
    kind: str, spellings: tuple[str, ...], database: Callable[[str], sa.URL]
) -> None:
    engine = sa.create_engine(database(kind), poolclass=sa.NullPool)
    checked(spellings[0]).create_all(engine)
    for spelling in spellings:
        assert changes(engine, checked(spelling)) == [], spelling


def test_spellings_of_equality_on_sqlite(database: Callable[[str], sa.URL]) -> None:
    engine = sa.create_engine(database("sqlite"), poolclass=sa.NullPool)
    checked("v == 0").create_all(engine)
    assert changes(engine, checked("v = 0")) == []
    assert changes(engine, checked("v = '=='")) != []


def test_another_check_is_a_difference(any_database: sa.URL) -> None:
    """Parentheses that change the meaning are kept."""
    engine = sa.create_engine(any_database, poolclass=sa.NullPool)
    checked("(v > 0 OR w > 0) AND v < 9").create_all(engine)
    assert changes(engine, checked("v > 0 OR w > 0 AND v < 9")) != []


def test_autoincrement_that_sqlalchemy_ignores(database: Callable[[str], sa.URL]) -> None:
    """It does so for a primary key of several columns; the name of the key is no difference."""
    engine = sa.create_engine(database("sqlite"), poolclass=sa.NullPool)
    key = sa.Column("v", sa.Integer, primary_key=True)
    metadata = models(key, sqlite_autoincrement=True)
    metadata.create_all(engine)
    assert changes(engine, metadata) == []


def test_autoincrement_is_added_without_a_rename(database: Callable[[str], sa.URL]) -> None:
    engine = sa.create_engine(database("sqlite"), poolclass=sa.NullPool)
    models().create_all(engine)
    found = changes(engine, models(sqlite_autoincrement=True))
    assert found == ["~ table t: sqlite_autoincrement None -> True"]


IGNORED_ARGUMENTS = [
    ("INTEGER(11)", sa.Integer),
    ("BIGINT(20)", sa.BigInteger),
    ("BOOL", sa.Boolean),
    ("BOOLEAN(1)", sa.Boolean),
    ("DATE(3)", sa.Date),
    ("DATETIME(6)", sa.DateTime),
    ("TIMESTAMP(6)", sa.TIMESTAMP),
    ("FLOAT(10, 2)", sa.Float),
    ("BLOB(100)", sa.LargeBinary),
    ("JSON(1)", sa.JSON),
    ("DOUBLE PRECISION", sa.REAL),
    ("CLOB(9)", sa.TEXT),
]


@pytest.mark.parametrize(("sql", "type_"), IGNORED_ARGUMENTS)
def test_arguments_that_sqlite_and_sqlalchemy_ignore(
    sql: str, type_: sa.types.TypeEngine[object], database: Callable[[str], sa.URL]
) -> None:
    engine = sa.create_engine(database("sqlite"), poolclass=sa.NullPool)
    models(sa.Column("v", SQLType(sql))).create_all(engine)
    assert changes(engine, models(sa.Column("v", type_))) == []


@pytest.mark.parametrize(
    ("sql", "type_"),
    [
        ("VARCHAR(20)", sa.String(30)),
        ("VARCHAR(20)", sa.String()),
        ("NUMERIC(10, 2)", sa.Numeric(10, 3)),
        ("INTEGER(11)", sa.BigInteger()),
        ("DATETIME(6)", sa.TIMESTAMP()),
        ("DATE_CHAR", sa.Date()),
    ],
)
def test_types_that_are_a_difference_on_sqlite(
    sql: str, type_: sa.types.TypeEngine[object], database: Callable[[str], sa.URL]
) -> None:
    engine = sa.create_engine(database("sqlite"), poolclass=sa.NullPool)
    models(sa.Column("v", SQLType(sql))).create_all(engine)
    assert changes(engine, models(sa.Column("v", type_))) != []


def test_integer_with_a_width_is_no_rowid(database: Callable[[str], sa.URL]) -> None:
    engine = sa.create_engine(database("sqlite"), poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE t (id INTEGER(11) NOT NULL PRIMARY KEY)")
    assert changes(engine, models()) == ["~ column t.id: INTEGER(11) -> INTEGER"]


TIMES = [
    ("timestamp(6)", sa.DateTime()),
    ("timestamptz(6)", sa.DateTime(timezone=True)),
    ("time(6)", sa.Time()),
    ("timetz(6)", sa.Time(timezone=True)),
    ("interval(6)", sa.Interval()),
    ("interval day to second(6)", postgresql.INTERVAL(fields="DAY TO SECOND")),
    ("timestamp(6)[]", postgresql.ARRAY(sa.DateTime())),
    ("timestamp", postgresql.TIMESTAMP(precision=6)),
    ("interval", postgresql.INTERVAL(precision=6)),
]


@pytest.mark.parametrize(("sql", "type_"), TIMES)
def test_the_greatest_precision_of_a_time_is_the_default(
    sql: str, type_: sa.types.TypeEngine[object], database: Callable[[str], sa.URL]
) -> None:
    engine = sa.create_engine(database("postgresql"), poolclass=sa.NullPool)
    models(sa.Column("v", SQLType(sql))).create_all(engine)
    assert changes(engine, models(sa.Column("v", type_))) == []


def test_a_default_of_a_time_with_the_greatest_precision(
    database: Callable[[str], sa.URL],
) -> None:
    engine = sa.create_engine(database("postgresql"), poolclass=sa.NullPool)
    for default in (sa.text("CURRENT_TIMESTAMP"), "2024-01-02 03:04:05"):
        models(sa.Column("v", SQLType("timestamp(6)"), server_default=default)).create_all(engine)
        found = changes(engine, models(sa.Column("v", sa.DateTime, server_default=default)))
        assert found == []
        models().drop_all(engine)


def models(*parts: sa.schema.SchemaItem, **options: object) -> sa.MetaData:
    metadata = sa.MetaData()
    sa.Table("t", metadata, sa.Column("id", sa.Integer, primary_key=True), *parts, **options)
    return metadata


def checked(sql: str) -> sa.MetaData:
    columns = (sa.Column("v", sa.Integer), sa.Column("w", sa.Integer))
    return models(*columns, sa.CheckConstraint(sql, name="ck"))


def changes(engine: sa.Engine, metadata: sa.MetaData) -> list[str]:
    with engine.connect() as connection:
        return diff(connection, metadata).summary()
