"""The transactions of a migration that runs: usually one, several around `op.autocommit()`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from autodiff.dialects.base import Dialect
from autodiff.dialects.timeouts import Limits
from autodiff.runner.transaction_guard import Guard

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from sqlalchemy.engine import Connection

__all__ = ["Segments", "atomic"]


class Segments:
    """A transaction that can be left in the middle of a migration, and entered again."""

    def __init__(self, connection: Connection, dialect: Dialect, limits: Limits) -> None:
        self._connection = connection
        self._dialect = dialect
        self._limits = limits
        self._current: AbstractContextManager[None] | None = None
        self._guard = Guard(connection)

    def guarded(self) -> AbstractContextManager[None]:
        """Around what a person wrote: it may leave the transaction by `outside` alone."""
        return self._guard.on()

    def handed_over(self) -> None:
        """Told before a person gets the connection, inside of `guarded`."""
        self._guard.listen()

    def open(self) -> None:
        """Begins a transaction."""
        current = self._dialect.session.transaction(self._connection, self._limits)
        current.__enter__()
        self._current = current

    def close(self) -> None:
        """Commits it."""
        current, self._current = self._current, None
        if current is not None:
            current.__exit__(None, None, None)

    def abort(self, error: BaseException) -> None:
        """Rolls it back, if there is one; a connection that is gone has done so by itself."""
        current, self._current = self._current, None
        if current is not None:
            with suppress(SQLAlchemyError, type(error)):
                current.__exit__(type(error), error, error.__traceback__)
        with suppress(SQLAlchemyError):
            self._connection.rollback()
        if not (self._connection.closed or self._connection.invalidated):
            # A commit that was refused has ended SQLAlchemy's transaction, and not the database's.
            with suppress(Exception):
                self._connection.connection.rollback()

    @contextmanager
    def around(self, begin: Callable[[Segments], None] | None = None) -> Iterator[None]:
        """A transaction: committed, or on any error rolled back; `begin` may open it otherwise."""
        (begin or Segments.open)(self)
        try:
            yield
        except BaseException as error:
            self.abort(error)
            raise
        self.close()

    @contextmanager
    def outside(self) -> Iterator[None]:
        """Without a transaction: what was done before is committed, each statement by itself."""
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
    """All or nothing, for rows, where no transaction is open or each DDL statement ends it."""
    connection.exec_driver_sql("BEGIN")
    try:
        yield
    except BaseException:
        with suppress(SQLAlchemyError):
            connection.exec_driver_sql("ROLLBACK")
        raise
    connection.exec_driver_sql("COMMIT")
