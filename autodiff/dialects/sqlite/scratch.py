"""A scratch SQLite database: in memory, gone when it is closed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy.engine import Connection

__all__ = ["contents", "scratch"]


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


def contents(connection: Connection) -> list[str]:
    """What is in the main database and the attached ones, without what SQLite puts there."""
    quote = connection.dialect.identifier_preparer.quote
    found: list[str] = []
    for _, schema, _ in connection.exec_driver_sql("PRAGMA database_list").all():
        rows = connection.exec_driver_sql(f"SELECT type, name FROM {quote(schema)}.sqlite_master")
        prefix = "" if schema == "main" else f"{schema}."
        kept = (row for row in rows if not row.name.startswith("sqlite_"))
        found += [f"{row.type} {prefix}{row.name}" for row in kept]
    return sorted(found)
