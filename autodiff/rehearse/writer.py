"""Write to the tables of a rehearsal from a second connection, and measure how long it waits."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from sqlalchemy import event
from sqlalchemy.exc import SQLAlchemyError

from autodiff.dialects import Dialect
from autodiff.rehearse.measured import is_of_migration
from autodiff.schema.objects import Schema, Table

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["StepWait", "WriteWaits", "write_beside"]

_START = 5.0
"""Seconds to wait for the first statement: without it, a quick migration would be over before."""
_PAUSE = 0.002
"""Seconds between two statements, so that the migration has the server to itself for a while."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepWait:
    """How long the writer waited while a statement of the migration ran, in seconds."""

    sql: str
    seconds: float


class WriteWaits:
    """How long the statements of a writer took: `longest` in seconds, `count` of them."""

    def __init__(self) -> None:
        self.longest = 0.0
        self.count = 0
        self._writes: list[tuple[float, float]] = []
        self._steps: list[tuple[float, str]] = []
        self._end: float | None = None

    def add(self, began: float, ended: float) -> None:
        """Note a statement of the writer."""
        self.longest = max(self.longest, ended - began)
        self.count += 1
        self._writes.append((began, ended))

    @contextmanager
    def noting_steps(self, connection: Connection) -> Iterator[None]:
        """Note when each statement of a migration begins.

        Its locks last until the next one begins, and those of the last one until the end.
        """

        def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            if is_of_migration(statement):
                self._steps.append((time.monotonic(), " ".join(statement.split())))

        event.listen(connection, "before_cursor_execute", note)
        try:
            yield
        finally:
            event.remove(connection, "before_cursor_execute", note)
            self._end = time.monotonic()

    def by_step(self) -> tuple[StepWait, ...]:
        """Return the longest wait during each statement of the migration, in their order."""
        longest: dict[str, float] = {}
        last = (self._end or time.monotonic(), "")
        for (began, sql), (end, _) in pairwise((*self._steps, last)):
            waits = (min(e, end) - max(b, began) for b, e in self._writes)
            longest[sql] = max([longest.get(sql, 0.0), *waits])
        return tuple(StepWait(sql=sql, seconds=seconds) for sql, seconds in longest.items())


@contextmanager
def write_beside(
    connection: Connection, dialect: Dialect, schema: Schema, waits: WriteWaits
) -> Iterator[None]:
    """Update every table again and again, from another connection to the same database.

    The statements set columns to the values that they have, so that no row changes. A statement
    that fails, because the migration has dropped its column, counts as well: it has waited too.
    """
    statements = [sql for table in schema.tables.values() for sql in _updates(table, dialect)]
    if not statements:
        yield
        return
    stop, started = threading.Event(), threading.Event()
    with connection.engine.connect() as writer:
        writer.execution_options(isolation_level="AUTOCOMMIT")
        thread = threading.Thread(
            target=_write, args=(writer, statements, waits, stop, started), name="autodiff-writer"
        )
        thread.start()
        try:
            started.wait(_START)
            with waits.noting_steps(connection):
                yield
        finally:
            stop.set()
            thread.join()


def _updates(table: Table, dialect: Dialect) -> Iterator[str]:
    """Yield an UPDATE that changes no value; none if the database computes all columns."""
    keys = table.primary_key.columns if table.primary_key is not None else ()
    usable = [c.name for c in table.columns if c.computed is None and c.identity is None]
    column = next((name for name in usable if name not in keys), None) or next(iter(usable), None)
    if column is not None:
        quoted = dialect.quote(column)
        yield f"UPDATE {dialect.quote_name(table.name)} SET {quoted} = {quoted}"


def _write(
    writer: Connection,
    statements: Sequence[str],
    waits: WriteWaits,
    stop: threading.Event,
    started: threading.Event,
) -> None:
    while not stop.is_set():
        for sql in statements:
            began = time.monotonic()
            with suppress(SQLAlchemyError):
                writer.exec_driver_sql(sql, execution_options={"no_parameters": True})
            waits.add(began, time.monotonic())
            started.set()
        stop.wait(_PAUSE)
