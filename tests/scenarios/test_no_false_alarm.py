"""Test that models do not differ from a database that was created from them.

Each case is created twice: by create_all of SQLAlchemy and by a migration that autodiff generates
from an empty database. In both cases, no differences may remain.
"""

from __future__ import annotations

import enum
import itertools
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.schema import CreateSequence

from autodiff import diff
from autodiff.errors import ModelsError
from autodiff.migrations import load_graph
from autodiff.runner.runner import Runner

SQLALCHEMY_2_1 = not sa.__version__.startswith("2.0.")
ALL = ("sqlite", "postgresql", "mariadb")
Case = Callable[[sa.MetaData], object]
CASES: dict[str, tuple[Case, tuple[str, ...]]] = {}


def case(*databases: str) -> Callable[[Case], Case]:
    """Register a function that adds tables to a MetaData, for databases that support them."""

    def register(build: Case) -> Case:
        CASES[build.__name__] = (build, databases or ALL)
        return build

    return register


def columns(metadata: sa.MetaData, items: Iterable[Any], name: str = "things") -> sa.Table:
    """Return a table with a column for each type or tuple of column arguments."""
    table = sa.Table(name, metadata, sa.Column("id", sa.Integer, primary_key=True))
    for number, item in enumerate(items):
        parts = item if isinstance(item, tuple) else (item,)
        kind = sa.types.to_instance(parts[0])
        table.append_column(sa.Column(f"c{number}_{type(kind).__name__.lower()}", *parts))
    return table


def defaults(metadata: sa.MetaData, items: Iterable[tuple[Any, Any]]) -> sa.Table:
    """Return a table with a column for each pair of a type and a server default."""
    table = sa.Table("things", metadata, sa.Column("id", sa.Integer, primary_key=True))
    for number, (kind, default) in enumerate(items):
        table.append_column(sa.Column(f"c{number}", kind, server_default=default))
    return table


# Types


class Color(enum.Enum):
    red = "r"
    green = "g"


class Money(sa.TypeDecorator[int]):
    impl = sa.Numeric(12, 2)
    cache_ok = True


class Point(sa.types.UserDefinedType[str]):
    cache_ok = True

    def get_col_spec(self, **kw: object) -> str:
        return "VARCHAR(40)"


@case()
def common_types(metadata: sa.MetaData) -> None:
    columns(
        metadata,
        [
            *(sa.Boolean, sa.Integer, sa.SmallInteger, sa.BigInteger, sa.Float, sa.Double),
            *(sa.Float(10), sa.Float(24), sa.Float(25), sa.Float(53), sa.Numeric, sa.Numeric(7)),
            *(sa.Numeric(10, 0), sa.Numeric(10, 2), sa.REAL, sa.DOUBLE_PRECISION),
            *(sa.DECIMAL(8, 3), sa.INT, sa.INTEGER, sa.BIGINT, sa.SMALLINT, sa.BOOLEAN, sa.FLOAT),
            *(sa.String(50), sa.Unicode(20), sa.Text, sa.UnicodeText, sa.CHAR, sa.CHAR(7)),
            *(sa.VARCHAR(9), sa.TEXT, sa.Date, sa.DateTime, sa.Time, sa.DATE, sa.TIMESTAMP),
            *(sa.DateTime(timezone=True), sa.Time(timezone=True), sa.TIMESTAMP(timezone=True)),
            *(sa.Interval, sa.LargeBinary, sa.LargeBinary(16), sa.PickleType, sa.JSON, sa.Uuid),
            *(sa.Uuid(native_uuid=False), sa.Uuid(as_uuid=False), Money, Point),
            *(sa.Enum("a", "b", native_enum=False), sa.Enum(Color, name="color"), sa.UUID),
            *(sa.Enum("x", "it's", name="odd"), sa.Enum("", "b", name="blank")),
            sa.Enum("a", "b", name="checked", native_enum=False, create_constraint=True),
            sa.Boolean(create_constraint=True, name="is_bool"),
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
        ],
    )


@case("sqlite", "postgresql")
def strings_without_length(metadata: sa.MetaData) -> None:
    columns(metadata, [sa.String, sa.Unicode, sa.VARCHAR])


@case("sqlite", "mariadb")
def types_not_in_postgresql(metadata: sa.MetaData) -> None:
    columns(
        metadata,
        [sa.BLOB, sa.BINARY(4), sa.VARBINARY(8), sa.NVARCHAR(5), sa.NCHAR(5), sa.DATETIME],
    )


@case("sqlite")
def sqlite_types(metadata: sa.MetaData) -> None:
    columns(
        metadata,
        [
            *(sqlite.DATE, sqlite.DATETIME, sqlite.TIME, sqlite.JSON, sa.CLOB, sqlite.NUMERIC),
            sa.String(20, collation="NOCASE"),
            sa.ARRAY(sa.Integer).with_variant(sa.Text(), "sqlite"),
        ],
    )


@case("postgresql")
def postgresql_types(metadata: sa.MetaData) -> None:
    ranges = "INT4RANGE INT8RANGE NUMRANGE DATERANGE TSRANGE TSTZRANGE".split()
    ranges += [f"{name.removesuffix('RANGE')}MULTIRANGE" for name in ranges]
    columns(
        metadata,
        [
            *(getattr(postgresql, name) for name in ranges),
            *(postgresql.JSONB, postgresql.JSON, postgresql.UUID, postgresql.BYTEA),
            *(postgresql.INET, postgresql.CIDR, postgresql.MACADDR, postgresql.MACADDR8),
            *(postgresql.MONEY, postgresql.OID, postgresql.REGCLASS, postgresql.REGCONFIG),
            *(postgresql.TSVECTOR, postgresql.TSQUERY, postgresql.BIT, postgresql.BIT(5)),
            *(postgresql.BIT(varying=True), postgresql.BIT(5, varying=True)),
            *(postgresql.INTERVAL, postgresql.INTERVAL(precision=3)),
            *(postgresql.INTERVAL(fields="YEAR TO MONTH"), postgresql.INTERVAL(fields="DAY")),
            postgresql.INTERVAL(fields="DAY TO SECOND", precision=2),
            *(postgresql.TIMESTAMP(precision=0), postgresql.TIMESTAMP(True, 3)),
            *(postgresql.TIME(precision=2), postgresql.TIME(True, 4)),
            *(postgresql.ARRAY(sa.Integer), postgresql.ARRAY(sa.String(9), dimensions=2)),
            *(sa.ARRAY(sa.Numeric(6, 2)), postgresql.ARRAY(postgresql.TIMESTAMP(True, 3))),
            *(postgresql.ENUM("a", "b", name="own"), sa.ARRAY(sa.Enum("a", "b", name="own"))),
            *(sa.String(9, collation="C"), sa.Text(collation="POSIX")),
        ],
    )


@case("postgresql")
def postgresql_domain(metadata: sa.MetaData) -> None:
    columns(metadata, [postgresql.DOMAIN("positive", sa.Integer, check="VALUE > 0")])


@case("mariadb")
def mysql_types(metadata: sa.MetaData) -> None:
    table = columns(
        metadata,
        [
            *(mysql.TINYINT, mysql.TINYINT(1), mysql.TINYINT(4), mysql.TINYINT(unsigned=True)),
            *(mysql.SMALLINT(unsigned=True), mysql.MEDIUMINT, mysql.MEDIUMINT(9, unsigned=True)),
            *(mysql.INTEGER(11), mysql.INTEGER(5, zerofill=True), mysql.BIGINT(unsigned=True)),
            *(mysql.FLOAT, mysql.FLOAT(7, 3), mysql.FLOAT(30), mysql.DOUBLE(10, 4)),
            *(mysql.DOUBLE(asdecimal=False), mysql.DECIMAL(9, 3, unsigned=True), mysql.NUMERIC),
            *(mysql.REAL, mysql.BIT, mysql.BIT(8), mysql.YEAR, mysql.DATETIME(fsp=6)),
            *(mysql.TIMESTAMP(fsp=3), mysql.TIME(fsp=2), mysql.TINYTEXT, mysql.MEDIUMTEXT),
            *(mysql.LONGTEXT, mysql.TEXT(100), mysql.TEXT(70000), mysql.TINYBLOB),
            *(mysql.MEDIUMBLOB, mysql.LONGBLOB, sa.LargeBinary(70000), sa.LargeBinary(255)),
            *(mysql.CHAR(5, charset="latin1"), mysql.VARCHAR(5, collation="utf8mb4_bin")),
            *(sa.String(9, collation="utf8mb4_unicode_ci"), sa.Text(collation="latin1_bin")),
            *(mysql.ENUM("a", "b"), mysql.ENUM("a", collation="utf8mb4_bin")),
            *(mysql.SET("x", "y"), mysql.JSON, mysql.NVARCHAR(9), mysql.NCHAR(9)),
            *(sa.Enum("a", "b"), mysql.VARCHAR(20, charset="ascii")),
        ],
    )
    table.dialect_options["mysql"]["row_format"] = "DYNAMIC"


# Defaults


@case()
def text_defaults(metadata: sa.MetaData) -> None:
    texts = ["", " ", "x", "it's", 'a "quote"', "100%", "a:b", "(x)", "NULL", "null", "now()"]
    texts += ["0", "1", "-1", "1.50", "true", "CURRENT_TIMESTAMP", "é ☃", "a\nb", "{}", "'"]
    texts += ["\\", "\\'", "--", "/* x */", "?", "%s", "::text", "$1"]
    defaults(metadata, [(sa.String(40), text) for text in texts])


@case()
def number_and_boolean_defaults(metadata: sa.MetaData) -> None:
    numbers = ["0", "1", "-1", "+5", "1000000"]
    defaults(
        metadata,
        [
            *((sa.Integer, text) for text in numbers),
            *((sa.Integer, sa.text(text)) for text in numbers),
            *((sa.BigInteger, sa.text(text)) for text in (*numbers, "9223372036854775807")),
            *((sa.SmallInteger, text) for text in numbers[:3]),
            *((sa.Numeric(10, 2), text) for text in ("0", "0.00", "1.5", "-1.50")),
            *((sa.Numeric(10, 2), sa.text(text)) for text in ("0", "0.00", "1.5", "-1.50")),
            *((sa.Float, sa.text(text)) for text in ("0", "0.5", "1e3", "-2.0")),
            *((sa.Double, text) for text in ("0", "0.1")),
            *((sa.Boolean, value) for value in (sa.true(), sa.false())),
            *((sa.Boolean, sa.text(text)) for text in ("true", "false", "TRUE")),
            *((sa.Integer, sa.text("1 + 1")), (sa.Integer, sa.text("(2 * 3)"))),
            *((sa.Integer, sa.text("NULL")), (sa.String(5), sa.text("null"))),
            (sa.Integer, sa.func.abs(-3)),
            (sa.String(5), sa.func.lower("ABC")),
        ],
    )


@case("sqlite", "postgresql", "mariadb")
def time_defaults(metadata: sa.MetaData) -> None:
    defaults(
        metadata,
        [
            *((sa.DateTime, value) for value in (sa.func.now(), sa.func.current_timestamp())),
            *((sa.DateTime, sa.text(text)) for text in ("CURRENT_TIMESTAMP", "current_timestamp")),
            (sa.DateTime, sa.text("(CURRENT_TIMESTAMP)")),
            *((sa.TIMESTAMP, sa.func.now()), (sa.DateTime(timezone=True), sa.func.now())),
            *((sa.DateTime, "2024-02-29 12:00:00"), (sa.Date, "2024-02-29")),
            *((sa.Time, "12:30:00"), (sa.Date, sa.func.current_date())),
            (sa.Date, sa.text("'2020-01-01'")),
        ],
    )


@case()
def json_defaults(metadata: sa.MetaData) -> None:
    texts = ["{}", "[]", '{"a": [1, 2], "b": "it\'s"}', "null", "0", '"x"']
    defaults(metadata, [(sa.JSON, text) for text in texts])


@case("postgresql")
def postgresql_defaults(metadata: sa.MetaData) -> None:
    mood = sa.Enum("sad", "ok", name="mood")
    defaults(
        metadata,
        [
            *((postgresql.JSONB, text) for text in ("{}", "[]", '{"a": 1}')),
            *((postgresql.JSONB, sa.text(text)) for text in ("'{}'::jsonb", "'[]'", "'{}'::json")),
            *((sa.JSON, sa.text("'{}'::json")), (sa.JSON, sa.text("json_build_object()"))),
            *((postgresql.ARRAY(sa.Integer), text) for text in ("{}", "{1,2}")),
            (postgresql.ARRAY(sa.Text), sa.text("ARRAY[]::text[]")),
            (postgresql.ARRAY(sa.String(5)), sa.text("ARRAY['a', 'b']::varchar(5)[]")),
            (postgresql.ARRAY(mood), "{ok}"),
            *((mood, "ok"), (mood, sa.text("'ok'::mood"))),
            *((sa.Uuid, sa.func.gen_random_uuid()), (sa.Uuid, sa.text("gen_random_uuid()"))),
            *((sa.Interval, "1 day"), (sa.Interval, sa.text("interval '1 hour'"))),
            *((sa.DateTime, sa.text("timezone('utc', now())")),),
            *((sa.DateTime(timezone=True), sa.text("now() + interval '1 day'")),),
            *((sa.DateTime, sa.func.localtimestamp()), (sa.Date, sa.text("CURRENT_DATE + 1"))),
            *((sa.String(20), sa.text("CURRENT_USER")), (sa.Text, sa.text("'a' || 'b'"))),
            *(
                (sa.LargeBinary, sa.text("'\\x00ff'::bytea")),
                (postgresql.BIT(3), sa.text("B'101'")),
            ),
            *((sa.Integer, sa.text("'5'::integer")), (sa.Numeric(5, 2), sa.text("1.5::numeric"))),
            *((postgresql.INET, "10.0.0.1"), (postgresql.INT4RANGE, "[1,5)")),
            (sa.Double, sa.text("random()")),
            (sa.Integer, sa.text("length('a''b' || E'\\n')")),
        ],
    )


@case("mariadb")
def mysql_defaults(metadata: sa.MetaData) -> None:
    defaults(
        metadata,
        [
            *((mysql.TIMESTAMP, sa.text("CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP")),),
            *((mysql.DATETIME(fsp=6), sa.text("CURRENT_TIMESTAMP(6)")),),
            (mysql.DATETIME(fsp=3), sa.text("NOW(3) ON UPDATE NOW(3)")),
            *((mysql.TIMESTAMP, None), (mysql.BIT(4), sa.text("b'101'"))),
            *((sa.Text, "x"), (sa.Text, ""), (sa.LargeBinary, "abc")),
            *((sa.String(36), sa.text("(uuid())")), (sa.Integer, sa.text("(1 + 2)"))),
            *((mysql.ENUM("a", "b"), "a"), (mysql.SET("x", "y"), "x,y")),
            *((sa.Boolean, sa.text("1")), (sa.Boolean, "0"), (mysql.YEAR, "2024")),
            *((mysql.DECIMAL(5, 2, unsigned=True), "0"), (mysql.FLOAT, "0.1")),
            (sa.BINARY(3), "abc"),
        ],
    )


@case("sqlite")
def sqlite_defaults(metadata: sa.MetaData) -> None:
    defaults(
        metadata,
        [
            *((sa.Text, sa.text("(datetime('now'))")), (sa.Integer, sa.text("(1+2)"))),
            *(
                (sa.LargeBinary, sa.text("x'00ff'")),
                (sa.Text, sa.text("(lower(hex(randomblob(4))))")),
            ),
            *((sa.Boolean, sa.text("1")), (sa.Boolean, "0"), (sa.JSON, sa.text("'{}'"))),
            *((sa.Text, sa.text("('')")), (sa.Text, sa.text("(  'a'  )"))),
            (sa.DateTime, sa.text("(strftime('%Y-%m-%d', 'now'))")),
        ],
    )


# Constraints and indexes


@case()
def checks(metadata: sa.MetaData) -> None:
    texts = [
        "n > 0",
        "(n > 0)",
        "n>=0 AND n<100",
        "n IN (1, 2, 3)",
        "n NOT IN (1, 2)",
        "n BETWEEN 1 AND 10",
        "s <> ''",
        "s != 'it''s'",
        "s IN ('a', 'b')",
        "s LIKE 'a%'",
        "length(s) > 2",
        "n IS NOT NULL OR s IS NULL",
        "NOT (n = 5)",
        "n + 1 > 2 * n",
        "CASE WHEN n > 0 THEN 1 ELSE 0 END = 1",
        "coalesce(n, 0) < 10",
        "(n > 0 OR s = 'x') AND n <> 7",
        "lower(s) = s",
    ]
    table = sa.Table(
        "things",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("n", sa.Integer),
        sa.Column("s", sa.String(20)),
        sa.Column("flag", sa.Boolean),
        *(sa.CheckConstraint(text, name=f"check_{number}") for number, text in enumerate(texts)),
        sa.CheckConstraint("n < 1000"),
        sa.CheckConstraint("s <> 'unnamed'"),
    )
    sa.CheckConstraint(table.c.n > 3, name="clause")
    table.append_constraint(sa.CheckConstraint(table.c.s.in_(["q", "r"]), name="in_clause"))
    table.append_constraint(sa.CheckConstraint(sa.or_(table.c.n < 9, table.c.flag), name="either"))


@case("postgresql")
def postgresql_checks(metadata: sa.MetaData) -> None:
    sa.Table(
        "things",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("s", sa.Text),
        sa.Column("data", postgresql.JSONB),
        sa.Column("tags", postgresql.ARRAY(sa.Text)),
        sa.Column("at", sa.DateTime(timezone=True)),
        sa.CheckConstraint("s ~ '^[a-z]+$'", name="c1"),
        sa.CheckConstraint("s ~* 'x' AND s !~ 'y'", name="c2"),
        sa.CheckConstraint("data ->> 'kind' = 'a'", name="c3"),
        sa.CheckConstraint("data @> '{\"a\": 1}'", name="c4"),
        sa.CheckConstraint("cardinality(tags) < 5", name="c5"),
        sa.CheckConstraint("'x' = ANY (tags)", name="c6"),
        sa.CheckConstraint("at > '2020-01-01'", name="c7"),
        sa.CheckConstraint("s ILIKE 'a%' OR s IS DISTINCT FROM 'b'", name="c8"),
        sa.CheckConstraint("char_length(s::text) <= 10", name="c9"),
        postgresql.ExcludeConstraint((sa.text("s"), "="), name="no_twins", using="btree"),
    )


@case()
def computed_columns(metadata: sa.MetaData) -> None:
    sa.Table(
        "things",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("a", sa.Integer, nullable=False),
        sa.Column("s", sa.String(20)),
        sa.Column("stored", sa.Integer, sa.Computed("a * 2", persisted=True)),
        sa.Column("plain", sa.Integer, sa.Computed("(a + 1) * 2", persisted=True)),
        sa.Column("text", sa.String(40), sa.Computed("lower(s)", persisted=True)),
        sa.Column("cased", sa.Integer, sa.Computed("CASE WHEN a > 0 THEN 1 ELSE 0 END", True)),
    )


@case("sqlite", *["postgresql"] * SQLALCHEMY_2_1, "mariadb")
def virtual_columns(metadata: sa.MetaData) -> None:
    """Virtual columns require PostgreSQL 18 and SQLAlchemy 2.1."""
    sa.Table(
        "things",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("a", sa.Integer, nullable=False),
        sa.Column("virtual", sa.Integer, sa.Computed("a - 1", persisted=False)),
    )


@case()
def indexes(metadata: sa.MetaData) -> None:
    table = sa.Table(
        "things",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("a", sa.Integer, index=True),
        sa.Column("b", sa.String(20), unique=True),
        sa.Column("c", sa.String(20), index=True, unique=True),
        sa.Column("d", sa.DateTime),
        sa.UniqueConstraint("a", "b", name="uq_a_b"),
        sa.UniqueConstraint("a", "c"),
    )
    sa.Index("ix_desc", table.c.a.desc())
    sa.Index("ix_mixed", table.c.a, table.c.d.desc(), table.c.b)


@case("sqlite", "postgresql")
def expression_and_partial_indexes(metadata: sa.MetaData) -> None:
    table = sa.Table(
        "things",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("a", sa.Integer),
        sa.Column("s", sa.String(20)),
        sa.Column("gone", sa.Boolean),
    )
    where = {"sqlite_where": table.c.gone.is_(None), "postgresql_where": table.c.gone.is_(None)}
    sa.Index("ix_lower", sa.func.lower(table.c.s))
    sa.Index("ix_lower_desc", sa.func.lower(table.c.s).desc(), table.c.a)
    sa.Index("ix_text", sa.text("a + 1"))
    sa.Index("ix_coalesce", sa.func.coalesce(table.c.s, ""), unique=True)
    sa.Index("ix_partial", table.c.a, unique=True, **where)
    sa.Index(
        "ix_partial_text",
        "a",
        sqlite_where=sa.text("a > 0 AND s <> 'x'"),
        postgresql_where=sa.text("a > 0 AND s <> 'x'"),
        _table=table,
    )


@case("postgresql")
def postgresql_indexes(metadata: sa.MetaData) -> None:
    table = sa.Table(
        "things",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("a", sa.Integer),
        sa.Column("s", sa.String(20)),
        sa.Column("data", postgresql.JSONB),
        sa.UniqueConstraint("a", "s", name="uq_nulls", postgresql_nulls_not_distinct=True),
        sa.UniqueConstraint("a", name="uq_later", deferrable=True, initially="DEFERRED"),
    )
    sa.Index("ix_gin", table.c.data, postgresql_using="gin")
    sa.Index(
        "ix_path", table.c.data, postgresql_using="gin", postgresql_ops={"data": "jsonb_path_ops"}
    )
    sa.Index("ix_hash", table.c.a, postgresql_using="hash")
    sa.Index("ix_brin", table.c.a, postgresql_using="brin")
    sa.Index("ix_include", table.c.a, postgresql_include=["s"])
    sa.Index("ix_pattern", table.c.s, postgresql_ops={"s": "varchar_pattern_ops"})
    sa.Index("ix_nulls", table.c.a.desc().nulls_last(), table.c.s.asc().nulls_first())
    sa.Index("ix_with", table.c.a, postgresql_with={"fillfactor": 70})
    sa.Index("ix_key", table.c.data["a"].astext)
    sa.Index("ix_distinct", table.c.a, unique=True, postgresql_nulls_not_distinct=True)
    sa.Index("ix_cast", sa.cast(table.c.s, sa.Text))


@case("postgresql")
def postgresql_index_elements_as_text(metadata: sa.MetaData) -> None:
    """Elements that name their column as text, and PostgreSQL's suffixes in any spacing."""
    table = sa.Table(
        "things",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("s", sa.String(20)),
        sa.Column("data", postgresql.JSONB),
        sa.Column("address", postgresql.INET),
        sa.Column("words", postgresql.TSVECTOR),
    )
    elements: list[Any] = [
        sa.nulls_first("s"),
        sa.desc("s").nulls_last(),
        sa.asc("s").nulls_first(),
        sa.literal_column("s").desc(),
        sa.literal_column("s DESC NULLS LAST"),
        sa.literal_column("lower(s)"),
        sa.literal_column("s").collate("C"),
        sa.func.lower(table.c.s).collate("C").desc(),
        sa.text('(lower(s))COLLATE pg_catalog."C"text_pattern_ops DESC'),
        sa.text("(s || 'x')DESC"),
        sa.text("s pg_catalog.text_pattern_ops"),
        sa.text("s text_ops ASC"),
    ]
    for number, element in enumerate(elements):
        sa.Index(f"ix_{number}", element, _table=table)
    sa.Index("ix_desc", table.c.s.desc(), postgresql_ops={"s": "text_pattern_ops"})
    sa.Index("ix_path", sa.text("(data->'x')jsonb_path_ops"), postgresql_using="gin", _table=table)
    inet = sa.literal_column("address inet_ops")
    sa.Index("ix_inet", inet, postgresql_using="gist", _table=table)
    words = sa.text("words tsvector_ops (siglen = '100')")
    sa.Index("ix_words", words, postgresql_using="gist", _table=table)


@case("mariadb")
def mysql_indexes(metadata: sa.MetaData) -> None:
    table = sa.Table(
        "things",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("parent_id", sa.ForeignKey("things.id")),
        sa.Column("s", sa.String(200)),
        sa.Column("body", sa.Text),
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        comment="with options",
    )
    sa.Index("ix_prefix", table.c.s, mysql_length=10)
    sa.Index("ix_written", sa.text("s(5) DESC"), sa.text("`body`(7)"), _table=table)
    sa.Index("ix_prefixes", table.c.s, table.c.body, mysql_length={"body": 20})
    sa.Index("ix_words", table.c.body, mysql_prefix="FULLTEXT")
    sa.Index("ix_using", table.c.s, mysql_using="btree")


@case()
def foreign_keys(metadata: sa.MetaData) -> None:
    sa.Table(
        "parents",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("a", sa.Integer, nullable=False),
        sa.Column("b", sa.Integer, nullable=False),
        sa.UniqueConstraint("a", "b"),
    )
    sa.Table(
        "children",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("parent_id", sa.ForeignKey("parents.id", ondelete="CASCADE")),
        sa.Column("other_id", sa.ForeignKey("parents.id", ondelete="SET NULL", onupdate="CASCADE")),
        sa.Column("third_id", sa.ForeignKey("parents.id", ondelete="RESTRICT")),
        sa.Column("fourth_id", sa.ForeignKey("parents.id", ondelete="NO ACTION"), index=True),
        sa.Column("self_id", sa.ForeignKey("children.id")),
        sa.Column("a", sa.Integer),
        sa.Column("b", sa.Integer),
        sa.ForeignKeyConstraint(["a", "b"], ["parents.a", "parents.b"], name="pair"),
    )


# Keys


@case()
def redundant_uniques(metadata: sa.MetaData) -> None:
    """PostgreSQL keeps one of several equal constraints, under the first name that one has."""
    orders = {
        "named_last": [sa.UniqueConstraint("n"), sa.UniqueConstraint("n", name="u_last")],
        "named_first": [sa.UniqueConstraint("n", name="u_first"), sa.UniqueConstraint("n")],
        "named_twice": [
            sa.UniqueConstraint("n"),
            sa.UniqueConstraint("n", name="u_one"),
            sa.UniqueConstraint("n", name="u_two"),
        ],
        "of_two_columns": [
            sa.UniqueConstraint("n", "m"),
            sa.UniqueConstraint("m", "n", name="u_other_order"),
            sa.UniqueConstraint("n", "m", name="u_same_order"),
        ],
    }
    for name, uniques in orders.items():
        key = sa.Column("id", sa.Integer, primary_key=True)
        columns = (sa.Column("n", sa.Integer), sa.Column("m", sa.Integer))
        sa.Table(name, metadata, key, *columns, *uniques)


@case()
def indexes_named_like_keys(metadata: sa.MetaData) -> None:
    """MariaDB creates an index for each foreign key, with its name."""
    sa.Table("parents", metadata, sa.Column("id", sa.Integer, primary_key=True))
    for letter, wide in (("a", "a_wide"), ("b", "z_wide")):
        sa.Table(
            f"{letter}_children",
            metadata,
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("x", sa.Integer),
            sa.Column("parent_id", sa.ForeignKey("parents.id", name=f"fk_{letter}")),
            sa.Index(f"fk_{letter}", "parent_id"),
            sa.Index(wide, "parent_id", "x"),
        )


@case()
def primary_keys(metadata: sa.MetaData) -> None:
    nullable = sa.Column("id", sa.Integer, primary_key=True, nullable=True)
    sa.Table("nullable_key", metadata, nullable)
    sa.Table("unique_key", metadata, sa.Column("id", sa.Integer, primary_key=True, unique=True))
    sa.Table(
        "unique_constraint_key",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.UniqueConstraint("id"),
    )
    sa.Table(
        "pairs",
        metadata,
        sa.Column("a", sa.Integer, primary_key=True),
        sa.Column("b", sa.String(9), primary_key=True),
    )
    sa.Table(
        "named",
        metadata,
        sa.Column("id", sa.Integer),
        sa.PrimaryKeyConstraint("id", name="the_key"),
    )
    sa.Table("keyless", metadata, sa.Column("id", sa.Integer), sa.Column("n", sa.Integer))
    sa.Table("textual", metadata, sa.Column("code", sa.String(9), primary_key=True))
    sa.Table("big", metadata, sa.Column("id", sa.BigInteger, primary_key=True))
    plain = sa.Column("id", sa.Integer, primary_key=True, autoincrement=False)
    sa.Table("not_counted", metadata, plain)


@case()
def identities(metadata: sa.MetaData) -> None:
    """SQLAlchemy creates plain columns on databases without identity columns."""
    sa.Table("a", metadata, sa.Column("id", sa.Integer, sa.Identity(), primary_key=True))
    always = sa.Identity(always=True, start=5, increment=2)
    big = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    sa.Table("b", metadata, sa.Column("id", big, always, primary_key=True))


@case("postgresql")
def postgresql_identities(metadata: sa.MetaData) -> None:
    options: list[dict[str, Any]] = [
        {"start": 1},
        {"minvalue": 1, "maxvalue": 100, "cycle": True},
        {"increment": -1, "start": -1},
        {"increment": -1, "maxvalue": 10, "minvalue": -10, "start": 5},
        {"cache": 20},
        {"start": 42, "minvalue": 40},
        {"nominvalue": True, "nomaxvalue": True},
        {"start": 1, "minvalue": 0},
        {"minvalue": 0},
        {"increment": -1, "start": -1, "maxvalue": 0},
        {"increment": -1, "start": 0, "maxvalue": 0},
    ]
    for number, option in enumerate(options):
        identity = sa.Identity(always=bool(number % 2), **option)
        key = sa.Column("id", sa.Integer, primary_key=True)
        sa.Table(f"t{number}", metadata, key, sa.Column("n", sa.BigInteger, identity))
    for kind in (sa.SmallInteger, sa.Integer, sa.BigInteger):
        sa.Table(f"serial_{kind.__name__}", metadata, sa.Column("id", kind, primary_key=True))
    sa.Sequence("loose", start=5, increment=5, metadata=metadata)
    sa.Sequence("down", increment=-1, metadata=metadata)
    sa.Sequence("from_one", start=1, minvalue=0, metadata=metadata)
    sa.Sequence("small", data_type=sa.SmallInteger, metadata=metadata)
    number = sa.Sequence("numbers", metadata=metadata)
    sa.Table(
        "with_sequence",
        metadata,
        sa.Column("id", sa.Integer, number, primary_key=True),
        sa.Column("n", sa.Integer, server_default=number.next_value()),
    )


@compiles(CreateSequence, "mysql")
@compiles(CreateSequence, "mariadb")
def with_zero_increment(element: CreateSequence, compiler: Any, **kw: Any) -> str:
    """Give a sequence the increment 0, as applications on a cluster of MariaDB do for all."""
    text = str(compiler.visit_create_sequence(element, **kw))
    return f"{text} INCREMENT BY 0" if element.element.name == "of_cluster" else text


@case("mariadb")
def mariadb_sequences(metadata: sa.MetaData) -> None:
    sa.Sequence("of_cluster", metadata=metadata)
    sa.Sequence("of_server", increment=0, metadata=metadata)
    sa.Sequence("loose", start=5, increment=5, metadata=metadata)
    sa.Sequence("cached", cache=10, cycle=True, maxvalue=99, metadata=metadata)


# Names


@case()
def quoted_names(metadata: sa.MetaData) -> None:
    for name in ("Order", "select", "two words", "per%cent", "Straße", "col:on", 'q"uote', "a.b"):
        sa.Table(
            name,
            metadata,
            sa.Column("Id", sa.Integer, primary_key=True),
            sa.Column("from", sa.String(20), unique=True),
            sa.Column("two words", sa.Integer, server_default="1"),
            sa.Column("größe", sa.Integer, index=name == "Order"),
            sa.Column("perc%ent", sa.Integer),
            sa.Column("camelCase", sa.String(9), server_default="x"),
            sa.CheckConstraint("1 = 1", name=f"check {name}"),
        )


@case()
def long_names(metadata: sa.MetaData) -> None:
    long = "a_name_that_is_as_long_as_a_name_can_be_in_each_database_" + "x" * 6
    sa.Table(
        long,
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(long, sa.Integer, unique=True),
        sa.Column("b" * 60, sa.String(20), index=True),
        sa.Column("parent", sa.ForeignKey(f"{long}.id", name="fk_parent")),
        sa.Column("n", sa.Integer),
        sa.CheckConstraint("n > 0"),
    )


@case("postgresql")
def cut_names(metadata: sa.MetaData) -> None:
    """Add names of columns and sequences that the server cuts after 63 bytes."""
    long = "a_name_that_is_longer_than_any_name_that_a_server_keeps_" + "x" * 20
    sa.Sequence(f"sequence_{long}", metadata=metadata)
    sa.Table(
        "things",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(long, sa.Integer, nullable=False, server_default="1"),
        sa.CheckConstraint(f"{long} > 0", name="positive"),
        sa.UniqueConstraint(long, "id", name="once"),
        sa.Index("by_name", long),
    )


@case()
def naming_conventions(metadata: sa.MetaData) -> None:
    metadata.naming_convention = {  # type: ignore[assignment]
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
    sa.Table("users", metadata, sa.Column("id", sa.Integer, primary_key=True))
    sa.Table(
        "a_table_with_a_name_that_is_rather_long_for_its_constraints",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("user_id", sa.ForeignKey("users.id"), index=True),
        sa.Column("email_address_of_the_user", sa.String(50), unique=True),
        sa.Column("state", sa.Enum("a", "b", name="st", native_enum=False, create_constraint=True)),
        sa.Column("done", sa.Boolean(create_constraint=True, name="done")),
        sa.Column("n", sa.Integer),
        sa.CheckConstraint("n > 0", name="positive"),
    )


@case("postgresql", "mariadb")
def comments(metadata: sa.MetaData) -> None:
    sa.Table(
        "things",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True, comment="it's a key"),
        sa.Column("a", sa.Integer, comment=""),
        sa.Column("b", sa.Integer, comment='100% "sure" \\ a:b'),
        comment="line 1\nline 2",
    )


@case()
def tables_in_a_cycle(metadata: sa.MetaData) -> None:
    """create_all() adds the foreign keys of a cycle after the tables, if the database can."""
    sa.Table(
        "departments",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("head_id", sa.ForeignKey("staff.id", name="department_head")),
    )
    sa.Table(
        "staff",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("department_id", sa.ForeignKey("departments.id", name="staff_department")),
        sa.Column("desk_id", sa.ForeignKey("desks.id", use_alter=True, name="staff_desk")),
    )
    sa.Table("desks", metadata, sa.Column("id", sa.Integer, primary_key=True))


@case("postgresql")
def schemas(metadata: sa.MetaData) -> None:
    sa.Table("users", metadata, sa.Column("id", sa.Integer, primary_key=True))
    for schema in ("audit", "Odd schema"):
        sa.Table("users", metadata, sa.Column("id", sa.Integer, primary_key=True), schema=schema)
        sa.Table(
            "events",
            metadata,
            sa.Column("id", sa.Integer, sa.Identity(), primary_key=True),
            sa.Column("user_id", sa.ForeignKey("users.id"), index=True),
            sa.Column("other_id", sa.ForeignKey(f"{schema}.users.id")),
            sa.Column("kind", sa.Enum("a", "b", name="kind", schema=schema), server_default="a"),
            sa.Column("name", sa.String(20), unique=True),
            sa.CheckConstraint("name <> ''", name="named"),
            schema=schema,
        )
        sa.Sequence("numbers", schema=schema, metadata=metadata)


@case("sqlite", "postgresql")
def default_schema_named(metadata: sa.MetaData) -> None:
    """Models may name the schema that is the default one."""
    schema = "main" if CURRENT_DATABASE.get() == "sqlite" else "public"
    metadata.schema = schema
    mood = sa.Enum("a", "b", name="mood", schema=schema)
    kinds = sa.Table(
        "kinds",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("mood", mood, server_default="a"),
        sa.Column("number", sa.Integer),
        sa.CheckConstraint("mood <> 'b'", name="good"),
    )
    things = sa.Table(
        "things",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("kind_id", sa.ForeignKey(f"{schema}.kinds.id"), index=True),
        sa.Column("parent_id", sa.ForeignKey(f"{schema}.things.id")),
        sa.Column("name", sa.String(20), unique=True),
    )
    if schema == "public":
        kinds.append_column(sa.Column("moods", postgresql.ARRAY(mood)))
        numbers = sa.Sequence("numbers", metadata=metadata)
        kinds.append_column(sa.Column("n", sa.Integer, server_default=numbers.next_value()))
    if SQLALCHEMY_2_1:
        select = sa.select(kinds.c.mood, things.c.name).join(things)
        sa.schema.CreateView(select, "named", metadata=metadata)


@case()
def table_options(metadata: sa.MetaData) -> None:
    sa.Table(
        "things",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sqlite_autoincrement=True,
        mysql_engine="InnoDB",
        mysql_default_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        **({"postgresql_with": {"fillfactor": 80}} if SQLALCHEMY_2_1 else {}),
    )
    sa.Table(
        "bare",
        metadata,
        sa.Column("id", sa.String(9), primary_key=True),
        sa.Column("n", sa.Integer),
        sqlite_with_rowid=False,
        sqlite_strict=False,
        prefixes=[],
    )


# Tests


CURRENT_DATABASE: ContextVar[str] = ContextVar("CURRENT_DATABASE")
"""The database that a case is built for."""
COMPARED_ONLY = {"postgresql_domain"}
"""Cases that autodiff compares but cannot create."""


def _params(excluded: Iterable[str] = ()) -> Iterable[Any]:
    for (name, (_, databases)), database in itertools.product(CASES.items(), ALL):
        if database in databases and name not in excluded:
            yield pytest.param(name, database, id=f"{name}-{database}")


def _models(name: str) -> sa.MetaData:
    metadata = sa.MetaData()
    CASES[name][0](metadata)
    return metadata


def _differences(connection: sa.Connection, name: str) -> list[str]:
    plan = diff(connection, _models(name))
    connection.rollback()
    return [*plan.summary(), *(operation.describe() for operation in plan.operations)]


@pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")
@pytest.mark.parametrize(("name", "kind"), list(_params()))
def test_no_difference_after_create_all(
    name: str, kind: str, database: Callable[[str], sa.URL]
) -> None:
    CURRENT_DATABASE.set(kind)
    engine = sa.create_engine(database(kind), poolclass=sa.NullPool)
    with engine.connect() as connection:
        metadata = _models(name)
        default = connection.dialect.default_schema_name
        for schema in sorted({t.schema for t in metadata.tables.values() if t.schema}):
            if schema != default:
                connection.execute(sa.schema.CreateSchema(schema))
        metadata.create_all(connection)
        connection.commit()
        assert _differences(connection, name) == []
        # create_all() changes some of the models' own attributes
        assert diff(connection, metadata).summary() == []
    engine.dispose()


@pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")
@pytest.mark.parametrize(("name", "kind"), list(_params(COMPARED_ONLY)))
def test_no_difference_after_generated_migration(
    name: str, kind: str, database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """A file written for an empty database leaves nothing to compare, and can be undone."""
    CURRENT_DATABASE.set(kind)
    engine = sa.create_engine(database(kind), poolclass=sa.NullPool)
    folder = tmp_path / "migrations"
    folder.mkdir()
    with engine.connect() as connection:
        plan = diff(connection, _models(name))
        connection.rollback()
        (folder / "0001_all.py").write_text(plan.source("all", revision="all"))
        Runner(connection, load_graph(folder)).upgrade()
        assert _differences(connection, name) == []
        Runner(connection, load_graph(folder)).downgrade()
        assert len(diff(connection, _models(name)).operations) == len(plan.operations)
    engine.dispose()


def test_unnamed_enum_is_rejected(database: Callable[[str], sa.URL]) -> None:
    """PostgreSQL needs a name for an enum; the error names the column."""
    engine = sa.create_engine(database("postgresql"), poolclass=sa.NullPool)
    metadata = sa.MetaData()
    columns(metadata, [sa.Enum("a", "b")])
    with engine.connect() as connection, pytest.raises(ModelsError) as caught:
        diff(connection, metadata)
    assert "things.c0_enum" in str(caught.value)
    assert "the enum type of a, b has no name" in str(caught.value)
    engine.dispose()
