"""Update many rows in batches, each a range of the primary key.

If each batch is committed on its own, the key of its last row is journaled with it, and a killed
run is resumed after that row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from autodiff.dialects.base import Dialect
from autodiff.dialects.type_names import is_rowid_type, split_type
from autodiff.errors import MigrationFailedError, database_words
from autodiff.runner.backfill_position import Position
from autodiff.runner.events import BackfillProgress
from autodiff.schema.objects import Table
from autodiff.schema.operations import Backfill
from autodiff.schema.sqltext import mentions

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["BATCH_SIZE", "BatchRecorder", "fill_in_batches"]

BATCH_SIZE = 10_000
"""Rows of one UPDATE by default: it takes about a second, so locks are short and progress shows."""

_Key = tuple[Any, ...]
_PLACE = "_autodiff_key_"
"""Placeholder for a value of the key, until the driver's parameter style is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRecorder:
    """How batches are committed and journaled; by default with the rest of their transaction.

    before: the position that an earlier run reached, None if it did not begin.
    together: opens a transaction around a batch and its journal entry.
    reached: journals a position inside that transaction; None is the end.
    """

    before: Position | None = None
    together: Callable[[], AbstractContextManager[None]] | None = None
    reached: Callable[[Position | None], None] = lambda position: None

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Enclose one batch."""
        if self.together is None:
            yield
            return
        with self.together():
            yield


def fill_in_batches(
    connection: Connection,
    dialect: Dialect,
    operation: Backfill,
    table: Table,
    on_batch: Callable[[BackfillProgress], None],
    recorder: BatchRecorder,
) -> None:
    """Run the UPDATE in batches, or as one if the table can't be split by its key.

    Rows that an earlier run has filled are skipped.

    Raises MigrationFailedError if the database refuses the statement.
    """
    from sqlalchemy.exc import DBAPIError

    [statement] = dialect.ddl.statements(operation, table)
    walk = _Walk(
        connection=connection, dialect=dialect, operation=operation, table=table, recorder=recorder
    )
    try:
        if walk.possible:
            walk.run(on_batch)
            return
        with recorder.batch():
            connection.exec_driver_sql(statement, execution_options={"no_parameters": True})
            recorder.reached(None)
    except DBAPIError as error:
        raise MigrationFailedError(database_words(error.orig), statement=statement) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class _Walk:
    """Updates the rows of a table in the order of its primary key."""

    connection: Connection
    dialect: Dialect
    operation: Backfill
    table: Table
    recorder: BatchRecorder

    @property
    def size(self) -> int:
        return max(self.operation.batch_size or BATCH_SIZE, 1)

    @property
    def key(self) -> tuple[str, ...]:
        primary = self.table.primary_key
        return primary.columns if primary is not None else ()

    @property
    def possible(self) -> bool:
        """Whether batches do what one UPDATE does: no batch reads what an earlier one set."""
        texts = [sql for _, sql in self.operation.values] + [self.operation.where or ""]
        own = self.table.name.name
        return (
            self._every_row_has_a_key()
            and not self._has_bits_as_key()
            and not {column for column, _ in self.operation.values} & set(self.key)
            and not any(mentions(text, "select") and mentions(text, own) for text in texts)
        )

    def _every_row_has_a_key(self) -> bool:
        """Return whether no key is NULL, which SQLite allows unless the key is the rowid."""
        columns = [column for column in self.table.columns if column.name in self.key]
        numbered = len(columns) == 1 and is_rowid_type(columns[0].type.sql)
        return bool(columns) and (numbered or not any(column.nullable for column in columns))

    def _has_bits_as_key(self) -> bool:
        """Return whether MySQL and MariaDB would not compare the key with what the driver reads."""
        columns = [column for column in self.table.columns if column.name in self.key]
        return any(split_type(column.type.sql)[0] == "bit" for column in columns)

    def run(self, on_batch: Callable[[BackfillProgress], None]) -> None:
        """Update batch after batch; report nothing if there is only one."""
        before = self.recorder.before
        low, done, total = None, 0, 0
        if before is not None:
            low, done = before.key, before.done
            total = done + self._count(low)
            self._report(on_batch, done, total)
        while True:
            end = self._end_of_batch(low)
            high = end if end != low else None
            if high is not None and total == 0:
                total = self._count(None)
            with self.recorder.batch():
                done += self._update(low, high)
                self.recorder.reached(None if high is None else Position(key=high, done=done))
            self._report(on_batch, done, total)
            if high is None:
                return
            low = high

    def _report(self, on_batch: Callable[[BackfillProgress], None], done: int, total: int) -> None:
        if total:
            name = str(self.table.name)
            on_batch(BackfillProgress(table=name, done=min(done, total), total=total))

    def _end_of_batch(self, low: _Key | None) -> _Key | None:
        """Return the key of the last row of the next batch.

        None if fewer rows are left, or if the key cannot be sent back: Python has no date for
        infinity, and an array may arrive as an array of another type.

        PostgreSQL has no statistics of a new column, and expects that few rows are NULL: it would
        sort the whole table for each batch. CASE hides the condition, so that it takes the key.
        """
        from sqlalchemy.exc import DataError

        names = ", ".join(map(self.dialect.quote, self.key))
        query = (
            f"SELECT {names} FROM {self._source}{self._where(low, None, hidden=True)} "
            f"ORDER BY {names} LIMIT 1 OFFSET {self.size - 1}"
        )
        result = self._execute(query, low, None)
        try:
            row = result.first()
        except DataError:
            return None
        key = None if row is None else tuple(row)
        return key if key and Position(key=key, done=0).encoded() is not None else None

    def _count(self, low: _Key | None) -> int:
        query = f"SELECT count(*) FROM {self._source}{self._where(low, None)}"
        return int(self._execute(query, low, None).scalar_one())

    def _update(self, low: _Key | None, high: _Key | None) -> int:
        where = self._where(low, high).removeprefix(" WHERE ") or None
        [statement] = self.dialect.ddl.statements(replace(self.operation, where=where), self.table)
        return int(self._execute(statement, low, high).rowcount)

    @property
    def _source(self) -> str:
        return self.dialect.quote_name(self.table.name)

    def _where(self, low: _Key | None, high: _Key | None, *, hidden: bool = False) -> str:
        """Return the condition of the operation, hidden from the planner or not, and the bounds."""
        where = self.operation.where
        if where and hidden:
            where = f"CASE WHEN ({where}) THEN TRUE ELSE FALSE END"
        bounds = [self._bound(">")] if low is not None else []
        bounds += [self._bound("<=")] if high is not None else []
        parts = ([f"({where})" if bounds else where] if where else []) + bounds
        return f" WHERE {' AND '.join(parts)}" if parts else ""

    def _bound(self, sign: str) -> str:
        names = [self.dialect.quote(name) for name in self.key]
        if len(names) == 1:
            return f"{names[0]} {sign} {_PLACE}"
        return f"({', '.join(names)}) {sign} ({', '.join([_PLACE] * len(names))})"

    def _execute(self, sql: str, low: _Key | None, high: _Key | None) -> Any:
        """Run a statement with the values of the keys as parameters."""
        values = (*(low or ()), *(high or ()))
        if not values:
            return self.connection.exec_driver_sql(sql, execution_options={"no_parameters": True})
        marker = "?"
        if self.connection.dialect.paramstyle in ("format", "pyformat"):
            sql, marker = sql.replace("%", "%%"), "%s"
        return self.connection.exec_driver_sql(sql.replace(_PLACE, marker), values)
