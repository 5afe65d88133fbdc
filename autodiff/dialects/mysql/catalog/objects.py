"""Turn rows of information_schema into objects of the schema.

Equal columns and elements of indexes in many tables are one object (`lru_cache`), which is fast to
create and to compare.
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
from autodiff.utils.sharing import altered

__all__ = [
    "action",
    "as_json",
    "check",
    "columns",
    "is_generated_name",
    "json_column",
    "keys_and_indexes",
    "sequence",
    "table_options",
]

_NO_ACTIONS = ("RESTRICT", "NO ACTION")
_LIMIT = 2**63 - 2
"""The largest value of a MariaDB sequence."""
_CACHE_SIZE = 2**14
_NEGATIVE = re.compile(r"-\(([\d.]+(?:e[+-]?\d+)?)\)", re.I)
"""How MySQL stores (-1), which is how SQLAlchemy writes a default of -1."""
_DIGITS = re.compile(r"\d+")
_NUMBER = re.compile(r"[+-]?[\d.]+(e[+-]?\d+)?|b'[01]*'", re.I)
_ON_UPDATE = re.compile(r"on update (\S+)", re.I)
_OPTION = re.compile(r"(\w+)=(\S+)")
_JSON_CHECK = re.compile(r"json_valid\(`((?:[^`]|``)+)`\)")
_BY_NAME = attrgetter("name")


def expression(sql: str, database: str, *, mariadb: bool) -> str:
    """Return an expression of the catalog in one spelling; MySQL escapes it like a string."""
    text = canonical_strings(sql if mariadb else unescape(sql))
    return strip_parentheses(without_database(text, database))


# Columns


def columns(
    lines: Sequence[str], unit: str, table_collation: str, database: str, *, mariadb: bool
) -> tuple[Column, ...]:
    """Return the columns of a table.

    `database` is removed before names in expressions. `unit` separates the fields of a line.
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


def as_json(found: tuple[Column, ...], names: set[str]) -> tuple[Column, ...]:
    """Return the columns; those of these names that are LONGTEXT become JSON."""
    return tuple(
        altered(column, type=_column_type("json"))
        if column.name in names and split_collation(column.type.sql)[0] == "longtext"
        else column
        for column in found
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
    """Return the default with its ON UPDATE; None if it is NULL."""
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
    """Return a default that is a literal, of which MySQL has the bare value."""
    base = re.split(r"[ (]", type_sql)[0]
    if base in ("binary", "varbinary") and raw.startswith("0x"):
        value = bytes.fromhex(raw[2:])
        plain = value.isascii() and value.decode("ascii").isprintable()
        return quote_string(value.decode("ascii")) if plain else raw
    number = _NUMBER.fullmatch(raw)
    quoted = is_text(type_sql) or base in ("binary", "varbinary") or number is None
    return quote_string(raw) if quoted else raw


# Keys, indexes and checks


def keys_and_indexes(
    found: Iterable[Sequence[str]], database: str, *, mariadb: bool
) -> tuple[list[PrimaryKey], tuple[Index, ...]]:
    """Return the primary key, if there is one, and the indexes, from rows of their elements."""
    primary: list[PrimaryKey] = []
    indexes: list[Index] = []
    rows = [IndexRow(*each) for each in found]
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


def check(row: CheckRow, table: str, database: str, *, mariadb: bool) -> Check:
    """Return a check of the table."""
    options: dict[str, Option] = {}
    if row.level == "Column":
        options["mysql_level"] = "column"
    if row.enforced != "YES":
        options["mysql_not_enforced"] = True
    sql = expression(row.sql, database, mariadb=mariadb)
    return Check(
        name=row.name, sql=sql, options=options, implicit=is_generated_name(row.name, table, "chk")
    )


def json_column(row: CheckRow) -> str | None:
    """Return the column of the check that MariaDB adds to JSON; the check may have an old name."""
    found = _JSON_CHECK.fullmatch(row.sql) if row.level == "Column" else None
    return found[1].replace("``", "`") if found else None


def is_generated_name(name: str, table: str, kind: str) -> bool:
    """Return whether the server generated the name (posts_ibfk_1) from that of the table."""
    start = f"{table}_{kind}_"
    return name.startswith(start) and _DIGITS.fullmatch(name, len(start)) is not None


def action(rule: str) -> str | None:
    """Return the action of a foreign key; None if it refuses, which is the default."""
    return None if rule in _NO_ACTIONS else rule


# Tables and sequences


def table_options(row: TableRow) -> Mapping[str, Option]:
    """Return the options of CREATE TABLE, without the comment and the partitions."""
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
    """Return a sequence, without options that have MariaDB's default value."""
    up = row.step > 0
    low, high = (1, _LIMIT) if up else (-_LIMIT - 1, -1)
    return SchemaSequence(
        name=name,
        start=None if row.start == (row.low if up else row.high) else row.start,
        increment=None if row.step == 1 else row.step,
        minvalue=None if row.low == low else row.low,
        maxvalue=None if row.high == high else row.high,
        cache=None if row.cache == 1000 else row.cache,
        cycle=bool(row.cycle),
    )
