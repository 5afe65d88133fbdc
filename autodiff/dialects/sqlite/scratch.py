"""A scratch SQLite database: in memory, gone when it is closed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy.engine import Connection

__all__ = ["scratch"]


@contextmanager
def scratch(namespaces: Sequence[str]) -> Iterator[Connection]:
    """A connection to a new database in memory, with each namespace attached as another one."""
    engine = sa.create_engine("sqlite://", poolclass=sa.pool.StaticPool)
    try:
        with engine.connect() as connection:
            quote = engine.dialect.identifier_preparer.quote
            for namespace in namespaces:
                connection.exec_driver_sql(f"ATTACH ':memory:' AS {quote(namespace)}")
            connection.commit()
            yield connection
    finally:
        engine.dispose()
