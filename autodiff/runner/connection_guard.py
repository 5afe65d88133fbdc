"""Keep SQLAlchemy from connecting again while a run holds the migration lock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import event
from sqlalchemy.exc import DBAPIError

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["ConnectionGuard"]

_LOST = "the connection to the database was lost during the run, and with it the migration lock"


class ConnectionGuard:
    """Refuses every statement after the connection was lost.

    SQLAlchemy connects again without a word. The new database session has neither the lock nor the
    settings of the run.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._driver: object = None
        self._was_lost = False

    @property
    def is_lost(self) -> bool:
        """Whether the connection of the run is gone; False outside `on`."""
        if self._driver is None or self._connection.closed:
            return False
        if self._connection.invalidated:
            return True
        return self._connection.connection.dbapi_connection is not self._driver

    @property
    def was_lost(self) -> bool:
        """Whether the connection was lost since `on` began, even if `renewed` has replaced it."""
        return self._was_lost or self.is_lost

    @contextmanager
    def on(self) -> Iterator[None]:
        """Refuse statements on another connection to the database than the current one.

        Inside, each one raises a DBAPIError that says that the connection was lost.
        """
        self._driver = self._connection.connection.dbapi_connection
        self._was_lost = False
        # After an error in a listener to "begin", the connection would begin no transaction again.
        event.listen(self._connection, "before_cursor_execute", self._refuse)
        try:
            yield
        finally:
            event.remove(self._connection, "before_cursor_execute", self._refuse)
            self._driver = None

    @contextmanager
    def renewed(self) -> Iterator[None]:
        """Connect again, and allow statements from now on, unless an error is raised inside."""
        before, self._was_lost = self._driver, True
        self._connection.rollback()
        self._driver = self._connection.connection.dbapi_connection
        try:
            yield
        except BaseException:
            self._driver = before
            raise

    def _refuse(self, connection: Connection, *_: Any) -> None:
        if connection.connection.dbapi_connection is not self._driver:
            raise DBAPIError(None, None, ConnectionError(_LOST), connection_invalidated=True)
