"""Convert rows of information_schema into schema objects.

The same column or part of an index often occurs in many tables. The functions cache their results,
so that equal rows become the same object, which is quick to build and to compare. All arguments
that a result depends on must therefore be parameters, and nobody may change a result in place.

Expressions and literals are converted into one spelling for all servers. If a spelling is missed,
autogenerate reports a difference for a column that has not changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import groupby
from operator import attrgetter
from typing import Any

from autodiff.dialects.mysql.catalog.rows import CheckRow, ColumnRow, IndexRow, TableRow
from autodiff.dialects.mysql.expressions import (
    canonical_now,
    canonical_strings,
    quote_string,
    unescape,
    without_database,
)
from autodiff.dialects.mysql.types import canonical_type, is_text, split_collation, type_python
from autodiff.schema.objects import (
    Check,
    Column,
    ColumnType,
    Computed,
    Index,
    IndexElement,
    Name,
    Option,
    PrimaryKey,
)
from autodiff.schema.objects import Sequence as SchemaSequence
from autodiff.schema.sqltext import strip_parentheses
from autodiff.utils.sharing import replace_changed

__all__ = [
    "action",
    "as_json",
    "is_chosen",
    "json_column",
    "keys_and_indexes",
    "read_check",
    "read_columns",
    "read_table_options",
    "sequence",
]

_NO_ACTIONS = ("RESTRICT", "NO ACTION")
"""The default actions of foreign keys: MySQL reports NO ACTION, and MariaDB RESTRICT."""
_LIMIT = 2**63 - 2
"""The largest value of a MariaDB sequence. https://mariadb.com/kb/en/create-sequence/"""
_CACHE_SIZE = 2**14
"""Results to cache. It limits the memory of a long-running process; most databases need fewer."""
_NEGATIVE = re.compile(r"-\(([\d.]+(?:e[+-]?\d+)?)\)", re.I)
"""The spelling in which MySQL stores the default (-1), which SQLAlchemy writes for -1."""
_DIGITS = re.compile(r"\d+")
_NUMBER = re.compile(r"[+-]?[\d.]+(e[+-]?\d+)?|b'[01]*'", re.I)
_ON_UPDATE = re.compile(r"on update (\S+)", re.I)
_OPTION = re.compile(r"(\w+)=(\S+)")
_JSON_CHECK = re.compile(r"json_valid\(`((?:[^`]|``)+)`\)")
_BY_NAME = attrgetter("name")


def expression(sql: str, database: str, *, mariadb: bool) -> str:
    """Return an expression of the catalog in one spelling, without the name of the database.

    MySQL escapes expressions in information_schema as in a string literal. MariaDB reports
    them without escapes.
    """
    text = canonical_strings(sql if mariadb else unescape(sql))
    return strip_parentheses(without_database(text, database))


# Columns


def read_columns(
    lines: Sequence[str], unit: str, table_collation: str, database: str, *, mariadb: bool
) -> tuple[Column, ...]:
    """Return the columns of a table from its lines, whose fields are separated by `unit`.

    `database` is removed from names in expressions. Lines without quoted names get an empty
    `database`, so that they share cached columns with other databases.
    """
    return tuple(
        [
            _column(line, unit, table_collation, database if "`" in line else "", mariadb)
            for line in lines
        ]
    )


@lru_cache(_CACHE_SIZE)
def _column(line: str, unit: str, table_collation: str, database: str, mariadb: bool) -> Column:
    row = ColumnRow(*line.split(unit))
    sql = _type_sql(row, table_collation)
    extra = row.extra.lower()
    computed = None
    if row.generation:
        text = expression(row.generation, database, mariadb=mariadb)
        computed = Computed(sql=text, persisted="stored" in extra)
    return Column(
        name=row.name,
        type=_column_type(sql),
        nullable=row.nullable == "YES",
        default=None if computed else _default(row, sql, database, mariadb=mariadb),
        computed=computed,
        autoincrement="auto_increment" in extra,
        comment=row.comment or None,
        options={"mysql_invisible": True} if "invisible" in extra else {},
    )


def as_json(columns: tuple[Column, ...], names: set[str]) -> tuple[Column, ...]:
    """Return the columns with the type JSON for LONGTEXT columns with one of the names."""
    return tuple(
        replace_changed(column, type=_column_type("json"))
        if column.name in names and split_collation(column.type.sql)[0] == "longtext"
        else column
        for column in columns
    )


@lru_cache(4096)
def _column_type(sql: str) -> ColumnType:
    return ColumnType(sql=sql, python=type_python(sql))


def _type_sql(row: ColumnRow, table_collation: str) -> str:
    """Return the type, with its collation if the table has another one."""
    sql = canonical_type(row.type)
    if row.srid:
        sql = f"{sql} SRID {row.srid}"
    if is_text(sql) and row.collation != table_collation:
        sql = f"{sql} COLLATE {row.collation}"
    return sql


def _default(row: ColumnRow, type_sql: str, database: str, *, mariadb: bool) -> str | None:
    """Return the default as SQL, with its ON UPDATE clause; None if the default is NULL.

    A nullable column with ON UPDATE gets an explicit NULL, because models declare both clauses
    as one server_default: NULL ON UPDATE CURRENT_TIMESTAMP.
    """
    value = _default_value(row, type_sql, database, mariadb=mariadb)
    match = _ON_UPDATE.search(row.extra)
    if match is None:
        return value
    if value is None and row.nullable == "YES":
        value = "NULL"
    updated = canonical_now(match[1], type_sql) or match[1]
    return f"{value} ON UPDATE {updated}" if value else f"ON UPDATE {updated}"


def _default_value(row: ColumnRow, type_sql: str, database: str, *, mariadb: bool) -> str | None:
    raw = row.default[1:]
    if not row.default or (raw == "NULL" and mariadb):
        return None
    if not mariadb and "DEFAULT_GENERATED" not in row.extra:
        return _literal(raw, type_sql)
    text = expression(raw, database, mariadb=mariadb)
    if negative := _NEGATIVE.fullmatch(text):
        return f"-{negative[1]}"
    return canonical_now(text, type_sql) or text


def _literal(raw: str, type_sql: str) -> str:
    """Return the SQL of a literal default, which MySQL reports as its value without quotes.

    MySQL reports defaults of binary types as hexadecimal numbers; those of printable ASCII
    characters are returned as strings, as models declare them.
    """
    base = re.split(r"[ (]", type_sql)[0]
    if base in ("binary", "varbinary") and raw.startswith("0x"):
        value = bytes.fromhex(raw[2:])
        printable = value.isascii() and value.decode("ascii").isprintable()
        return quote_string(value.decode("ascii")) if printable else raw
    number = _NUMBER.fullmatch(raw)
    quoted = is_text(type_sql) or base in ("binary", "varbinary") or number is None
    return quote_string(raw) if quoted else raw


# Keys, indexes and checks


def keys_and_indexes(
    fields: Iterable[Sequence[str]], database: str, *, mariadb: bool
) -> tuple[list[PrimaryKey], tuple[Index, ...]]:
    """Return the primary key, if there is one, and the other indexes.

    `fields` has the fields of each part, sorted by the name of the index and its position in it.
    """
    primary: list[PrimaryKey] = []
    indexes: list[Index] = []
    rows = [IndexRow(*part_fields) for part_fields in fields]
    for name, group in groupby(rows, _BY_NAME):
        parts = list(group)
        if name == "PRIMARY":
            primary.append(_primary_key(tuple([part.column for part in parts])))
        else:
            indexes.append(_index(name, parts, database, mariadb))
    return primary, tuple(indexes)


@lru_cache(4096)
def _primary_key(names: tuple[str, ...]) -> PrimaryKey:
    return PrimaryKey(columns=names)


def _index(name: str, parts: list[IndexRow], database: str, mariadb: bool) -> Index:
    """Return an index. The lengths of SPATIAL and FULLTEXT parts are internal, so ignore them."""
    first = parts[0]
    method = first.method.lower()
    has_lengths = method not in ("spatial", "fulltext")
    return Index(
        name=name,
        elements=tuple(
            [
                _element(
                    part.column,
                    part.expression,
                    part.collation == "D",
                    part.length if has_lengths else "",
                    database,
                    mariadb,
                )
                for part in parts
            ]
        ),
        unique=first.non_unique == "0",
        method=None if method == "btree" else method,
        comment=first.comment or None,
        options={"mysql_invisible": True} if first.hidden == "1" else {},
    )


@lru_cache(_CACHE_SIZE)
def _element(
    column: str,
    sql: str,
    descending: bool,
    length: str,
    database: str,
    mariadb: bool,
) -> IndexElement:
    return IndexElement(
        text=expression(sql, database, mariadb=mariadb) if sql else column,
        is_expression=bool(sql),
        descending=descending,
        length=int(length) if length else None,
    )


def read_check(row: CheckRow, table: str, database: str, *, mariadb: bool) -> Check:
    """Return a check of the table."""
    options: dict[str, Option] = {}
    if row.level == "Column":
        options["mysql_level"] = "column"
    if row.enforced != "YES":
        options["mysql_not_enforced"] = True
    sql = expression(row.sql, database, mariadb=mariadb)
    return Check(
        name=row.name, sql=sql, options=options, implicit=is_chosen(row.name, table, "chk")
    )


def json_column(row: CheckRow) -> str | None:
    """Return the column if this is the check that MariaDB adds to a JSON column, otherwise None.

    The name of the check is not considered: it can be that of the column before a rename.
    """
    match = _JSON_CHECK.fullmatch(row.sql) if row.level == "Column" else None
    return match[1].replace("``", "`") if match else None


def is_chosen(name: str, table: str, kind: str) -> bool:
    """Return whether the server chose the name, such as posts_ibfk_1 in the table posts.

    `kind` is "ibfk" for a foreign key and "chk" for a check.
    """
    prefix = f"{table}_{kind}_"
    return name.startswith(prefix) and _DIGITS.fullmatch(name, len(prefix)) is not None


def action(rule: str) -> str | None:
    """Return the action of a foreign key; None if that is the default, RESTRICT."""
    return None if rule in _NO_ACTIONS else rule


# Tables and sequences


def read_table_options(row: TableRow) -> Mapping[str, Option]:
    """Return the options of a table, without its comment and partitions."""
    return _table_options(row.engine, row.collation, row.options, row.type)


@lru_cache(1024)
def _table_options(engine: str, collation: str, others: str, type_: str) -> dict[str, Option]:
    options: dict[str, Option] = {}
    if engine:
        options["mysql_engine"] = engine
    if collation:
        options["mysql_charset"] = collation.split("_")[0]
        options["mysql_collate"] = collation
    for name, value in _OPTION.findall(others):
        options[f"mysql_{name.lower()}"] = value
    if type_ == "SYSTEM VERSIONED":
        options["mysql_with_system_versioning"] = True
    return options


def sequence(name: Name, row: Any) -> SchemaSequence:
    """Return a sequence without the options that have MariaDB's default values.

    https://mariadb.com/kb/en/create-sequence/
    """
    ascending = row.step >= 0  # 0 means the variable auto_increment_increment
    low, high = (1, _LIMIT) if ascending else (-_LIMIT - 1, -1)
    return SchemaSequence(
        name=name,
        start=None if row.start == (row.low if ascending else row.high) else row.start,
        increment=None if row.step == 1 else row.step,
        minvalue=None if row.low == low else row.low,
        maxvalue=None if row.high == high else row.high,
        cache=None if row.cache == 1000 else row.cache,
        cycle=bool(row.cycle),
    )
