"""Reads a MySQL or MariaDB database in a fixed number of queries and puts the rows together."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from autodiff.dialects.base import is_excluded
from autodiff.dialects.mysql import catalog
from autodiff.dialects.mysql.partitions import partition_options
from autodiff.dialects.mysql.texts import (
    canonical_now,
    canonical_strings,
    quote_string,
    unescape,
    without_database,
)
from autodiff.dialects.mysql.types import canonical_type, is_text, type_python
from autodiff.dialects.sqltext import strip_parentheses
from autodiff.keep import collected_later
from autodiff.schema import (
    Check,
    Column,
    ColumnType,
    Computed,
    Constraint,
    ForeignKey,
    Index,
    IndexElement,
    Name,
    Option,
    PrimaryKey,
    Schema,
    Sequence,
    Table,
    View,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.engine import Connection

    from autodiff.dialects.base import Scope

__all__ = ["reflect"]

_TABLE_TYPES = ("BASE TABLE", "SYSTEM VERSIONED")
_NO_ACTIONS = ("RESTRICT", "NO ACTION")
_LIMIT = 2**63 - 2
"""The largest value of a MariaDB sequence."""
_NEGATIVE = re.compile(r"-\(([\d.]+(?:e[+-]?\d+)?)\)", re.I)
"""What MySQL makes of (-1), which is how SQLAlchemy writes a default of -1."""
_DIGITS = re.compile(r"\d+")
_ON_UPDATE = re.compile(r"on update (\S+)", re.I)
_QUALIFIED = re.compile(r"`((?:[^`]|``)+)`\s*\.\s*`((?:[^`]|``)+)`")


@dataclass(frozen=True, slots=True)
class _Rows:
    """The catalogue's rows, by the (database, table) that they belong to."""

    tables: list[Any]
    columns: dict[tuple[str, str], list[Any]]
    indexes: dict[tuple[str, str], list[Any]]
    keys: dict[tuple[str, str], list[Any]]
    actions: dict[tuple[str, str], list[Any]]
    checks: dict[tuple[str, str], list[Any]]
    partitions: dict[tuple[str, str], list[Any]]
    views: list[Any]
    sequences: list[Any]


@collected_later()
def reflect(connection: Connection, scope: Scope, default_schema: str) -> Schema:
    """The tables, views and sequences of the default database and the asked namespaces."""
    rows = _fetch(connection, [default_schema, *scope.namespaces], scope)
    namespaces = {row.name for row in connection.execute(sa.text(catalog.NAMESPACES))}
    reader = _Reader(rows, default_schema, scope, mariadb=_is_mariadb(connection))
    return Schema(
        tables=reader.tables(),
        sequences=reader.sequences(),
        views=reader.views(),
        namespaces=frozenset(namespaces & set(scope.namespaces)),
    )


def _is_mariadb(connection: Connection) -> bool:
    return bool(getattr(connection.dialect, "is_mariadb", False))


def _fetch(connection: Connection, schemas: list[str], scope: Scope) -> _Rows:
    make = catalog.mariadb_queries if _is_mariadb(connection) else catalog.mysql_queries
    queries = make(limited=scope.only is not None)
    values = {} if scope.only is None else {"only": [name.name for name in scope.only]}

    def fetch(query: str) -> list[Any]:
        text = sa.text(query)
        if values:
            text = text.bindparams(sa.bindparam("only", expanding=True))
        found: list[Any] = []
        for name in schemas:
            found += connection.execute(text, {"schema": name, **values}).all()
        return found

    tables = fetch(queries.tables)
    return _Rows(
        tables=tables,
        columns=_grouped(fetch(queries.columns)),
        indexes=_grouped(fetch(queries.indexes)),
        keys=_grouped(fetch(queries.keys)),
        actions=_grouped(fetch(queries.actions)),
        checks=_grouped(fetch(queries.checks)),
        partitions=_grouped(fetch(queries.partitions)),
        views=fetch(queries.views),
        sequences=_sequences(connection, tables),
    )


def _sequences(connection: Connection, tables: list[Any]) -> list[Any]:
    """MariaDB before 12 tells a sequence's options only as the row in it: one query for all."""
    found = [(row.table_schema, row.table_name) for row in tables if row.table_type == "SEQUENCE"]
    if not found:
        return []
    queries = [
        catalog.SEQUENCE.format(
            schema=quote_string(schema),
            name=quote_string(name),
            quoted=f"{_quoted(schema)}.{_quoted(name)}",
        )
        for schema, name in found
    ]
    union = " UNION ALL ".join(queries)
    return list(connection.exec_driver_sql(union, execution_options={"no_parameters": True}))


def _quoted(name: str) -> str:
    return f"`{name.replace('`', '``')}`"


def _grouped(rows: list[Any]) -> dict[tuple[str, str], list[Any]]:
    groups: dict[tuple[str, str], list[Any]] = defaultdict(list)
    place = attrgetter("table_schema", "table_name")
    for row in rows:
        groups[place(row)].append(row)
    return groups


_JSON_CHECK = re.compile(r"json_valid\(`((?:[^`]|``)+)`\)")


class _Reader:
    """Turns the catalogue's rows into nouns."""

    def __init__(self, rows: _Rows, default_schema: str, scope: Scope, *, mariadb: bool) -> None:
        self.rows = rows
        self.default_schema = default_schema
        self.scope = scope
        self.mariadb = mariadb

    def name(self, schema: str, name: str) -> Name:
        return Name(name, None if schema == self.default_schema else schema)

    def wanted(self, name: Name) -> bool:
        if self.scope.only is not None and name not in self.scope.only:
            return False
        return not is_excluded(name, self.scope.exclude)

    def expression(self, sql: str) -> str:
        """An expression of the catalogue in one spelling; MySQL's come as if in a string."""
        text = canonical_strings(sql if self.mariadb else unescape(sql))
        return strip_parentheses(without_database(text, self.default_schema))

    # Other objects than tables

    def sequences(self) -> dict[Name, Sequence]:
        return {
            name: _sequence(name, row)
            for row in self.rows.sequences
            for name in [self.name(row.table_schema, row.table_name)]
            if self.wanted(name)
        }

    def views(self) -> dict[Name, View]:
        return {
            name: self.view(name, row)
            for row in self.rows.views
            for name in [self.name(row.table_schema, row.table_name)]
            if self.wanted(name)
        }

    def view(self, name: Name, row: Any) -> View:
        sql = without_database(canonical_strings(row.view_definition), self.default_schema)
        if row.check_option != "NONE":
            sql += f" WITH {row.check_option} CHECK OPTION"
        return View(name=name, sql=sql, reads=self.reads(row.view_definition))

    def reads(self, definition: str) -> tuple[Name, ...]:
        known = {(row.table_schema, row.table_name) for row in self.rows.tables}
        pairs = {
            (schema.replace("``", "`"), name.replace("``", "`"))
            for schema, name in _QUALIFIED.findall(definition)
        }
        return tuple(self.name(*pair) for pair in sorted(pairs & known))

    # Tables

    def tables(self) -> dict[Name, Table]:
        return {
            name: self.table(name, row)
            for row in self.rows.tables
            if row.table_type in _TABLE_TYPES
            for name in [self.name(row.table_schema, row.table_name)]
            if self.wanted(name)
        }

    def table(self, name: Name, row: Any) -> Table:
        place = (row.table_schema, row.table_name)
        primary, indexes = _split_primary(self.rows.indexes.get(place, []))
        checks = self.rows.checks.get(place, [])
        json = {column for check in checks for column in _json_columns(check)}
        constraints: list[Constraint] = [*_primary_key(primary), *self.foreign_keys(place)]
        columns = self.rows.columns.get(place, [])
        json &= {column.column_name for column in columns if column.column_type == "longtext"}
        constraints += [
            self.check(check) for check in checks if json.isdisjoint(_json_columns(check))
        ]
        return Table(
            name=name,
            columns=tuple(self.column(column, row, json) for column in columns),
            constraints=tuple(sorted(constraints, key=lambda c: c.name or "")),
            indexes=tuple(self.index(rows) for rows in indexes),
            comment=row.table_comment or None,
            options=_table_options(row) | partition_options(self.rows.partitions.get(place, [])),
        )

    def column(self, row: Any, table: Any, json: set[str]) -> Column:
        is_json = row.column_name in json
        sql = "json" if is_json else _type_sql(row, table.table_collation)
        extra = row.extra.lower()
        return Column(
            name=row.column_name,
            type=_column_type(sql),
            nullable=row.is_nullable == "YES",
            default=None if row.generation_expression else self.default(row, sql),
            computed=self.computed(row),
            autoincrement="auto_increment" in extra,
            comment=row.column_comment or None,
            options={"mysql_invisible": True} if "invisible" in extra else {},
        )

    def computed(self, row: Any) -> Computed | None:
        if not row.generation_expression:
            return None
        sql = self.expression(row.generation_expression)
        return Computed(sql=sql, persisted="STORED" in row.extra.upper())

    def default(self, row: Any, type_sql: str) -> str | None:
        """The default as SQL text, with its ON UPDATE; None where it is NULL."""
        value = self.default_value(row, type_sql)
        match = _ON_UPDATE.search(row.extra) if row.extra else None
        if match is None:
            return value
        if value is None and row.is_nullable == "YES":
            value = "NULL"
        updated = canonical_now(match[1], type_sql) or match[1]
        return f"{value} ON UPDATE {updated}" if value else f"ON UPDATE {updated}"

    def default_value(self, row: Any, type_sql: str) -> str | None:
        raw = row.column_default
        if raw is None or (raw == "NULL" and self.mariadb):
            return None
        if not self.mariadb and "DEFAULT_GENERATED" not in row.extra:
            return _literal(raw, type_sql)
        text = self.expression(raw)
        if negative := _NEGATIVE.fullmatch(text):
            return f"-{negative[1]}"
        return canonical_now(text, type_sql) or text

    # Constraints and indexes

    def foreign_keys(self, place: tuple[str, str]) -> Iterable[ForeignKey]:
        actions = {row.constraint_name: row for row in self.rows.actions.get(place, ())}
        for name, group in groupby(self.rows.keys.get(place, ()), lambda r: r.constraint_name):
            rows, action = list(group), actions[name]
            yield ForeignKey(
                name=name,
                columns=tuple(row.column_name for row in rows),
                referred=self.name(rows[0].referred_schema, rows[0].referred_table),
                referred_columns=tuple(row.referred_column for row in rows),
                on_update=_action(action.update_rule),
                on_delete=_action(action.delete_rule),
                implicit=_is_chosen(name, place[1], "ibfk"),
            )

    def check(self, row: Any) -> Check:
        options: dict[str, Option] = {}
        if row.level == "Column":
            options["mysql_level"] = "column"
        if row.enforced != "YES":
            options["mysql_not_enforced"] = True
        sql = self.expression(row.check_clause)
        chosen = _is_chosen(row.constraint_name, row.table_name, "chk")
        return Check(name=row.constraint_name, sql=sql, options=options, implicit=chosen)

    def index(self, rows: list[Any]) -> Index:
        first = rows[0]
        method = first.index_type.lower()
        return Index(
            name=first.index_name,
            elements=tuple(self.element(row, method) for row in rows),
            unique=not first.non_unique,
            method=None if method == "btree" else method,
            comment=first.index_comment or None,
            options={"mysql_invisible": True} if first.hidden else {},
        )

    def element(self, row: Any, method: str) -> IndexElement:
        text = self.expression(row.expression) if row.expression else row.column_name
        return IndexElement(
            text=text,
            is_expression=bool(row.expression),
            descending=row.collation == "D",
            length=None if method in ("spatial", "fulltext") else row.sub_part,
        )


@lru_cache(4096)
def _column_type(sql: str) -> ColumnType:
    return ColumnType(sql=sql, python=type_python(sql))


def _split_primary(rows: list[Any]) -> tuple[list[Any], list[list[Any]]]:
    groups = [list(group) for _, group in groupby(rows, lambda row: row.index_name)]
    primary = next((group for group in groups if group[0].index_name == "PRIMARY"), [])
    return primary, [group for group in groups if group is not primary]


def _primary_key(rows: list[Any]) -> Iterable[PrimaryKey]:
    if rows:
        yield PrimaryKey(columns=tuple(row.column_name for row in rows))


def _is_chosen(name: str, table: str, kind: str) -> bool:
    """Whether the server chose the name: posts_ibfk_1, which follows the name of the table."""
    start = f"{table}_{kind}_"
    return name.startswith(start) and _DIGITS.fullmatch(name, len(start)) is not None


def _json_columns(check: Any) -> list[str]:
    """The column of the check that MariaDB adds to a type JSON; its name may be an old one."""
    found = _JSON_CHECK.fullmatch(check.check_clause) if check.level == "Column" else None
    return [found[1].replace("``", "`")] if found else []


def _type_sql(row: Any, table_collation: str) -> str:
    """The type, with its collation where the table has another one."""
    sql = canonical_type(row.column_type)
    if row.srid is not None:
        sql = f"{sql} SRID {row.srid}"
    if is_text(sql) and row.collation_name != table_collation:
        sql = f"{sql} COLLATE {row.collation_name}"
    return sql


def _literal(raw: str, type_sql: str) -> str:
    """A literal default, which MySQL tells as its bare value."""
    base = re.split(r"[ (]", type_sql)[0]
    if base in ("binary", "varbinary") and raw.startswith("0x"):
        value = bytes.fromhex(raw[2:])
        plain = value.isascii() and value.decode("ascii").isprintable()
        return quote_string(value.decode("ascii")) if plain else raw
    number = re.fullmatch(r"[+-]?[\d.]+(e[+-]?\d+)?|b'[01]*'", raw, re.I)
    quoted = is_text(type_sql) or base in ("binary", "varbinary") or number is None
    return quote_string(raw) if quoted else raw


def _action(rule: str) -> str | None:
    return None if rule in _NO_ACTIONS else str(rule)


def _table_options(row: Any) -> dict[str, Option]:
    options: dict[str, Option] = {}
    if row.engine:
        options["mysql_engine"] = row.engine
    if row.table_collation:
        options["mysql_charset"] = row.table_collation.split("_")[0]
        options["mysql_collate"] = row.table_collation
    for name, value in re.findall(r"(\w+)=(\S+)", row.create_options or ""):
        options[f"mysql_{name.lower()}"] = value
    if row.table_type == "SYSTEM VERSIONED":
        options["mysql_with_system_versioning"] = True
    return options


def _sequence(name: Name, row: Any) -> Sequence:
    """A sequence's options, those left out that are MariaDB's defaults."""
    up = row.step > 0
    low, high = (1, _LIMIT) if up else (-_LIMIT - 1, -1)
    return Sequence(
        name=name,
        start=None if row.start == (row.low if up else row.high) else row.start,
        increment=None if row.step == 1 else row.step,
        minvalue=None if row.low == low else row.low,
        maxvalue=None if row.high == high else row.high,
        cache=None if row.cache == 1000 else row.cache,
        cycle=bool(row.cycle),
    )
