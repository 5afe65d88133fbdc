"""Write to the tables of a rehearsal from a second connection, and measure how long it waits."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from autodiff.dialects import Dialect
from autodiff.schema.objects import Schema, Table

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["WriteWaits", "write_beside"]

_START = 5.0
"""Seconds to wait for the first statement: without it, a quick migration would be over before."""
_PAUSE = 0.002
"""Seconds between two statements, so that the migration has the server to itself for a while."""


class WriteWaits:
    """How long the statements of a writer took: `longest` in seconds, `count` of them."""

    def __init__(self) -> None:
        self.longest = 0.0
        self.count = 0

    def add(self, seconds: float) -> None:
        """Note a statement."""
        self.longest = max(self.longest, seconds)
        self.count += 1


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
            waits.add(time.monotonic() - began)
            started.set()
        stop.wait(_PAUSE)
