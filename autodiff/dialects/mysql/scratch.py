"""Create scratch databases on a MySQL or MariaDB server for a run, and drop them at its end."""

from __future__ import annotations

import re
import secrets
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from autodiff.dialects.mysql.scratch_guard import PREFIX, check_for_scratch, other_databases
from autodiff.dialects.mysql.session.sql_mode import with_backslash_escapes
from autodiff.dialects.scratch import Scratch
from autodiff.dialects.scratch_guard import check_statements
from autodiff.schema.objects import Name
from autodiff.utils.connections import OWN_ENGINE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy.engine import Connection, Engine

__all__ = ["PREFIX", "MySQLScratch", "sweep"]

_SCRATCH_NAME = re.compile(rf"(?P<base>{PREFIX}_(?P<time>[0-9a-f]{{8}})[0-9a-f]{{4}})(?:_.*)?")
"""The name of a scratch database: the server's time in seconds, a random number, a namespace.

The time shows how old a database is. The random number separates runs that start in one second.
"""
_MAX_LENGTH = 64
"""The longest name of a database. https://dev.mysql.com/doc/refman/en/identifier-length.html"""
_OLD = timedelta(minutes=1)
"""The longest time between creating a scratch database and taking the lock that marks its owner."""
_CREATE = "CREATE DATABASE {name} CHARACTER SET {charset} COLLATE {collation}"
_DATABASE_DEFAULTS = """
SELECT default_character_set_name AS charset, default_collation_name AS collation
FROM information_schema.schemata WHERE schema_name = :name
"""
_CLAIM_SECONDS = 20
"""How long to wait for another run that uses the same scratch. Most runs take less time."""
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
_INVENTORY = f"SELECT CONCAT(kind, ' ', name) FROM ({_CONTENTS}) AS contents"
_CHARSET = "SELECT @@character_set_database AS charset, @@collation_database AS collation"


class MySQLScratch(Scratch):
    """Creates and opens scratch databases, and clears the database of `scratch_url`."""

    @contextmanager
    def open(
        self, connection: Connection | None, *, namespaces: Sequence[str] = (), create: bool
    ) -> Iterator[Connection | None]:
        """Open a new database with the charset and collation of the live one.

        Another database is created for each namespace. Yield None if `create` is false or the user
        may not create databases. The databases are dropped at the end. Databases that killed runs
        left are dropped first.
        """
        if connection is None:
            yield None
            return
        live = connection.engine
        databases = _create(live, namespaces) if create else []
        try:
            if not databases:
                yield None
                return
            engine = _engine(live, databases[0])
            try:
                with engine.connect() as opened:
                    _mark_owner(opened, databases[0])
                    yield opened
            finally:
                engine.dispose()
        finally:
            _drop(live, databases)

    @contextmanager
    def open_database(
        self, connection: Connection | None, *, namespaces: Sequence[str] = ()
    ) -> Iterator[Connection | None]:
        """Open a new database to run a migration on.

        Yield None if there are namespaces: a migration names them, and they are other databases of
        the server.
        """
        if self.reaches_other_databases(namespaces):
            yield None
            return
        with self.open(connection, create=True) as opened:
            yield opened

    @contextmanager
    def keep_server(self, connection: Connection) -> Iterator[None]:
        """Refuse statements that name other databases; leave out those about accounts."""
        others = other_databases(connection)
        check_statements(connection, lambda sql: check_for_scratch(sql, others))
        yield

    def reaches_other_databases(self, namespaces: Sequence[str]) -> bool:
        return bool(namespaces)

    def map_name(self, name: Name) -> Name:
        """Return the name of a table on the scratch, which has its own database for each namespace.

        The dialect must belong to the connection to the scratch.
        """
        if name.schema is None:
            return name
        return Name(name.name, _namespace_name(self.dialect.default_schema, name.schema))

    def identity(self, connection: Connection) -> str:
        """Return the host, port and data directory of the server, and the name of the database."""
        return str(connection.exec_driver_sql(_IDENTITY).scalar_one())

    def claim(self, connection: Connection) -> bool:
        """Take a named lock for the database; wait if another run holds it."""
        database = connection.exec_driver_sql("SELECT DATABASE()").scalar_one()
        query = sa.text("SELECT GET_LOCK(CONCAT('autodiff ', MD5(:name)), :seconds)")
        parameters = {"name": database, "seconds": _CLAIM_SECONDS}
        return bool(connection.execute(query, parameters).scalar())

    def copy_prerequisites(self, live: Connection | None, scratch: Connection) -> None:
        """Set the charset and collation of the live database, if the user has the privilege."""
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

    @property
    def inventory(self) -> str:
        return _INVENTORY

    def clear(self, connection: Connection) -> None:
        quote = connection.dialect.identifier_preparer.quote_identifier
        connection.exec_driver_sql("SET foreign_key_checks = 0")
        for line in self.contents(connection):
            kind, _, name = line.partition(" ")
            connection.exec_driver_sql(f"DROP {kind.upper()} IF EXISTS {quote(name)}")
        connection.exec_driver_sql("SET foreign_key_checks = 1")
        connection.commit()


def _namespace_name(database: str | None, namespace: str) -> str:
    """Return the name of the scratch database for a namespace.

    `database` is the scratch database of the default schema. If it is not a scratch database, the
    result is a name that no database has, so that a mistake cannot reach a live database.
    """
    is_scratch = database is not None and _SCRATCH_NAME.fullmatch(database)
    prefix = database if is_scratch else f"{PREFIX}_"
    return f"{prefix}_{namespace}"[:_MAX_LENGTH]


def sweep(connection: Connection, *, older_than: timedelta = _OLD) -> list[str]:
    """Drop the scratch databases that killed runs left, and return their names.

    The age of a database is read from its name. Its owner holds a lock while it is connected.
    """
    now = _server_time(connection)
    names = connection.exec_driver_sql("SHOW DATABASES").scalars().all()
    found = ((name, _SCRATCH_NAME.fullmatch(name)) for name in names)
    limit = now - older_than.total_seconds()
    old = [
        name
        for name, match in found
        if match and int(match["time"], 16) < limit and _is_abandoned(connection, match["base"])
    ]
    for name in old:
        connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {_quote(connection, name)}")
    return old


def _mark_owner(connection: Connection, database: str) -> None:
    """Take a lock that the server releases when the connection ends, also if the run is killed."""
    connection.execute(sa.text("SELECT GET_LOCK(:name, 0)"), {"name": database})
    connection.rollback()


def _is_abandoned(connection: Connection, database: str) -> bool:
    query = sa.text("SELECT IS_FREE_LOCK(:name)")
    return bool(connection.execute(query, {"name": database}).scalar())


def _create(live: Engine, namespaces: Sequence[str]) -> list[str]:
    """Create the databases and return their names; none if the user may not create them."""
    created: list[str] = []
    try:
        with live.connect() as connection:
            with suppress(SQLAlchemyError):
                sweep(connection)
            default_database = live.dialect.default_schema_name
            first = f"{PREFIX}_{_server_time(connection):08x}{secrets.token_hex(2)}"
            namespace_pairs = [(name, _namespace_name(first, name)) for name in namespaces]
            pairs = [(default_database, first), *namespace_pairs]
            for source, name in pairs:
                connection.exec_driver_sql(_create_sql(connection, source, name))
                created.append(name)
    except SQLAlchemyError:
        _drop(live, created)
        return []
    return created


def _create_sql(connection: Connection, source: str | None, name: str) -> str:
    """Return CREATE DATABASE with the charset of `source`, of the server if that does not exist."""
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
    """Return an engine that connects as `live` does, but to `database`.

    Connections come from `live`, so that they have the same credentials, arguments and events. They
    are detached from its pool, which must not get a connection to another database back.
    """

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
    return sa.create_engine(
        url, creator=connect, poolclass=sa.pool.NullPool, execution_options=OWN_ENGINE
    )


def _server_time(connection: Connection) -> int:
    return int(connection.exec_driver_sql("SELECT unix_timestamp()").scalar_one())


def _quote(connection: Connection, name: str) -> str:
    return connection.dialect.identifier_preparer.quote_identifier(name)
