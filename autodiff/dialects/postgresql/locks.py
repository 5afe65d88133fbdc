"""Transactions of a migration on PostgreSQL, whose DDL is transactional."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.engine import Connection

__all__ = ["transaction"]


@contextmanager
def transaction(connection: Connection) -> Iterator[None]:
    """BEGIN and COMMIT; ROLLBACK on any error."""
    with connection.begin():
        yield
