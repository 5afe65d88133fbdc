"""A sample of the rows of a live database, to rehearse migrations with.

A bounded number of each table, and the rows that they point at, so that keys hold. The database
is only read from, in one transaction that can do nothing else, for a bounded time. No message
here holds a value of a row.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from autodiff.dialects.base import Dialect
from autodiff.dialects.scope import Scope
from autodiff.errors import DatabaseError
from autodiff.plan.order import order_tables
from autodiff.rehearse.sample_rows import Rows
from autodiff.schema.objects import Column, ForeignKey, Name, Schema, Table

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["Sample", "insert_sample", "read_sample"]

_CHUNK = 100
_MOST = 20
"""How many times as many rows as asked for a table may get, since others point at them."""

Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Rows by table, as they travel from one database to the other; and what is not among them."""

    rows: Rows
    notes: tuple[str, ...] = ()


def read_sample(
    connection: Connection, dialect: Dialect, scope: Scope, *, count: int, seconds: float
) -> Sample:
    """Up to `count` rows of each table, the first and the last by its key, and all parents.

    Takes `seconds` at most, and a tenth of it for each statement.
    """
    schema = dialect.catalog.reflect(connection, scope)
    with dialect.session.read_only_transaction(connection, seconds / 10):
        reader = _Reader(connection, dialect, schema, count, time.monotonic() + seconds)
        for name in sorted(schema.tables):
            reader.first(schema.tables[name])
        reader.parents()
    return Sample(rows=_whole(reader.rows, schema, reader.notes), notes=tuple(reader.notes))


class _Reader:
    """Collects rows, none twice."""

    def __init__(
        self, connection: Connection, dialect: Dialect, schema: Schema, count: int, until: float
    ) -> None:
        self.rows: Rows = {name: [] for name in sorted(schema.tables)}
        self.notes: list[str] = []
        self._connection = connection
        self._dialect = dialect
        self._schema = schema
        self._count = count
        self._until = until
        self._seen: dict[Name, set[Key]] = {name: set() for name in schema.tables}
        self._asked: set[tuple[Name, tuple[str, ...], Key]] = set()

    def first(self, table: Table) -> None:
        """The first and the last rows of a table."""
        key = table.primary_key
        if key is None:
            self._add(table, f"LIMIT {self._count}")
            return
        half = self._count - self._count // 2
        for word, count in (("ASC", half), ("DESC", self._count - half)):
            order = ", ".join(f"{self._quoted(column)} {word}" for column in key.columns)
            self._add(table, f"ORDER BY {order} LIMIT {count}")

    def parents(self) -> None:
        """The rows that others point at, and those that these point at, and so on."""
        while missing := self._missing():
            for (name, columns), keys in missing.items():
                for start in range(0, len(keys), _CHUNK):
                    self._fetch(self._schema.tables[name], columns, keys[start : start + _CHUNK])

    def _missing(self) -> dict[tuple[Name, tuple[str, ...]], list[Key]]:
        found: dict[tuple[Name, tuple[str, ...]], list[Key]] = {}
        if time.monotonic() > self._until:
            return found
        for table in self._schema.tables.values():
            for foreign in table.foreign_keys:
                if foreign.referred in self._schema.tables and not self._full(foreign.referred):
                    place = (foreign.referred, foreign.referred_columns)
                    wanted = self._new_keys(table, foreign)
                    if wanted:
                        found.setdefault(place, []).extend(wanted)
        return found

    def _full(self, name: Name) -> bool:
        return len(self.rows[name]) >= self._count * _MOST

    def _new_keys(self, table: Table, foreign: ForeignKey) -> list[Key]:
        """What a key points at that was not asked for yet."""
        wanted = _keys(self.rows[table.name], foreign.columns)
        present = set(_keys(self.rows[foreign.referred], foreign.referred_columns))
        place = (foreign.referred, foreign.referred_columns)
        new = [k for k in wanted if k not in present and (*place, k) not in self._asked]
        self._asked |= {(*place, key) for key in new}
        return new

    def _fetch(self, table: Table, columns: tuple[str, ...], keys: Sequence[Key]) -> None:
        conditions, values = [], {}
        for number, key in enumerate(keys):
            parts = []
            for place, name in enumerate(columns):
                column = table.column(name)
                if column is None:
                    return
                bind = f"p{number}_{place}"
                values[bind] = key[place]
                received = _escaped(self._dialect.row_copy.insert_expression(column, "?")).replace(
                    "?", f":{bind}", 1
                )
                parts.append(f"{self._quoted(name)} = {received}")
            conditions.append(f"({' AND '.join(parts)})")
        self._add(table, f"WHERE {' OR '.join(conditions)}", values)

    def _add(self, table: Table, rest: str, values: dict[str, Any] | None = None) -> None:
        if time.monotonic() > self._until:
            self._note("the sample is not whole: it took too long to read")
            return
        columns = [column for column in table.columns if column.computed is None]
        listed = ", ".join(
            f"{_escaped(self._dialect.row_copy.select_expression(column))} AS c{place}"
            for place, column in enumerate(columns)
        )
        name = _escaped(self._dialect.quote_name(table.name))
        query = sa.text(f"SELECT {listed} FROM {name} {rest}")
        try:
            with self._connection.begin_nested():
                found = self._connection.execute(query, values or {}).all()
        except SQLAlchemyError as error:
            self._note(f"rows of table {table.name} could not be read: {_kind(error)}")
            return
        for row in found:
            self._keep(table, dict(zip((c.name for c in columns), row, strict=True)))

    def _keep(self, table: Table, row: dict[str, Any]) -> None:
        key = table.primary_key
        if key is not None:
            values = tuple(str(row.get(column)) for column in key.columns)
            if values in self._seen[table.name]:
                return
            self._seen[table.name].add(values)
        self.rows[table.name].append(row)

    def _quoted(self, column: str) -> str:
        return _escaped(self._dialect.quote(column))

    def _note(self, note: str) -> None:
        if note not in self.notes:
            self.notes.append(note)


def _keys(rows: Iterable[dict[str, Any]], columns: Sequence[str]) -> list[Key]:
    """The values of columns, row by row, each once; none where one is NULL."""
    found = (tuple(row.get(column) for column in columns) for row in rows)
    return list(dict.fromkeys(key for key in found if None not in key))


def _whole(rows: Rows, schema: Schema, notes: list[str]) -> Rows:
    """The rows without those that point at what is not among them; `rows` is changed."""
    left_out: Counter[Name] = Counter()
    while True:
        before = sum(map(len, rows.values()))
        for table in schema.tables.values():
            for foreign in table.foreign_keys:
                if foreign.referred not in rows:
                    continue
                known = _keys(rows[foreign.referred], foreign.referred_columns)
                present = {_loosely(key) for key in known}
                kept = [r for r in rows[table.name] if _points(r, foreign, present)]
                left_out[table.name] += len(rows[table.name]) - len(kept)
                rows[table.name] = kept
        if sum(map(len, rows.values())) == before:
            break
    notes += [
        f"{count} rows of table {name} are left out: what they point at is not in the sample"
        for name, count in sorted(left_out.items())
        if count
    ]
    return rows


def _points(row: dict[str, Any], foreign: ForeignKey, present: set[Key]) -> bool:
    key = tuple(row.get(column) for column in foreign.columns)
    return None in key or _loosely(key) in present


def _loosely(key: Key) -> Key:
    """A key as databases that don't know case and padding compare it."""
    return tuple(str(value).rstrip().casefold() for value in key)


def insert_sample(
    connection: Connection, dialect: Dialect, schema: Schema, sample: Sample
) -> list[str]:
    """Puts a sample into the tables of a scratch; a note for what does not fit there.

    Raises DatabaseError, without any value, where it can't be done at all.
    """
    notes: list[str] = [
        f"the rows of table {name} are left out: the migrations make no such table"
        for name, rows in sample.rows.items()
        if rows and name not in schema.tables
    ]
    order, _ = order_tables(schema.tables)
    tables = [schema.tables[table.name] for table in order]
    rows = {table.name: list(sample.rows.get(table.name, [])) for table in tables}
    try:
        with dialect.row_copy.disable_foreign_keys(connection, tables):
            while not _inserted(connection, dialect, tables, _whole(rows, schema, notes), notes):
                for table in tables:
                    connection.exec_driver_sql(f"DELETE FROM {dialect.quote_name(table.name)}")
        for table in tables:
            dialect.row_copy.advance_sequences(connection, table)
    except SQLAlchemyError as error:
        # Not from the error: its message may hold values.
        raise DatabaseError(
            f"the live rows can't be put into the scratch: {_kind(error)}",
            hint="rehearse with made-up rows: leave --from-data out",
        ) from None
    return notes


def _inserted(
    connection: Connection, dialect: Dialect, tables: Sequence[Table], rows: Rows, notes: list[str]
) -> bool:
    """Whether all rows went in; those that did not are taken out of `rows`."""
    whole = True
    for table in tables:
        failed = _insert(connection, dialect, table, rows[table.name])
        if failed:
            whole = False
            rows[table.name] = [row for row in rows[table.name] if id(row) not in failed]
            notes += [
                f"{count} rows of table {table.name} are left out: they don't fit there ({kind})"
                for kind, count in sorted(Counter(failed.values()).items())
            ]
    return whole


def _insert(
    connection: Connection, dialect: Dialect, table: Table, rows: list[dict[str, Any]]
) -> dict[int, str]:
    """Inserts rows; of those that did not go in, by `id`, the kind of error."""
    if not rows:
        return {}
    columns = [c for c in table.columns if c.computed is None and c.name in rows[0]]
    query = sa.text(_insert_sql(dialect, table.name, columns))
    values = [{f"p{n}": row[column.name] for n, column in enumerate(columns)} for row in rows]
    try:
        with connection.begin_nested():
            connection.execute(query, values)
    except SQLAlchemyError:
        return _one_by_one(connection, query, rows, values)
    return {}


def _insert_sql(dialect: Dialect, name: Name, columns: Sequence[Column]) -> str:
    listed = ", ".join(_escaped(dialect.quote(column.name)) for column in columns)
    places = ", ".join(
        _escaped(dialect.row_copy.insert_expression(column, "?")).replace("?", f":p{number}", 1)
        for number, column in enumerate(columns)
    )
    words = dialect.features.insert_identity
    return f"INSERT INTO {_escaped(dialect.quote_name(name))} ({listed}){words} VALUES ({places})"


def _one_by_one(
    connection: Connection,
    query: sa.TextClause,
    rows: Sequence[dict[str, Any]],
    values: Sequence[dict[str, Any]],
) -> dict[int, str]:
    failed: dict[int, str] = {}
    for row, bound in zip(rows, values, strict=True):
        try:
            with connection.begin_nested():
                connection.execute(query, bound)
        except SQLAlchemyError as error:
            failed[id(row)] = _kind(error)
    return failed


def _kind(error: SQLAlchemyError) -> str:
    """The kind of an error, without its message, which may hold values."""
    return type(getattr(error, "orig", None) or error).__name__


def _escaped(sql: str) -> str:
    """SQL for sqlalchemy.text, which takes what stands behind a colon for a parameter."""
    return sql.replace(":", "\\:")
