"""Tests for the spelling of types: a migration recreates the same column."""

from __future__ import annotations

import decimal
import enum
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from sqlalchemy import types
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.ext.compiler import compiles, deregister

from autodiff import op
from autodiff.dialects import Dialect, dialect_for
from autodiff.models import declare
from autodiff.schema.objects import Name

DIALECTS = ("sqlite", "postgresql", "mysql", "mariadb")


class Mood(enum.Enum):
    happy = "h"
    sad = "s"


class Money(types.TypeDecorator[decimal.Decimal]):
    """A custom type stored as a number, or as text on SQLite."""

    impl = sa.Numeric(12, 2)
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> Any:
        stored_type = sa.String(20) if dialect.name == "sqlite" else sa.Numeric(12, 2)
        return dialect.type_descriptor(stored_type)


class Wrapped(types.TypeDecorator[Any]):
    """A TypeDecorator whose implementation is a TypeDecorator."""

    impl = Money
    cache_ok = True


class Kept(types.TypeDecorator[Any]):
    """A TypeDecorator whose implementation takes arguments."""

    impl = sa.String
    cache_ok = True


class Tags(postgresql.ARRAY[Any]):
    """A subclass of ARRAY."""


class Point(types.UserDefinedType[Any]):
    """A custom type that only defines its SQL."""

    cache_ok = True

    def __init__(self, size: int = 2) -> None:
        self.size = size

    def get_col_spec(self, **kw: Any) -> str:
        return f"POINT({self.size})" if self.size > 2 else "POINT"


GENERIC = [
    sa.Integer(),
    sa.BigInteger(),
    sa.SmallInteger(),
    sa.String(50),
    sa.String(50, collation="NOCASE"),
    sa.Unicode(50),
    sa.Text(),
    sa.UnicodeText(),
    sa.Numeric(),
    sa.Numeric(10, 2),
    sa.Numeric(10),
    sa.Numeric(10, 2, asdecimal=False),
    sa.DECIMAL(8, 3),
    sa.Float(),
    sa.Float(53),
    sa.Double(),
    sa.REAL(),
    sa.Boolean(),
    sa.Date(),
    sa.Time(),
    sa.Time(timezone=True),
    sa.DateTime(),
    sa.DateTime(timezone=True),
    sa.TIMESTAMP(timezone=True),
    sa.Interval(),
    sa.LargeBinary(),
    sa.LargeBinary(100),
    sa.Uuid(),
    sa.Uuid(native_uuid=False),
    sa.JSON(),
    sa.Enum("a", "it's", name="kind"),
    sa.Enum(Mood, name="mood"),
    sa.Enum("a", "bb", native_enum=False),
    sa.Enum("a", native_enum=False, length=30),
    sa.PickleType(),
    sa.CHAR(3),
    sa.VARCHAR(7),
    sa.NCHAR(3),
    sa.BIGINT(),
    Money(),
    Wrapped(),
    Kept(33),
    sqlmodel.sql.sqltypes.AutoString(length=12),
    sa.String(9).with_variant(sa.String(5), "mysql", "mariadb"),
    sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
    sa.Integer()
    .with_variant(sa.BigInteger(), "postgresql")
    .with_variant(sa.SmallInteger(), "sqlite"),
    Money().with_variant(sa.Float(), "mysql"),
]
DIALECT_TYPES: dict[str, list[Any]] = {
    "postgresql": [
        postgresql.ARRAY(sa.Integer()),
        postgresql.ARRAY(sa.String(20), dimensions=2),
        sa.ARRAY(sa.Numeric(5, 1)),
        postgresql.ARRAY(sa.Enum("a", "b", name="ab")),
        postgresql.ARRAY(Money()),
        Tags(sa.Text()),
        postgresql.BIT(4),
        postgresql.BIT(4, varying=True),
        postgresql.BYTEA(),
        postgresql.CIDR(),
        postgresql.CITEXT(),
        postgresql.DATERANGE(),
        postgresql.DOMAIN("dom", sa.Integer()),
        postgresql.ENUM("a", "b", name="pg_enum"),
        postgresql.HSTORE(),
        postgresql.INET(),
        postgresql.INT4MULTIRANGE(),
        postgresql.INTERVAL(),
        postgresql.INTERVAL(fields="DAY TO SECOND", precision=3),
        postgresql.JSONB(),
        postgresql.MACADDR(),
        postgresql.MONEY(),
        postgresql.NUMRANGE(),
        postgresql.OID(),
        postgresql.REGCLASS(),
        postgresql.TIME(precision=2),
        postgresql.TIMESTAMP(timezone=True, precision=3),
        postgresql.TSQUERY(),
        postgresql.TSTZRANGE(),
        postgresql.TSVECTOR(),
        postgresql.UUID(as_uuid=False),
        sa.String(5, collation="C"),
        Point(3),
    ],
    "mysql": [
        mysql.BIGINT(unsigned=True),
        mysql.BIT(5),
        mysql.CHAR(5, charset="ascii"),
        mysql.DATETIME(fsp=6),
        mysql.DECIMAL(8, 2, unsigned=True, zerofill=True),
        mysql.DOUBLE(53, 4),
        mysql.DOUBLE(53, 4, asdecimal=False),
        mysql.ENUM("a", "it's"),
        mysql.ENUM("a", charset="ascii", collation="ascii_bin"),
        mysql.FLOAT(7, 3),
        mysql.INTEGER(11, unsigned=True),
        mysql.INTEGER(display_width=5, zerofill=True),
        mysql.JSON(),
        mysql.LONGBLOB(),
        mysql.LONGTEXT(charset="utf8mb4", collation="utf8mb4_bin"),
        mysql.MEDIUMINT(),
        mysql.MEDIUMTEXT(),
        mysql.NVARCHAR(10),
        mysql.SET("a", "b"),
        mysql.TIME(fsp=3),
        mysql.TIMESTAMP(fsp=2),
        mysql.TINYINT(1),
        mysql.TINYTEXT(),
        mysql.VARCHAR(20, collation="utf8mb4_bin"),
        mysql.YEAR(),
        mysql.YEAR(4),
        Point(3),
    ],
    "sqlite": [
        sqlite.DATE,
        sqlite.DATETIME,
        sqlite.JSON(),
        sqlite.TIME,
        sa.String(5, collation="NOCASE"),
        Point(3),
    ],
}
CASES = [(name, type_) for name in DIALECTS for type_ in GENERIC] + [
    (name, type_) for name, types in DIALECT_TYPES.items() for type_ in types
]
NAMES = {
    "sa": sa,
    "op": op,
    "postgresql": postgresql,
    "mysql": mysql,
    "sqlite": sqlite,
    "sqlmodel": sqlmodel,
}


def sql_and_python(type_: Any, dialect: Dialect) -> tuple[str, str]:
    metadata = sa.MetaData()
    sa.Table("t", metadata, sa.Column("c", type_))
    column = declare(metadata, dialect).tables[Name("t")].columns[0]
    return column.type.sql, column.type.python


def case_name(case: object) -> str:
    return case if isinstance(case, str) else repr(case)[:60]


@pytest.mark.parametrize(("name", "type_"), CASES, ids=case_name)
def test_spelled_type_creates_the_same_column(name: str, type_: Any) -> None:
    """Evaluating the spelling gives a type with the same SQL and the same spelling."""
    dialect = dialect_for(name)
    sql, python = sql_and_python(type_, dialect)
    evaluated = eval(python, dict(NAMES))
    assert sql_and_python(evaluated, dialect) == (sql, python)


@pytest.mark.parametrize(("name", "type_"), CASES, ids=case_name)
def test_spelled_type_does_not_refer_to_the_application(name: str, type_: Any) -> None:
    _, python = sql_and_python(type_, dialect_for(name))
    assert python.split(".")[0].split("(")[0] in NAMES
    assert not any(
        word in python for word in ("Money", "Wrapped", "Kept", "Point(", "Mood", "Tags", "test")
    )


@pytest.mark.parametrize(
    ("type_", "name", "python"),
    [
        (sa.String(50), "sqlite", "sa.String(50)"),
        (sa.String(length=50), "postgresql", "sa.String(50)"),
        (sa.Numeric(10, 2), "sqlite", "sa.Numeric(10, 2)"),
        (sa.Numeric(precision=10, scale=2, asdecimal=False), "sqlite", "sa.Numeric(10, 2)"),
        (sa.DateTime(timezone=True), "postgresql", "sa.DateTime(timezone=True)"),
        (sa.Uuid(), "postgresql", "sa.Uuid()"),
        (sa.Enum(Mood, name="mood"), "postgresql", 'sa.Enum("happy", "sad", name="mood")'),
        (sa.Enum("a", name="m", length=9), "sqlite", 'sa.Enum("a", name="m", length=9)'),
        (sa.Enum("a", "bb", native_enum=False), "postgresql", "sa.String(2)"),
        (Money(), "postgresql", "sa.Numeric(12, 2)"),
        (Money(), "sqlite", "sa.String(20)"),
        (Wrapped(), "mysql", "mysql.NUMERIC(12, 2)"),
        (Kept(33), "mysql", "sa.String(33)"),
        (Point(), "postgresql", 'op.sql_type("point")'),
        (Point(3), "sqlite", 'op.sql_type("POINT(3)")'),
        (postgresql.JSONB(), "postgresql", "postgresql.JSONB()"),
        (mysql.BIGINT(unsigned=True), "mysql", "mysql.BIGINT(unsigned=True)"),
        (mysql.ENUM("a"), "mysql", 'mysql.ENUM("a")'),
        (Tags(sa.Text()), "postgresql", "sa.ARRAY(sa.Text())"),
        (Money().with_variant(sa.Float(), "mysql"), "mysql", "sa.Float()"),
        (postgresql.ARRAY(Money()), "postgresql", "postgresql.ARRAY(sa.Numeric(12, 2))"),
    ],
    ids=case_name,
)
def test_types_are_spelled_idiomatically(type_: Any, name: str, python: str) -> None:
    """Defaults and unnecessary keywords are omitted; a decorator becomes its implementation."""
    assert sql_and_python(type_, dialect_for(name))[1] == python


@pytest.fixture
def overrides() -> Iterator[None]:
    """Let the application write other SQL for types of SQLAlchemy, and take it back."""

    @compiles(sa.BigInteger, "sqlite")
    def integer(element: Any, compiler: Any, **kw: Any) -> str:
        return "INTEGER"

    @compiles(postgresql.JSONB, "sqlite")
    def json(element: Any, compiler: Any, **kw: Any) -> str:
        return "JSON"

    @compiles(sa.String, "mysql", "mariadb")
    def string(element: Any, compiler: Any, **kw: Any) -> str:
        if element.length is None:
            return "VARCHAR(255)"
        return str(compiler.visit_string(element, **kw))

    @compiles(sa.DateTime)
    def precise(element: Any, compiler: Any, **kw: Any) -> str:
        return "DATETIME(6)" if compiler.dialect.name in ("mysql", "mariadb") else "TIMESTAMP(3)"

    @compiles(sa.Enum, "postgresql")
    def enum_name(element: Any, compiler: Any, **kw: Any) -> str:
        return str(compiler.visit_enum(element, **kw))

    yield
    for cls in (sa.BigInteger, postgresql.JSONB, sa.String, sa.DateTime, sa.Enum):
        deregister(cls)


@pytest.mark.usefixtures("overrides")
@pytest.mark.parametrize(
    ("type_", "name", "python"),
    [
        (sa.BigInteger(), "sqlite", "sa.Integer()"),
        (sa.BigInteger(), "postgresql", "sa.BigInteger()"),
        (sa.BigInteger().with_variant(sa.Text(), "mysql"), "sqlite", "sa.Integer()"),
        (sa.Text().with_variant(sa.BigInteger(), "sqlite"), "sqlite", "sa.Integer()"),
        (
            sa.Text().with_variant(sa.BigInteger(), "sqlite"),
            "postgresql",
            'sa.Text().with_variant(op.sql_type("INTEGER"), "sqlite")',
        ),
        (postgresql.JSONB(), "sqlite", "sa.JSON()"),
        (postgresql.JSONB(), "postgresql", "postgresql.JSONB()"),
        (sa.String(), "mysql", "sa.String(255)"),
        (sa.String(), "mariadb", "sa.String(255)"),
        (sa.String(30), "mariadb", "sa.String(30)"),
        (sa.String(), "postgresql", "sa.String()"),
        (sa.DateTime(), "mariadb", "mysql.DATETIME(fsp=6)"),
        (sa.DateTime(), "postgresql", "postgresql.TIMESTAMP(precision=3)"),
        (
            sa.ARRAY(sa.DateTime()),
            "postgresql",
            "postgresql.ARRAY(postgresql.TIMESTAMP(precision=3))",
        ),
        (sa.Enum("a", name="m"), "postgresql", 'sa.Enum("a", name="m")'),
    ],
    ids=case_name,
)
def test_a_type_with_sql_of_the_application(type_: Any, name: str, python: str) -> None:
    """A migration does not import the function with @compiles, so another class has its SQL."""
    assert sql_and_python(type_, dialect_for(name))[1] == python


def test_library_decorator_is_replaced_by_its_implementation() -> None:
    """A migration does not need SQLModel."""
    python = sql_and_python(sqlmodel.sql.sqltypes.AutoString(), dialect_for("sqlite"))[1]
    assert python == "sa.String()"


@pytest.mark.parametrize(
    "base", ["INTEGER", "DATE", "DATETIME", "FLOAT", "BLOB", "VARCHAR", "JSON"]
)
@pytest.mark.parametrize("rest", ["", "(6)", "(10, 2)", " COLLATE NOCASE"])
def test_sqlite_type_keeps_arguments_that_its_class_does_not_take(base: str, rest: str) -> None:
    """A column can have any arguments, and the Python of its type creates the same type."""
    dialect = dialect_for("sqlite")
    python = dialect.type_python(base + rest)
    type_ = eval(python, {"sa": sa, "op": op})
    created = type_.compile(dialect=dialect.sqlalchemy)
    assert dialect.canonical_type(created) == base + rest


def test_python_default_is_ignored() -> None:
    """The database does not know defaults of the application."""
    metadata = sa.MetaData()
    sa.Table("t", metadata, sa.Column("c", sa.Uuid(), default=uuid.uuid4))
    column = declare(metadata, dialect_for("postgresql")).tables[Name("t")].columns[0]
    assert (column.default, column.type.python) == (None, "sa.Uuid()")
