"""A scratch on a PostgreSQL server: schemas inside a transaction that is rolled back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

__all__ = ["PREFIX", "scratch"]

PREFIX = "autodiff_scratch"
"""What the name of each scratch schema starts with."""


@contextmanager
def scratch(connection: Connection, namespaces: Sequence[str]) -> Iterator[Connection | None]:
    """A second connection to the database, in a transaction, with new schemas.

    The first one stands for the default schema and comes first in the search path, so that
    names find what the live database has where the scratch has nothing of that name. None where
    the user may not create a schema. Nothing is left: the transaction is rolled back.
    """
    path = connection.exec_driver_sql("SHOW search_path").scalar()
    with connection.engine.connect() as second:
        transaction = second.begin()
        try:
            quote = second.dialect.identifier_preparer.quote
            try:
                second.exec_driver_sql(f"CREATE SCHEMA {PREFIX}")
                for namespace in namespaces:
                    second.exec_driver_sql(f"CREATE SCHEMA {quote(f'{PREFIX}_{namespace}')}")
            except SQLAlchemyError:
                yield None
                return
            second.exec_driver_sql(f"SET LOCAL search_path = {PREFIX}, {path}")
            yield second
        finally:
            transaction.rollback()
