"""Transactions of a migration on PostgreSQL, whose DDL is transactional."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.engine import Connection

__all__ = ["reading", "transaction"]


@contextmanager
def transaction(connection: Connection) -> Iterator[None]:
    """BEGIN and COMMIT; ROLLBACK on any error."""
    with connection.begin():
        yield


@contextmanager
def reading(connection: Connection, seconds: float) -> Iterator[None]:
    """One snapshot, read-only; rolled back."""
    connection.rollback()
    with connection.begin() as whole:
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = {max(int(seconds * 1000), 1)}")
        yield
        whole.rollback()
