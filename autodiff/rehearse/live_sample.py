"""Copy a sample of the live rows to a scratch database.

The sample has a limited number of rows of each table, and the rows that they reference, so that
foreign keys are valid. The live database is only read, in one read-only transaction with a time
limit. No message contains a value of a row.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from autodiff.dialects.base import Dialect
from autodiff.dialects.scope import Scope
from autodiff.errors import DatabaseError
from autodiff.plan.order import order_tables
from autodiff.rehearse.sample_rows import Rows, row_of
from autodiff.schema.objects import Column, ForeignKey, Name, Schema, Table
from autodiff.utils.counting import counted

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["Sample", "insert_sample", "read_sample"]

_KEYS_PER_QUERY = 100
"""Enough that few queries are needed, few enough that the SQL stays short on every database."""
_MAX_PARENTS_FACTOR = 20
"""How many times the requested count a table may get because others reference its rows.

Without a limit, a sample of many tables could copy a whole parent table.
"""

Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Rows by table, in the form in which they are copied between databases, and notes."""

    rows: Rows
    notes: tuple[str, ...] = ()


def read_sample(
    connection: Connection, dialect: Dialect, scope: Scope, *, count: int, seconds: float
) -> Sample:
    """Return up to `count` rows of each table, the first and the last by key, and their parents.

    seconds: the time limit; each statement may take a tenth of it, so that one slow table does not
    use up the time of all others.
    """
    schema = dialect.catalog.reflect(connection, scope)
    with dialect.session.read_only_transaction(connection, seconds / 10):
        reader = _SampleReader(connection, dialect, schema, count, time.monotonic() + seconds)
        for name in sorted(schema.tables):
            reader.first(schema.tables[name])
        reader.parents()
    return Sample(rows=_drop_orphans(reader.rows, schema, reader.notes), notes=tuple(reader.notes))


class _SampleReader:
    """Collects rows, each once."""

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
        """Read the first and the last rows of a table."""
        key = table.primary_key
        if key is None:
            self._add(table, f"LIMIT {self._count}")
            return
        half = self._count - self._count // 2
        for word, count in (("ASC", half), ("DESC", self._count - half)):
            order = ", ".join(f"{self._quoted(column)} {word}" for column in key.columns)
            self._add(table, f"ORDER BY {order} LIMIT {count}")

    def parents(self) -> None:
        """Read the rows that others reference, then the rows that these reference, and so on."""
        while missing := self._missing():
            for (name, columns), keys in missing.items():
                for start in range(0, len(keys), _KEYS_PER_QUERY):
                    self._fetch(
                        self._schema.tables[name], columns, keys[start : start + _KEYS_PER_QUERY]
                    )

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
        return len(self.rows[name]) >= self._count * _MAX_PARENTS_FACTOR

    def _new_keys(self, table: Table, foreign: ForeignKey) -> list[Key]:
        """Return the referenced keys that were not queried yet."""
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
            self._note("the sample is incomplete: the time limit was reached")
            return
        columns = [column for column in table.columns if column.computed is None]
        listed = ", ".join(
            f"{_escaped(self._dialect.row_copy.select_expression(column))} AS c{place}"
            for place, column in enumerate(columns)
        )
        name = _escaped(self._dialect.quote_name(table.name))
        query = sa.text(f"SELECT {listed} FROM {name} {rest}")
        try:
            with self._kept_transaction():
                found = self._connection.execute(query, values or {}).all()
        except SQLAlchemyError as error:
            self._note(f"rows of table {table.name} could not be read: {_kind(error)}")
            return
        for row in found:
            self._keep(table, row_of((c.name for c in columns), row))

    @contextmanager
    def _kept_transaction(self) -> Iterator[None]:
        """Let the connection be usable after a query that fails."""
        if self._dialect.features.savepoints:
            with self._connection.begin_nested():
                yield
            return
        try:
            yield
        except SQLAlchemyError:
            self._connection.rollback()
            raise

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
    """Return the distinct values of the columns in row order, without rows that have a NULL."""
    found = (tuple(row.get(column) for column in columns) for row in rows)
    return list(dict.fromkeys(key for key in found if None not in key))


def _drop_orphans(rows: Rows, schema: Schema, notes: list[str]) -> Rows:
    """Remove the rows that reference rows outside of the sample; `rows` is changed."""
    left_out: Counter[Name] = Counter()
    while True:
        before = sum(map(len, rows.values()))
        for table in schema.tables.values():
            for foreign in table.foreign_keys:
                if foreign.referred not in rows:
                    continue
                known = _keys(rows[foreign.referred], foreign.referred_columns)
                present = {_comparable_key(key) for key in known}
                kept = [r for r in rows[table.name] if _has_parent(r, foreign, present)]
                left_out[table.name] += len(rows[table.name]) - len(kept)
                rows[table.name] = kept
        if sum(map(len, rows.values())) == before:
            break
    notes += [
        f"{counted(count, 'row')} of table {name} left out: referenced rows are not in the sample"
        for name, count in sorted(left_out.items())
        if count
    ]
    return rows


def _has_parent(row: dict[str, Any], foreign: ForeignKey, present: set[Key]) -> bool:
    key = tuple(row.get(column) for column in foreign.columns)
    return None in key or _comparable_key(key) in present


def _comparable_key(key: Key) -> Key:
    """Return a key in the form in which case-insensitive, padded comparisons see it."""
    return tuple(str(value).rstrip().casefold() for value in key)


def insert_sample(
    connection: Connection, dialect: Dialect, schema: Schema, sample: Sample
) -> list[str]:
    """Insert a sample into the tables of a scratch, and return a note for what does not fit.

    Raises DatabaseError, without any value, if that is impossible.
    """
    notes: list[str] = [
        f"the rows of table {name} are left out: no migration creates that table"
        for name, rows in sample.rows.items()
        if rows and name not in schema.tables
    ]
    order, _ = order_tables(schema.tables)
    tables = [schema.tables[table.name] for table in order]
    rows = {table.name: list(sample.rows.get(table.name, [])) for table in tables}
    try:
        with dialect.row_copy.disable_foreign_keys(connection, tables):
            while not _insert_all(
                connection, dialect, tables, _drop_orphans(rows, schema, notes), notes
            ):
                for table in tables:
                    connection.exec_driver_sql(
                        f"DELETE FROM {dialect.quote_name(table.name)}",
                        execution_options={"no_parameters": True},
                    )
        for table in tables:
            dialect.row_copy.advance_sequences(connection, table)
    except SQLAlchemyError as error:
        # `from None`: the message of the error can contain values.
        raise DatabaseError(
            f"cannot insert the live rows into the scratch database: {_kind(error)}",
            hint="rehearse with sample rows: omit --from-data",
        ) from None
    return notes


def _insert_all(
    connection: Connection, dialect: Dialect, tables: Sequence[Table], rows: Rows, notes: list[str]
) -> bool:
    """Return whether all rows were inserted; the others are removed from `rows`."""
    complete = True
    for table in tables:
        failed = _insert(connection, dialect, table, rows[table.name])
        if failed:
            complete = False
            rows[table.name] = [row for row in rows[table.name] if id(row) not in failed]
            notes += [
                f"{counted(count, 'row')} of table {table.name} left out: refused by the scratch "
                f"database ({kind})"
                for kind, count in sorted(Counter(failed.values()).items())
            ]
    return complete


def _insert(
    connection: Connection, dialect: Dialect, table: Table, rows: list[dict[str, Any]]
) -> dict[int, str]:
    """Insert rows, and return the kind of error by the `id` of each row that failed."""
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
    """Return the kind of an error, without its message, which can contain values."""
    return type(getattr(error, "orig", None) or error).__name__


def _escaped(sql: str) -> str:
    """Return SQL for sqlalchemy.text, which reads a word after a colon as a parameter."""
    return sql.replace(":", "\\:")
