"""A scratch on a MySQL or MariaDB server: databases of its own, dropped at the end."""

from __future__ import annotations

import re
import secrets
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from autodiff.dialects.mysql.session.transactions import usual_escapes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy.engine import Connection, Engine

__all__ = ["PREFIX", "namespace_name", "scratch", "sweep"]

PREFIX = "autodiff_scratch"
"""What the name of each scratch database starts with."""

_OWN = re.compile(rf"{PREFIX}_([0-9a-f]{{8}})[0-9a-f]{{4}}(?:_.*)?")
_MAX_LENGTH = 64
_OLD = timedelta(hours=1)
_CREATE = "CREATE DATABASE {name} CHARACTER SET {charset} COLLATE {collation}"
_DEFAULTS = """
SELECT default_character_set_name AS charset, default_collation_name AS collation
FROM information_schema.schemata WHERE schema_name = :name
"""


@contextmanager
def scratch(
    connection: Connection, namespaces: Sequence[str], *, create: bool
) -> Iterator[Connection | None]:
    """A connection to a new database with the charset and collation of the live one.

    There is one more database for each namespace. None where `create` is false or the user may
    not create a database. All are dropped at the end; those of killed runs are swept up first.
    """
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


def namespace_name(database: str | None, namespace: str) -> str:
    """The scratch database that stands for a namespace, beside the one for the default schema.

    Where `database` is no scratch, it is the name of no database at all.
    """
    scratch = database if database is not None and _OWN.fullmatch(database) else f"{PREFIX}_"
    return f"{scratch}_{namespace}"[:_MAX_LENGTH]


def sweep(connection: Connection, *, older_than: timedelta = _OLD) -> list[str]:
    """Drops the scratch databases that killed runs left, and tells which.

    A scratch database's name holds the server's time at which it was made.
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
    """The names of the new databases; none where the user may not create them."""
    made: list[str] = []
    try:
        with live.connect() as connection:
            with suppress(SQLAlchemyError):
                sweep(connection)
            home = live.dialect.default_schema_name
            first = f"{PREFIX}_{_server_time(connection):08x}{secrets.token_hex(2)}"
            pairs = [(home, first), *((name, namespace_name(first, name)) for name in namespaces)]
            for source, name in pairs:
                connection.exec_driver_sql(_create_sql(connection, source, name))
                made.append(name)
    except SQLAlchemyError:
        _drop(live, made)
        return []
    return made


def _create_sql(connection: Connection, source: str | None, name: str) -> str:
    """CREATE DATABASE with the defaults of `source`; of the server where that does not exist."""
    quoted = _quote(connection, name)
    row = connection.execute(sa.text(_DEFAULTS), {"name": source}).one_or_none()
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
    """An engine whose connections are made as those of `live` are, but stand in `database`."""

    def connect() -> Any:
        pooled = live.raw_connection()
        pooled.detach()
        raw = pooled.dbapi_connection
        assert raw is not None
        cursor = raw.cursor()
        cursor.execute(f"USE {live.dialect.identifier_preparer.quote_identifier(database)}")
        cursor.execute("SELECT @@sql_mode")
        row: Any = cursor.fetchone()
        cursor.execute(f"SET sql_mode = '{usual_escapes(row[0])}'")
        cursor.close()
        return raw

    url = live.url.set(database=database)
    return sa.create_engine(url, creator=connect, poolclass=sa.pool.NullPool)


def _server_time(connection: Connection) -> int:
    return int(connection.exec_driver_sql("SELECT unix_timestamp()").scalar_one())


def _quote(connection: Connection, name: str) -> str:
    return connection.dialect.identifier_preparer.quote_identifier(name)
