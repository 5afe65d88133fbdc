"""Two cheap databases of each kind, emptied for each example: the live one, and one made anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import sqlalchemy as sa

__all__ = ["World", "opened"]


@dataclass(frozen=True)
class World:
    """`live` is migrated; `fresh` is made by create_all, to compare with."""

    kind: str
    live: sa.Connection
    fresh: sa.Connection

    def clear(self) -> None:
        """Empties both."""
        for connection in (self.live, self.fresh):
            connection.rollback()
            _CLEAR[self.kind](connection)
            connection.commit()

    def create(self, connection: sa.Connection, metadata: sa.MetaData) -> None:
        """What create_all makes, with the schema that models may name."""
        if "extra" in metadata._schemas:
            connection.exec_driver_sql("CREATE SCHEMA IF NOT EXISTS extra")
        metadata.create_all(connection)
        connection.commit()

    @contextmanager
    def unwatched(self, connection: sa.Connection) -> Iterator[None]:
        """Foreign keys are not looked at inside."""
        on, off = _KEYS[self.kind]
        connection.exec_driver_sql(off)
        yield
        connection.commit()
        connection.exec_driver_sql(on)
        connection.commit()


_KEYS = {
    "sqlite": ("PRAGMA foreign_keys = ON", "PRAGMA foreign_keys = OFF"),
    "postgresql": (
        "SET session_replication_role = origin",
        "SET session_replication_role = replica",
    ),
    "mariadb": ("SET foreign_key_checks = 1", "SET foreign_key_checks = 0"),
}


@contextmanager
def opened(kind: str, database: Callable[[str], sa.URL]) -> Iterator[World]:
    """The databases of a kind; `database` makes one on a server."""
    if kind == "sqlite":
        urls = [sa.make_url("sqlite://")] * 2
    else:
        urls = [database(kind) for _ in range(2)]
    pool = sa.StaticPool if kind == "sqlite" else sa.QueuePool
    engines = [sa.create_engine(url, poolclass=pool) for url in urls]
    try:
        with engines[0].connect() as live, engines[1].connect() as fresh:
            yield World(kind, live, fresh)
    finally:
        for engine in engines:
            engine.dispose()


def _clear_sqlite(connection: sa.Connection) -> None:
    connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
    found = connection.exec_driver_sql(
        "SELECT type, name FROM sqlite_schema WHERE type IN ('table', 'view') "
        "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY type DESC"
    ).all()
    for kind, name in found:
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
