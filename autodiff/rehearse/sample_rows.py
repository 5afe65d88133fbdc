"""Sample rows for a rehearsal: a few in each table, with valid foreign keys."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import SQLAlchemyError

from autodiff.dialects.base import Dialect
from autodiff.plan.order import order_tables
from autodiff.rehearse.edge_values import edge_literal, is_text_type, type_length
from autodiff.schema.name_map import NameMap
from autodiff.schema.objects import Column, Name, Schema, Table
from autodiff.schema.sqltext import quote_literal, tokens, unquote_identifier

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, CursorResult

__all__ = ["Rows", "insert_samples", "read_plain_rows", "read_rows", "row_of", "update_samples"]

Rows = dict[Name, list[dict[str, Any]]]
"""The rows of each table, as the driver gives them; binary values are always bytes."""

_ROWS = 3
"""Rows per table: enough for duplicates and for NULLs, and fast on a thousand tables."""
_TOGETHER = 64
"""How many tables share a savepoint at most."""
_ATTEMPTS = 6
"""How many rows to try until `_ROWS` of them were accepted."""
_DAY = dt.date(2001, 2, 3)
_NO_RENAMES = NameMap()
_INTEGER = re.compile(r"(tiny|small|medium|big)?int", re.IGNORECASE)


def insert_samples(
    connection: Connection,
    dialect: Dialect,
    schema: Schema,
    goal: Schema,
    choices: Mapping[tuple[Name, str], tuple[str, ...]],
    queries: Sequence[str] = (),
    names: NameMap = _NO_RENAMES,
) -> list[str]:
    """Insert a few rows into each table, parents first; return a note for each table without any.

    Values fit the types, keys and unique constraints of the schema, and the types and NOT NULL of
    the goal, because live rows must do so too. A column in `choices` gets one of those values. If
    the values violate a check, rows with fewer columns are tried. A row that one of the `queries`
    finds is removed, because it would prevent the migration. Half of the rows have values that a
    conversion can change, if the database accepts them. `names` are the renames on the way to the
    goal.
    """
    order, _ = order_tables(schema.tables)
    queries_by_word = _by_word(queries, dialect)
    waiting = []
    for table in order:
        wanted = goal.tables.get(names.table_after(table.name), table)
        sampler = _Sampler(schema, goal, schema.tables[table.name], wanted, choices, names)
        own_queries = [
            query
            for name in _with_ancestors(schema, table)
            for query in queries_by_word.get(name.name.lower(), ())
        ]
        waiting.append((sampler, own_queries))
    return _fill_tables(connection, dialect, waiting)


def _fill_tables(
    connection: Connection, dialect: Dialect, waiting: Sequence[tuple[_Sampler, Sequence[str]]]
) -> list[str]:
    """Insert rows into tables, many in one savepoint; return a note for each one without rows.

    The tables of a savepoint that fails are filled one by one, and fewer share the next one.
    """
    notes = []
    done, most = 0, _TOGETHER
    while group := waiting[done : done + most]:
        done += len(group)
        inserts = (
            (sampler.first_insert(dialect, _parent_values(connection, dialect, sampler.table)), own)
            for sampler, own in group
        )
        if len(group) > 1 and _attempt(connection, inserts) is None:
            most = min(2 * most, _TOGETHER)
            continue
        problems = [_fill_table(connection, dialect, *each) for each in group]
        named = zip((sampler.table.name for sampler, _ in group), problems, strict=True)
        notes += [f"no sample rows in {name}: {problem}" for name, problem in named if problem]
        most = max(most // 2, 2)
    return notes


def _by_word(queries: Sequence[str], dialect: Dialect) -> dict[str, list[str]]:
    """Return the queries by each text that can be the name of a table in them.

    A row can only change what a query finds if the query names its table, or a table that this one
    inherits from.
    """
    found: dict[str, list[str]] = {}
    for query in queries:
        words = tokens(query, backslashes=dialect.features.backslash_escapes)
        names = (unquote_identifier(token).lower() for kind, token in words if kind != "space")
        for name in dict.fromkeys(names):
            found.setdefault(name, []).append(query)
    return found


def _with_ancestors(schema: Schema, table: Table) -> list[Name]:
    """Return the table and all tables that it inherits from."""
    found = [table.name]
    for name in found:
        parents = schema.tables[name].inherits if name in schema.tables else ()
        found += [parent for parent in parents if parent not in found]
    return found


def update_samples(
    connection: Connection,
    dialect: Dialect,
    schema: Schema,
    goal: Schema,
    choices: Mapping[tuple[Name, str], tuple[str, ...]],
) -> None:
    """Set values in columns that were added after the rows and have no value yet.

    Columns of foreign keys stay NULL, and so do columns that accept no generated value.
    """
    for table in schema.tables.values():
        keyed = {column for key in table.foreign_keys for column in key.columns}
        columns = [
            c for c in table.columns if c.nullable and c.computed is None and c.name not in keyed
        ]
        sampler = _Sampler(schema, goal, table, goal.tables.get(table.name, table), choices)
        for column in _empty_columns(connection, dialect, table, columns):
            value = sampler.value(column, 0, {})
            sql = f"UPDATE {dialect.quote_name(table.name)} SET {dialect.quote(column.name)} = "
            _attempt(connection, [([sql + value], ())])


def _empty_columns(
    connection: Connection, dialect: Dialect, table: Table, columns: Sequence[Column]
) -> list[Column]:
    """Return the columns that are NULL in every row of a table with rows."""
    if not columns:
        return []
    counts = ", ".join(f"count({dialect.quote(column.name)})" for column in columns)
    query = f"SELECT count(*), {counts} FROM {dialect.quote_name(table.name)}"
    options = {"no_parameters": True}
    rows, *found = connection.exec_driver_sql(query, execution_options=options).one()
    return [c for c, count in zip(columns, found, strict=True) if rows and not count]


def read_rows(connection: Connection, dialect: Dialect, tables: Sequence[Name]) -> Rows:
    """Return all rows of the tables."""
    found: Rows = {}
    for name in tables:
        query = f"SELECT * FROM {dialect.quote_name(name)}"
        result = connection.exec_driver_sql(query, execution_options={"no_parameters": True})
        names = list(result.keys())
        found[name] = [row_of(names, row) for row in result]
    return found


def read_plain_rows(connection: Connection, dialect: Dialect, tables: Sequence[Table]) -> Rows:
    """Return all rows of the tables, with values in the form that is copied between databases.

    The driver does not convert them: databases have dates that Python cannot represent.
    """
    found: Rows = {}
    for table in tables:
        names = [column.name for column in table.columns]
        listed = ", ".join(
            f"{dialect.row_copy.select_expression(column)} AS c{place}"
            for place, column in enumerate(table.columns)
        )
        query = f"SELECT {listed or '1'} FROM {dialect.quote_name(table.name)}"
        options = {"no_parameters": True}
        result = connection.exec_driver_sql(query, execution_options=options)
        found[table.name] = [row_of(names, row[: len(names)]) for row in result]
    return found


def row_of(names: Iterable[str], values: Iterable[Any]) -> dict[str, Any]:
    """Return a row by column.

    Some drivers return binary values as buffers, whose text is an address in memory.
    """
    return {
        name: bytes(value) if isinstance(value, memoryview | bytearray) else value
        for name, value in zip(names, values, strict=True)
    }


def _fill_table(
    connection: Connection, dialect: Dialect, sampler: _Sampler, queries: Sequence[str]
) -> str | None:
    """Insert rows; return why, if no row could be inserted."""
    parents = _parent_values(connection, dialect, sampler.table)
    table = sampler.table.name
    if _attempt(connection, [(sampler.first_insert(dialect, parents), queries)]) is None:
        return None
    problem: str | None = None
    inserted = 0
    for number in range(_ATTEMPTS):
        for values in sampler.attempts(number, parents) if inserted < _ROWS else ():
            problem = _attempt(connection, [([_insert(dialect, table, values)], queries)])
            if problem is None:
                inserted += 1
                break
    return None if inserted else problem


@dataclass(frozen=True, slots=True)
class _Sampler:
    """Generates values for the rows of a table that will become `wanted`."""

    schema: Schema
    goal: Schema
    table: Table
    wanted: Table
    choices: Mapping[tuple[Name, str], tuple[str, ...]]
    names: NameMap = _NO_RENAMES

    def first_insert(self, dialect: Dialect, parents: Mapping[str, list[str]]) -> list[str]:
        """Return the statements that insert the rows to try first."""
        rows = [self.attempts(number, parents)[0] for number in range(_ROWS)]
        return _insert_all(dialect, self.table.name, rows)

    def attempts(self, number: int, parents: Mapping[str, list[str]]) -> list[dict[str, str]]:
        """Return the rows to try in this order, until one is accepted.

        Every second row first has values that conversions change: in all columns, then only in
        those that get another type. Then come usual values, and required columns only.
        """
        given = [
            column
            for column in self.table.columns
            if column.computed is None and column.identity is None and not column.autoincrement
        ]
        every = {column.name: self.value(column, number, parents) for column in given}
        needed = {c.name: every[c.name] for c in given if self.must_be_given(c)}
        if number == _ROWS - 1:
            return [needed, every]
        if number % 2 == 0:
            return [every, needed]
        edges = {c.name: edge for c in given if (edge := self.edge(c, number, parents))}
        converted = {c.name for c in given if self.after(c).type != c.type}
        only_converted = {name: edge for name, edge in edges.items() if name in converted}
        return [every | edges, every | only_converted, every, needed]

    def after(self, column: Column) -> Column:
        """Return the column after the migration, the same one if it is dropped."""
        new_name = self.names.column_after(self.table.name, column.name)
        return self.wanted.column(new_name) or column

    def edge(self, column: Column, number: int, parents: Mapping[str, list[str]]) -> str | None:
        """Return a literal that a conversion can change, None if the column accepts none."""
        is_listed = (self.table.name, column.name) in self.choices or column.type.enum is not None
        if column.name in parents or is_listed:
            return None
        after = self.after(column)
        if after.type.enum is not None or (_is_integer(column) and after.type == column.type):
            return None
        return edge_literal(column.type.sql, after.type.sql, column.name, number)

    def must_be_given(self, column: Column) -> bool:
        """Return whether a row needs a value, before or after the migration."""
        if column.default is not None:
            return False
        return not (column.nullable and self.after(column).nullable)

    def value(self, column: Column, number: int, parents: Mapping[str, list[str]]) -> str:
        """Return a literal for a column; a text can be converted to the type it will get."""
        if column.name in parents:
            values = parents[column.name]
            return values[number % len(values)] if values else "NULL"
        if choices := self.choices.get((self.table.name, column.name)):
            return quote_literal(choices[number % len(choices)])
        after = self.after(column)
        if _is_text(column) and after.type != column.type and not _is_text(after):
            return quote_literal(_as_text(self.plain(self.goal, after, number), after.type.sql))
        shorter = after if _is_text(column) and _is_text(after) else column
        return self.plain(self.schema, _shortest(column, shorter), number)

    def plain(self, schema: Schema, column: Column, number: int) -> str:
        """Return a literal that fits a column's type."""
        if column.type.enum is not None and not column.type.sql.endswith("[]"):
            values = schema.enums[column.type.enum].values
            return quote_literal(values[number % len(values)])
        return sample_literal(column.type.sql, column.name, number)


def _is_text(column: Column) -> bool:
    return column.type.enum is None and is_text_type(column.type.sql)


def _is_integer(column: Column) -> bool:
    return _INTEGER.match(column.type.sql) is not None


def _shortest(first: Column, second: Column) -> Column:
    return min(first, second, key=lambda column: type_length(column.type.sql))


def _as_text(literal: str, type_sql: str) -> str:
    """Return the text that becomes the value of a literal; MySQL has numbers for booleans."""
    if type_sql.startswith("tinyint(1)"):
        return "1" if literal == "true" else "0"
    return literal.strip("'")


def sample_literal(type_sql: str, name: str, number: int) -> str:
    """Return a literal of a type, a different one for each number; NULL for an unknown type."""
    make = _sample_maker(type_sql.lower())
    return "NULL" if make is None else make(name, number)


@lru_cache(1024)
def _sample_maker(type_sql: str) -> Callable[[str, int], str] | None:
    """Return what makes a literal of a type from a column's name and a number, if it is known."""
    if type_sql.endswith("]"):
        return lambda name, number: "'{}'"
    for pattern, make in _SAMPLES:
        if re.match(pattern, type_sql):
            return partial(_text, type_sql) if make is None else partial(_numbered, make)
    return None


def _numbered(make: Callable[[int], object], name: str, number: int) -> str:
    """Return a literal that does not depend on the column's name."""
    return str(make(number))


_SAMPLES: tuple[tuple[str, Any], ...] = (
    (r"bool|tinyint\(1\)", lambda n: "true" if n % 2 == 0 else "false"),
    (r"(tiny|small|medium|big)?int|integer|year", lambda n: n + 1),
    (r"numeric|decimal|real|float|double|money", lambda n: f"{n}.5"),
    (r"bit", lambda n: f"b'{n % 2}'"),
    (r"timestamp|datetime", lambda n: f"'{_DAY + dt.timedelta(days=n)} 04:05:06'"),
    (r"date\b", lambda n: f"'{_DAY + dt.timedelta(days=n)}'"),
    (r"time", lambda n: f"'0{n}:05:06'"),
    (r"interval", lambda n: f"'{n + 1} days'"),
    (r"uuid", lambda n: f"'00000000-0000-4000-8000-00000000000{n}'"),
    (r"json", lambda n: f"'{{\"n\": {n}}}'"),
    (r"bytea", lambda n: f"'\\x0{n}'"),
    (r".*blob|(var)?binary", lambda n: f"x'0{n}'"),
    (r"inet|cidr", lambda n: f"'10.0.0.{n + 1}'"),
    (r"macaddr", lambda n: f"'08:00:2b:01:02:0{n}'"),
    (r"int[48]range", lambda n: f"'[{n},{n + 1})'"),
    (r"numrange", lambda n: f"'[{n},{n + 1})'"),
    (r"\w*range", lambda n: "'empty'"),
    (r"\w*multirange|hstore", lambda n: "'{}'" if n < 0 else "''"),
    (r"enum\(|set\(", None),
    (r".*char|.*text|clob|citext|string|name|xml|tsvector", None),
)


def _text(type_sql: str, name: str, number: int) -> str:
    """Return a text that fits the length of its type, or one of the values of an enum."""
    if type_sql.startswith(("enum(", "set(")):
        values = re.findall(r"'((?:[^']|'')*)'", type_sql)
        return f"'{values[number % len(values)]}'"
    length = re.search(r"\((\d+)\)", type_sql)
    text = f"{name} {number}"
    if length is not None and len(text) > int(length[1]):
        text = str(number)[: int(length[1])]
    return quote_literal(text)


def _literal(dialect: Dialect, value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bool | int | float):
        return str(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return dialect.literal_bytes(bytes(value))
    return quote_literal(str(value))


def _parent_values(connection: Connection, dialect: Dialect, table: Table) -> dict[str, list[str]]:
    """Return literals of the values in the parent for each column of a foreign key, row by row."""
    found: dict[str, list[str]] = {}
    for key in table.foreign_keys:
        if key.referred == table.name:
            found |= {column: [] for column in key.columns}
            continue
        columns = ", ".join(dialect.quote(column) for column in key.referred_columns)
        query = f"SELECT {columns} FROM {dialect.quote_name(key.referred)} ORDER BY {columns}"
        try:
            rows = connection.exec_driver_sql(
                query, execution_options={"no_parameters": True}
            ).all()
        except SQLAlchemyError:
            rows = []
        for place, column in enumerate(key.columns):
            found[column] = [_literal(dialect, row[place]) for row in rows]
    return found


def _insert(dialect: Dialect, table: Name, values: Mapping[str, str]) -> str:
    """Return the INSERT of one row."""
    columns = ", ".join(dialect.quote(name) for name in values)
    body = f"({columns}) VALUES ({', '.join(values.values())})"
    body = body if values else dialect.features.insert_defaults
    return f"INSERT INTO {dialect.quote_name(table)} {body}"


def _insert_all(dialect: Dialect, table: Name, rows: Sequence[Mapping[str, str]]) -> list[str]:
    """Return the INSERT of all rows; several, if the database has no DEFAULT for single values."""
    names = list(dict.fromkeys(name for values in rows for name in values))
    if not names or not dialect.features.default_as_value:
        return [_insert(dialect, table, values) for values in rows]
    columns = ", ".join(map(dialect.quote, names))
    bodies = (", ".join(values.get(name, "DEFAULT") for name in names) for values in rows)
    all_values = ", ".join(f"({body})" for body in bodies)
    return [f"INSERT INTO {dialect.quote_name(table)} ({columns}) VALUES {all_values}"]


def _attempt(
    connection: Connection, inserts: Iterable[tuple[Sequence[str], Sequence[str]]]
) -> str | None:
    """Run all statements or none; return why, if one failed, or a query finds rows afterwards.

    inserts: the statements for each table, and the queries to run after them.
    """
    try:
        with connection.begin_nested() as savepoint:
            for statements, queries in inserts:
                for sql in statements:
                    _run(connection, sql)
                if any(_run(connection, query).first() is not None for query in queries):
                    savepoint.rollback()
                    return "the sample rows would prevent the migration"
    except SQLAlchemyError as error:
        return str(getattr(error, "orig", error)).partition("\n")[0]
    return None


def _run(connection: Connection, sql: str) -> CursorResult[Any]:
    return connection.exec_driver_sql(sql, execution_options={"no_parameters": True})
