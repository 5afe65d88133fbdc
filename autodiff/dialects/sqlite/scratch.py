"""Scratch databases of SQLite: in memory, gone when they are closed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from autodiff.dialects.scratch import Scratch

__all__ = ["SQLiteScratch"]


class SQLiteScratch(Scratch):
    """Opens databases in memory."""

    @contextmanager
    def open(
        self, connection: Connection | None, *, namespaces: Sequence[str] = (), create: bool
    ) -> Iterator[Connection | None]:
        """Open a new database in memory, with another one attached for each namespace."""
        engine = sa.create_engine("sqlite://", poolclass=sa.pool.StaticPool)
        try:
            with engine.connect() as opened:
                quote = engine.dialect.identifier_preparer.quote
                for namespace in namespaces:
                    opened.exec_driver_sql(f"ATTACH ':memory:' AS {quote(namespace)}")
                opened.commit()
                yield opened
        finally:
            engine.dispose()

    def contents(self, connection: Connection) -> list[str]:
        """List the objects of the main database and the attached ones, without SQLite's own."""
        quote = connection.dialect.identifier_preparer.quote
        found: list[str] = []
        for _, schema, _ in connection.exec_driver_sql("PRAGMA database_list").all():
            query = f"SELECT type, name FROM {quote(schema)}.sqlite_master"
            prefix = "" if schema == "main" else f"{schema}."
            rows = connection.exec_driver_sql(query)
            kept = (row for row in rows if not row.name.startswith("sqlite_"))
            found += [f"{row.type} {prefix}{row.name}" for row in kept]
        return sorted(found)
