"""Two databases for the examples: a live one to migrate, and a fresh one to compare with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import sqlalchemy as sa

__all__ = ["DatabasePair", "open_databases"]


@dataclass(frozen=True)
class DatabasePair:
    """Two databases of one kind: `live` is migrated, `fresh` is created by create_all."""

    kind: str
    live: sa.Connection
    fresh: sa.Connection

    def clear(self) -> None:
        """Remove all objects from both databases."""
        for connection in (self.live, self.fresh):
            connection.rollback()
            _CLEAR[self.kind](connection)
            connection.commit()

    def create(self, connection: sa.Connection, metadata: sa.MetaData) -> None:
        """Create all tables, and the schema that models may use."""
        if "extra" in metadata._schemas:
            connection.exec_driver_sql("CREATE SCHEMA IF NOT EXISTS extra")
        metadata.create_all(connection)
        connection.commit()

    @contextmanager
    def foreign_keys_disabled(self, connection: sa.Connection) -> Iterator[None]:
        """Disable foreign keys inside the block."""
        on, off = _FOREIGN_KEYS[self.kind]
        connection.exec_driver_sql(off)
        yield
        connection.commit()
        connection.exec_driver_sql(on)
        connection.commit()


_FOREIGN_KEYS = {
    "sqlite": ("PRAGMA foreign_keys = ON", "PRAGMA foreign_keys = OFF"),
    "postgresql": (
        "SET session_replication_role = origin",
        "SET session_replication_role = replica",
    ),
    "mariadb": ("SET foreign_key_checks = 1", "SET foreign_key_checks = 0"),
}


@contextmanager
def open_databases(kind: str, database: Callable[[str], sa.URL]) -> Iterator[DatabasePair]:
    """Open a live and a fresh database; `database` creates one on a server."""
    if kind == "sqlite":
        urls = [sa.make_url("sqlite://")] * 2
    else:
        urls = [database(kind) for _ in range(2)]
    pool = sa.StaticPool if kind == "sqlite" else sa.QueuePool
    engines = [sa.create_engine(url, poolclass=pool) for url in urls]
    try:
        with engines[0].connect() as live, engines[1].connect() as fresh:
            yield DatabasePair(kind, live, fresh)
    finally:
        for engine in engines:
            engine.dispose()


def _clear_sqlite(connection: sa.Connection) -> None:
    connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
    objects = connection.exec_driver_sql(
        "SELECT type, name FROM sqlite_schema WHERE type IN ('table', 'view') "
        "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY type DESC"
    ).all()
    for kind, name in objects:
        quoted = name.replace('"', '""')
        connection.exec_driver_sql(f'DROP {kind} "{quoted}"')


def _clear_postgresql(connection: sa.Connection) -> None:
    connection.exec_driver_sql(
        "DROP SCHEMA IF EXISTS public CASCADE; DROP SCHEMA IF EXISTS extra CASCADE; "
        "CREATE SCHEMA public; SET timezone = 'UTC'"
    )


def _clear_mariadb(connection: sa.Connection) -> None:
    name = connection.engine.url.database
    for sql in (f"DROP DATABASE {name}", f"CREATE DATABASE {name}", f"USE {name}"):
        connection.exec_driver_sql(sql)


_CLEAR = {
    "sqlite": _clear_sqlite,
    "postgresql": _clear_postgresql,
    "mariadb": _clear_mariadb,
}
