"""Scratch databases of SQLite, in memory: closing the connection removes them."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import cast

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from autodiff.dialects.scratch import Scratch, SharedScratch
from autodiff.dialects.scratch_guard import check_statements, outside_scratch
from autodiff.schema.sqltext import first_word
from autodiff.utils.connections import OWN_ENGINE

__all__ = ["SQLiteScratch"]


class SQLiteScratch(Scratch):
    """Opens databases in memory, so that no server and no privilege is needed."""

    @contextmanager
    def open(
        self, connection: Connection | None, *, namespaces: Sequence[str] = (), create: bool
    ) -> Iterator[Connection | None]:
        """Open a new database in memory, with another one attached for each namespace."""
        # each connection to an in-memory database opens a new one, so the pool keeps one connection
        engine = sa.create_engine(
            "sqlite://", poolclass=sa.pool.StaticPool, execution_options=OWN_ENGINE
        )
        try:
            with engine.connect() as opened:
                quote = engine.dialect.identifier_preparer.quote_identifier
                for namespace in namespaces:
                    opened.exec_driver_sql(f"ATTACH ':memory:' AS {quote(namespace)}")
                opened.commit()
                yield opened
        finally:
            engine.dispose()

    @contextmanager
    def keep_server(self, connection: Connection) -> Iterator[None]:
        """Refuse to attach files: they are not copies."""
        check_statements(connection, _refuse_files)
        yield

    def share(self, connection: Connection, folder: Path) -> SharedScratch:
        """Copy the databases into files, because no other process can open those in memory."""
        source = cast(sqlite3.Connection, connection.connection.driver_connection)
        names = [row[1] for row in source.execute("PRAGMA database_list") if row[1] != "temp"]
        copies = Path(tempfile.mkdtemp(dir=folder))
        files: dict[str, str] = {}
        for number, name in enumerate(names):
            files[name] = str(copies / f"{number}.db")
            with closing(sqlite3.connect(files[name])) as target:
                source.backup(target, name=name)
        url = sa.URL.create("sqlite", database=files.pop("main"))
        return SharedScratch(url=url.render_as_string(), attached=files)

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


def _refuse_files(sql: str) -> None:
    """Raise DatabaseError for a statement that attaches a file."""
    if "attach" in sql.lower() and ":memory:" not in sql and first_word(sql) == "ATTACH":
        raise outside_scratch("attaches a file")
