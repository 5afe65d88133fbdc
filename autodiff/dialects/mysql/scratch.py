"""Scratch databases on a MySQL or MariaDB server: created for a run, and dropped at its end."""

from __future__ import annotations

import re
import secrets
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from autodiff.dialects.mysql.session.sql_mode import with_backslash_escapes
from autodiff.dialects.scratch import Scratch
from autodiff.schema.objects import Name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy.engine import Connection, Engine

__all__ = ["PREFIX", "MySQLScratch", "sweep"]

PREFIX = "autodiff_scratch"
"""The start of the name of each scratch database."""

_OWN = re.compile(rf"{PREFIX}_([0-9a-f]{{8}})[0-9a-f]{{4}}(?:_.*)?")
_MAX_LENGTH = 64
_OLD = timedelta(hours=1)
_CREATE = "CREATE DATABASE {name} CHARACTER SET {charset} COLLATE {collation}"
_DATABASE_DEFAULTS = """
SELECT default_character_set_name AS charset, default_collation_name AS collation
FROM information_schema.schemata WHERE schema_name = :name
"""
_SECONDS = 20
_IDENTITY = "SELECT CONCAT_WS(' ', @@hostname, @@port, @@datadir, DATABASE())"
_CONTENTS = """
SELECT CASE table_type WHEN 'VIEW' THEN 'view' WHEN 'SEQUENCE' THEN 'sequence' ELSE 'table' END
       AS kind, table_name AS name
FROM information_schema.tables WHERE table_schema = DATABASE()
UNION ALL
SELECT LOWER(routine_type), routine_name
FROM information_schema.routines WHERE routine_schema = DATABASE()
UNION ALL
SELECT 'event', event_name FROM information_schema.events WHERE event_schema = DATABASE()
ORDER BY 1, 2
"""
_CHARSET = "SELECT @@character_set_database AS charset, @@collation_database AS collation"


class MySQLScratch(Scratch):
    """Opens new databases, and the database of `scratch_url`."""

    @contextmanager
    def open(
        self, connection: Connection | None, *, namespaces: Sequence[str] = (), create: bool
    ) -> Iterator[Connection | None]:
        """Open a new database with the charset and collation of the live one.

        There is one more database for each namespace. None if `create` is false or the user may
        not create databases. All are dropped at the end; those of killed runs are dropped first.
        """
        if connection is None:
            yield None
            return
        live = connection.engine
        made = _create(live, namespaces) if create else []
        try:
            if not made:
                yield None
                return
            engine = _engine(live, made[0])
            try:
                with engine.connect() as opened:
                    yield opened
            finally:
                engine.dispose()
        finally:
            _drop(live, made)

    @contextmanager
    def open_database(
        self, connection: Connection | None, *, namespaces: Sequence[str] = ()
    ) -> Iterator[Connection | None]:
        """Open a new database; None if there are namespaces, which are databases of the server."""
        if self.reaches_other_databases(namespaces):
            yield None
            return
        with self.open(connection, create=True) as opened:
            yield opened

    def reaches_other_databases(self, namespaces: Sequence[str]) -> bool:
        return bool(namespaces)

    def map_name(self, name: Name) -> Name:
        """Return the name on the scratch, if this is the dialect of a connection to a scratch."""
        if name.schema is None:
            return name
        return Name(name.name, _namespace_name(self.dialect.default_schema, name.schema))

    def identity(self, connection: Connection) -> str:
        """Return the server's host, port and folder, and the database."""
        return str(connection.exec_driver_sql(_IDENTITY).scalar_one())

    def claim(self, connection: Connection) -> bool:
        """Take a named lock of the connection; wait a little for another run."""
        database = connection.exec_driver_sql("SELECT DATABASE()").scalar_one()
        query = sa.text("SELECT GET_LOCK(CONCAT('autodiff ', MD5(:name)), :seconds)")
        taken = connection.execute(query, {"name": database, "seconds": _SECONDS}).scalar()
        return bool(taken)

    def copy_prerequisites(self, live: Connection | None, scratch: Connection) -> None:
        """Give the scratch the charset and collation of the live database, if the user may."""
        if live is None:
            return
        row = live.exec_driver_sql(_CHARSET).one()
        with suppress(SQLAlchemyError):
            scratch.exec_driver_sql(
                f"ALTER DATABASE CHARACTER SET {row.charset} COLLATE {row.collation}"
            )

    def contents(self, connection: Connection) -> list[str]:
        """List the tables, views, sequences, routines and events of the database."""
        rows = connection.exec_driver_sql(_CONTENTS).all()
        connection.rollback()
        return [f"{row.kind} {row.name}" for row in rows]

    def clear(self, connection: Connection) -> None:
        quote = connection.dialect.identifier_preparer.quote_identifier
        connection.exec_driver_sql("SET foreign_key_checks = 0")
        for line in self.contents(connection):
            kind, _, name = line.partition(" ")
            connection.exec_driver_sql(f"DROP {kind.upper()} IF EXISTS {quote(name)}")
        connection.exec_driver_sql("SET foreign_key_checks = 1")
        connection.commit()


def _namespace_name(database: str | None, namespace: str) -> str:
    """Return the scratch database for a namespace, beside `database` for the default schema.

    If `database` is not a scratch, the result is the name of no database at all.
    """
    scratch = database if database is not None and _OWN.fullmatch(database) else f"{PREFIX}_"
    return f"{scratch}_{namespace}"[:_MAX_LENGTH]


def sweep(connection: Connection, *, older_than: timedelta = _OLD) -> list[str]:
    """Drop the scratch databases that killed runs left, and return their names.

    The name of a scratch database holds the server's time at its creation.
    """
    now = _server_time(connection)
    names = connection.exec_driver_sql("SHOW DATABASES").scalars().all()
    found = ((name, _OWN.fullmatch(name)) for name in names)
    limit = now - older_than.total_seconds()
    old = [name for name, match in found if match and int(match[1], 16) < limit]
    for name in old:
        connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {_quote(connection, name)}")
    return old


def _create(live: Engine, namespaces: Sequence[str]) -> list[str]:
    """Create the databases and return their names; none if the user may not create them."""
    made: list[str] = []
    try:
        with live.connect() as connection:
            with suppress(SQLAlchemyError):
                sweep(connection)
            home = live.dialect.default_schema_name
            first = f"{PREFIX}_{_server_time(connection):08x}{secrets.token_hex(2)}"
            pairs = [(home, first), *((name, _namespace_name(first, name)) for name in namespaces)]
            for source, name in pairs:
                connection.exec_driver_sql(_create_sql(connection, source, name))
                made.append(name)
    except SQLAlchemyError:
        _drop(live, made)
        return []
    return made


def _create_sql(connection: Connection, source: str | None, name: str) -> str:
    """Return CREATE DATABASE with the defaults of `source`, or of the server if that is missing."""
    quoted = _quote(connection, name)
    row = connection.execute(sa.text(_DATABASE_DEFAULTS), {"name": source}).one_or_none()
    if row is None:
        return f"CREATE DATABASE {quoted}"
    return _CREATE.format(name=quoted, charset=row.charset, collation=row.collation)


def _drop(live: Engine, names: Sequence[str]) -> None:
    if not names:
        return
    with live.connect() as connection:
        for name in names:
            connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {_quote(connection, name)}")


def _engine(live: Engine, database: str) -> Engine:
    """Return an engine that connects as `live` does, but to `database`."""

    def connect() -> Any:
        pooled = live.raw_connection()
        pooled.detach()
        raw = pooled.dbapi_connection
        assert raw is not None
        cursor = raw.cursor()
        cursor.execute(f"USE {live.dialect.identifier_preparer.quote_identifier(database)}")
        cursor.execute("SELECT @@sql_mode")
        row: Any = cursor.fetchone()
        cursor.execute(f"SET sql_mode = '{with_backslash_escapes(row[0])}'")
        cursor.close()
        return raw

    url = live.url.set(database=database)
    return sa.create_engine(url, creator=connect, poolclass=sa.pool.NullPool)


def _server_time(connection: Connection) -> int:
    return int(connection.exec_driver_sql("SELECT unix_timestamp()").scalar_one())


def _quote(connection: Connection, name: str) -> str:
    return connection.dialect.identifier_preparer.quote_identifier(name)
