"""Versions of an application that use a table while it is migrated."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import sqlalchemy as sa

__all__ = ["Version"]


@dataclass
class Version:
    """One version of an application, which writes and reads its own column all the time.

    value: returns the value to write for a row and a number.
    written: the values by the id of their row. slowest: seconds of the slowest statement.
    """

    url: sa.URL
    table: str
    column: str
    first: int
    oldest: int
    value: Callable[[int, int], object] = lambda row, number: number
    written: dict[int, object] = field(default_factory=dict)
    errors: list[Exception] = field(default_factory=list)
    slowest: float = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run it in a thread, and stop it at the end, when it has written some more rows."""
        self._stop = threading.Event()
        thread = threading.Thread(target=self._run)
        thread.start()
        try:
            self.write_more()
            yield
            self.write_more()
        finally:
            self._stop.set()
            thread.join()

    def write_more(self) -> None:
        """Wait until it has written some more rows, or failed."""
        enough, limit = len(self.written) + 20, time.monotonic() + 20
        while len(self.written) < enough and not self.errors and time.monotonic() < limit:
            time.sleep(0.01)

    def _run(self) -> None:
        # A prepared statement fails once on PostgreSQL if a column that it returns has a new type.
        unprepared = {"prepare_threshold": None} if "psycopg" in self.url.drivername else {}
        engine = sa.create_engine(
            self.url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool, connect_args=unprepared
        )
        table = sa.table(self.table, sa.column("id"), sa.column(self.column))
        with engine.connect() as connection:
            while not self._stop.is_set():
                number = self.first + len(self.written)
                started = time.monotonic()
                try:
                    self._write(connection, table, number)
                except Exception as error:
                    self.errors.append(error)
                    return
                self.slowest = max(self.slowest, time.monotonic() - started)

    def _write(self, connection: sa.Connection, table: sa.TableClause, number: int) -> None:
        """Insert a row, change the one before it and one that was there first, and read it."""
        first = self.value(number, number)
        connection.execute(sa.insert(table), {"id": number, self.column: first})
        self.written[number] = first
        for other in (number - 1, self.oldest):
            value = self.value(other, number)
            update = sa.update(table).where(table.c.id == other).values({self.column: value})
            if connection.execute(update).rowcount and other != self.oldest:
                self.written[other] = value
        read = sa.select(table.c[self.column]).where(table.c.id == number)
        assert connection.execute(read).scalar_one() == first
