"""Asking about live rows: SQLite asks now and then whether to go on, and refuses to write."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["asking"]

_STEPS = 10_000
"""Steps of SQLite's machine between two questions: well under a millisecond."""


@contextmanager
def asking(connection: Connection, seconds: float) -> Iterator[None]:
    """The time counts from here."""
    begun = connection.in_transaction()
    driver: Any = connection.connection.driver_connection
    end = time.monotonic() + seconds
    before = connection.exec_driver_sql("PRAGMA query_only").scalar_one()
    connection.exec_driver_sql("PRAGMA query_only = ON")
    driver.set_progress_handler(lambda: time.monotonic() > end, _STEPS)
    try:
        yield
    finally:
        driver.set_progress_handler(None, 0)
        connection.exec_driver_sql(f"PRAGMA query_only = {before}")
        if not begun:
            connection.rollback()
