"""Asking about live rows: each statement limited in time, in a transaction that can't write.

https://mariadb.com/kb/en/aborting-statements/ and, of MySQL,
https://dev.mysql.com/doc/refman/8.0/en/server-system-variables.html#sysvar_max_execution_time
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["asking"]


@contextmanager
def asking(connection: Connection, seconds: float, *, is_mariadb: bool) -> Iterator[None]:
    """A transaction that is open already stays: only a new one can be read-only."""
    limit = "max_statement_time" if is_mariadb else "max_execution_time"
    value = seconds if is_mariadb else int(seconds * 1000)
    begun = connection.in_transaction()
    before = connection.exec_driver_sql(f"SELECT @@SESSION.{limit}").scalar_one()
    connection.exec_driver_sql(f"SET SESSION {limit} = {value}")
    if not begun:
        connection.exec_driver_sql("START TRANSACTION READ ONLY")
    try:
        yield
    finally:
        connection.exec_driver_sql(f"SET SESSION {limit} = {before}")
        if not begun:
            connection.rollback()
