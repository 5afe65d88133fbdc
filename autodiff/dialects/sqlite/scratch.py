"""Scratch databases of SQLite, in memory: closing the connection removes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from autodiff.dialects.scratch import Scratch

__all__ = ["SQLiteScratch"]


class SQLiteScratch(Scratch):
    """Opens databases in memory, so that no server and no privilege is needed."""

    @contextmanager
    def open(
        self, connection: Connection | None, *, namespaces: Sequence[str] = (), create: bool
    ) -> Iterator[Connection | None]:
        """Open a new database in memory, with another one attached for each namespace."""
        # each connection to an in-memory database opens a new one, so the pool keeps one connection
        engine = sa.create_engine("sqlite://", poolclass=sa.pool.StaticPool)
        try:
            with engine.connect() as opened:
                quote = engine.dialect.identifier_preparer.quote_identifier
                for namespace in namespaces:
                    opened.exec_driver_sql(f"ATTACH ':memory:' AS {quote(namespace)}")
                opened.commit()
                yield opened
        finally:
            engine.dispose()

    def identity(self, connection: Connection) -> str:
        """Return the path of the file, empty for a database in memory."""
        rows = connection.exec_driver_sql("PRAGMA database_list").all()
        return next((file or "" for _, name, file in rows if name == "main"), "")

    def contents(self, connection: Connection) -> list[str]:
        """List the objects of all attached databases, without SQLite's internal ones."""
        quote = connection.dialect.identifier_preparer.quote_identifier
        found: list[str] = []
        for _, schema, _ in connection.exec_driver_sql("PRAGMA database_list").all():
            query = f"SELECT type, name FROM {quote(schema)}.sqlite_master"
            prefix = "" if schema == "main" else f"{schema}."
            rows = connection.exec_driver_sql(query)
            own = (row for row in rows if not row.name.startswith("sqlite_"))
            found += [f"{row.type} {prefix}{row.name}" for row in own]
        return sorted(found)
