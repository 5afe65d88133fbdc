"""A MySQL or MariaDB database that is borrowed as a scratch: what is in it, and emptying it."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["claim", "clear", "contents", "furnish", "identity"]

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
_DEFAULTS = "SELECT @@character_set_database AS charset, @@collation_database AS collation"


def identity(connection: Connection) -> str:
    """The server's machine, port and folder, and the database."""
    return str(connection.exec_driver_sql(_IDENTITY).scalar_one())


def claim(connection: Connection) -> bool:
    """Takes the lock that goes with the connection; waits a little for another run."""
    database = connection.exec_driver_sql("SELECT DATABASE()").scalar_one()
    query = sa.text("SELECT GET_LOCK(CONCAT('autodiff ', MD5(:name)), :seconds)")
    taken = connection.execute(query, {"name": database, "seconds": _SECONDS}).scalar()
    return bool(taken)


def furnish(live: Connection, scratch: Connection) -> None:
    """Gives the scratch the charset and collation of the live database, where it may."""
    row = live.exec_driver_sql(_DEFAULTS).one()
    with suppress(SQLAlchemyError):
        scratch.exec_driver_sql(
            f"ALTER DATABASE CHARACTER SET {row.charset} COLLATE {row.collation}"
        )


def contents(connection: Connection) -> list[str]:
    """Tables, views, sequences, routines and events of the database."""
    rows = connection.exec_driver_sql(_CONTENTS).all()
    connection.rollback()
    return [f"{row.kind} {row.name}" for row in rows]


def clear(connection: Connection) -> None:
    """Drops them."""
    quote = connection.dialect.identifier_preparer.quote_identifier
    connection.exec_driver_sql("SET foreign_key_checks = 0")
    for line in contents(connection):
        kind, _, name = line.partition(" ")
        connection.exec_driver_sql(f"DROP {kind.upper()} IF EXISTS {quote(name)}")
    connection.exec_driver_sql("SET foreign_key_checks = 1")
    connection.commit()
