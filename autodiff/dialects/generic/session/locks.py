"""The migration lock of a database that has no lock functions: a row in a table.

The row is committed, so that every other session sees it. It stays if the process is killed. A
later run on the same host removes it when it sees that the process has ended; on another host the
message names the statement that removes it.
"""

from __future__ import annotations

import datetime as dt
import os
import socket
import sys
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from autodiff.dialects.migration_lock import Holder, Lock
from autodiff.dialects.scope import lock_table

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from autodiff.dialects.base import Dialect

__all__ = ["RowLock"]

_ONLY_ROW = 1


class RowLock(Lock):
    """A row with the key 1, in a table that belongs to a history table."""

    def __init__(
        self, connection: Connection, dialect: Dialect, schema: str | None, history_table: str
    ) -> None:
        self._connection = connection
        self._dialect = dialect
        self._table = sa.Table(
            lock_table(history_table),
            sa.MetaData(),
            sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
            sa.Column("who", sa.String(255), nullable=False),
            sa.Column("host", sa.String(255), nullable=False),
            sa.Column("pid", sa.Integer, nullable=False),
            sa.Column("since", sa.String(32), nullable=False),
            schema=schema,
        )

    def take(self, who: str) -> bool:
        """Try once to insert the row; return False if there is one already.

        Raises the driver's error if the row cannot be inserted for another reason.
        """
        self._connection.rollback()
        self._create_table()
        if self._is_left_behind():
            self.release()
        row = {
            "id": _ONLY_ROW,
            "who": who[:255],
            "host": socket.gethostname()[:255],
            "pid": os.getpid(),
            "since": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        }
        try:
            self._connection.execute(sa.insert(self._table), row)
            self._connection.commit()
        except DBAPIError:
            self._connection.rollback()
            if self._row() is None:
                raise
            return False
        return True

    def release(self) -> None:
        """Delete the row."""
        self._connection.rollback()
        self._connection.execute(sa.delete(self._table).where(self._table.c.id == _ONLY_ROW))
        self._connection.commit()

    def holder(self) -> Holder | None:
        """Return who inserted the row, with the statement that removes it."""
        row = self._row()
        if row is None:
            return None
        try:
            since = dt.datetime.fromisoformat(row.since)
        except ValueError:
            since = None
        name = self._table.fullname
        return Holder(who=row.who, since=since, end=f"DELETE FROM {name}")

    def _create_table(self) -> None:
        """Create the table if it is missing; another run may create it at the same time."""
        if self._exists():
            return
        try:
            self._table.create(self._connection)
            self._connection.commit()
        except DBAPIError:
            self._connection.rollback()
            if not self._exists():
                raise

    def _exists(self) -> bool:
        found = self._dialect.catalog.has_table(
            self._connection, self._table.name, self._table.schema
        )
        self._connection.rollback()
        return found

    def _row(self) -> sa.Row[tuple[int, str, str, int, str]] | None:
        try:
            return self._connection.execute(sa.select(self._table)).first()
        except SQLAlchemyError:  # no table yet
            return None
        finally:
            self._connection.rollback()

    def _is_left_behind(self) -> bool:
        """Return whether the row is of a process of this host that has ended."""
        row = self._row()
        return row is not None and row.host == socket.gethostname() and not _is_running(row.pid)


def _is_running(pid: int) -> bool:
    """Return whether a process exists; True if the system does not show it."""
    if sys.platform == "win32":
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
