"""Asking about live rows: in a savepoint that can't write, each statement limited in time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["asking"]


@contextmanager
def asking(connection: Connection, seconds: float) -> Iterator[None]:
    """What SET LOCAL sets in a savepoint goes with it when it is rolled back."""
    begun = connection.in_transaction()
    savepoint = connection.begin_nested()
    try:
        connection.exec_driver_sql("SET LOCAL transaction_read_only = on")
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = {int(seconds * 1000)}")
        yield
    finally:
        savepoint.rollback()
        if not begun:
            connection.rollback()
