"""Asking about live rows: each statement limited in time, in a transaction that can't write."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from autodiff.dialects.mysql.session.transactions import limited

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["asking"]


@contextmanager
def asking(connection: Connection, seconds: float, *, is_mariadb: bool) -> Iterator[None]:
    """A transaction that is open already stays: only a new one can be read-only."""
    begun = connection.in_transaction()
    try:
        with limited(connection, seconds, is_mariadb=is_mariadb):
            if not begun:
                connection.exec_driver_sql("START TRANSACTION READ ONLY")
            yield
    finally:
        if not begun:
            connection.rollback()
