"""Manage the transactions of a migration: one, or several around `op.autocommit()`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from autodiff.dialects.base import Dialect
from autodiff.dialects.timeouts import Limits
from autodiff.runner.transaction_guard import TransactionGuard

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from sqlalchemy.engine import Connection

__all__ = ["TransactionSegments", "atomic"]


class TransactionSegments:
    """A transaction that a migration can leave and enter again."""

    def __init__(self, connection: Connection, dialect: Dialect, limits: Limits) -> None:
        self._connection = connection
        self._dialect = dialect
        self._limits = limits
        self._current: AbstractContextManager[None] | None = None
        self._guard = TransactionGuard(connection)

    def guarded(self) -> AbstractContextManager[None]:
        """Guard hand-written code: it can leave the transaction only by `outside`."""
        return self._guard.on()

    def handed_over(self) -> None:
        """Note, inside `guarded`, that hand-written code gets the connection."""
        self._guard.listen()

    def open(self) -> None:
        """Begin a transaction."""
        current = self._dialect.session.transaction(self._connection, self._limits)
        current.__enter__()
        self._current = current

    def close(self) -> None:
        """Commit the transaction."""
        current, self._current = self._current, None
        if current is not None:
            current.__exit__(None, None, None)

    def abort(self, error: BaseException) -> None:
        """Roll the transaction back, if there is one; the server does it for a lost connection."""
        current, self._current = self._current, None
        if current is not None:
            with suppress(SQLAlchemyError, type(error)):
                current.__exit__(type(error), error, error.__traceback__)
        with suppress(SQLAlchemyError):
            self._connection.rollback()
        if not (self._connection.closed or self._connection.invalidated):
            # A commit that was refused has ended SQLAlchemy's transaction, but not the database's:
            with suppress(Exception):
                self._connection.connection.rollback()

    @contextmanager
    def around(self, begin: Callable[[TransactionSegments], None] | None = None) -> Iterator[None]:
        """Open a transaction; commit it, or roll it back on an error. `begin` replaces `open`."""
        (begin or TransactionSegments.open)(self)
        try:
            yield
        except BaseException as error:
            self.abort(error)
            raise
        self.close()

    @contextmanager
    def outside(self) -> Iterator[None]:
        """Commit what was done, and run each statement inside without a transaction."""
        with self._guard.awake(False):
            self.close()
            with (
                self._dialect.session.autocommit(self._connection, self._limits),
                self._guard.awake(),
            ):
                yield
            self.open()


@contextmanager
def atomic(connection: Connection) -> Iterator[None]:
    """Keep all changes of rows or none, if no transaction is open or each DDL statement ends it."""
    connection.exec_driver_sql("BEGIN")
    try:
        yield
    except BaseException:
        with suppress(SQLAlchemyError):
            connection.exec_driver_sql("ROLLBACK")
        raise
    connection.exec_driver_sql("COMMIT")
