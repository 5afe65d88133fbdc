"""Manage the transactions of a migration: one, or several around `op.autocommit()`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import SQLAlchemyError

from autodiff.dialects.base import Dialect
from autodiff.dialects.session import NO_WATCH, KeyWatch
from autodiff.dialects.timeouts import Limits
from autodiff.runner.transaction_guard import TransactionGuard, ended_itself, ignored_error
from autodiff.schema.operations import Execute, Operation

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from sqlalchemy.engine import Connection

__all__ = ["TransactionSegments", "atomic", "needs_own_transaction"]


_SAVEPOINT = "autodiff_guard"


class TransactionSegments:
    """A transaction that a migration can leave and enter again.

    changes_anything: False if the caller reports each step to `keys` before it runs.
    """

    def __init__(
        self,
        connection: Connection,
        dialect: Dialect,
        limits: Limits,
        *,
        changes_anything: bool = True,
    ) -> None:
        self._connection = connection
        self._dialect = dialect
        self._limits = limits
        self._changes_anything = changes_anything
        self._current: AbstractContextManager[KeyWatch] | None = None
        self.keys = NO_WATCH
        """Receives each step of the open transaction, if there is one, before it runs."""
        self._guard = TransactionGuard(connection)
        self._has_savepoint = False
        self.was_ended = False
        """Whether hand-written code has ended the transaction, so that a part of it may stay."""

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Guard hand-written code: it can leave the transaction only by `outside`.

        Raises MigrationFailedError if the code has ended the transaction in another way.
        """
        with self._guard.on():
            yield
            self._verify()

    def handed_over(self) -> None:
        """Note, inside `guarded`, that hand-written code gets the connection.

        A savepoint shows later if the transaction is still the same: it may end in ways that
        SQLAlchemy does not see, such as commit() of the driver's connection.
        """
        self.keys.before_anything()
        self._guard.listen()
        one_transaction = self._current and self._dialect.features.transactional_ddl
        if one_transaction and not self._has_savepoint:
            self._connection.exec_driver_sql(f"SAVEPOINT {_SAVEPOINT}")
            self._has_savepoint = True

    def _verify(self) -> None:
        """Raise MigrationFailedError if the transaction is not the one that was opened."""
        if self._current is None or self._guard.ended is not None:
            return
        has_savepoint, self._has_savepoint = self._has_savepoint, False
        if has_savepoint:
            error = self._error_of(f"RELEASE SAVEPOINT {_SAVEPOINT}")
            if error is not None and self._dialect.session.is_in_failed_transaction(error):
                self._has_savepoint = True  # `abort` sees if the transaction is the same
                raise ignored_error()
            self.was_ended = error is not None
        elif not self._dialect.session.transaction_is_open(self._connection):
            self.was_ended = True
        if self.was_ended:
            raise ended_itself()

    def _error_of(self, sql: str) -> Exception | None:
        """Run a statement on the driver's connection; return its error, None if it succeeded."""
        driver: Any = self._connection.connection.dbapi_connection
        cursor = driver.cursor()
        try:
            cursor.execute(sql)
        except Exception as error:  # each driver has its own class; a loss is noticed later
            return error
        finally:
            cursor.close()
        return None

    def open(self) -> None:
        """Begin a transaction."""
        current = self._dialect.session.transaction(
            self._connection, self._limits, changes_anything=self._changes_anything
        )
        self.keys = current.__enter__()
        self._current = current

    def close(self) -> None:
        """Commit the transaction."""
        current = self._take_current()
        if current is not None:
            current.__exit__(None, None, None)

    def abort(self, error: BaseException) -> None:
        """Roll the transaction back, if there is one; the server does it for a lost connection."""
        current = self._take_current()
        if self._has_savepoint and self._is_connected and self._guard.ended is None:
            error_of_savepoint = self._error_of(f"ROLLBACK TO SAVEPOINT {_SAVEPOINT}")
            self.was_ended = error_of_savepoint is not None
        self._has_savepoint = False
        if current is not None:
            with suppress(SQLAlchemyError, type(error)):
                current.__exit__(type(error), error, error.__traceback__)
        with suppress(SQLAlchemyError):
            self._connection.rollback()
        if self._is_connected:
            # A commit that was refused has ended SQLAlchemy's transaction, but not the database's:
            with suppress(Exception):
                self._connection.connection.rollback()

    def _take_current(self) -> AbstractContextManager[KeyWatch] | None:
        """Return the open transaction, which ends: no later step needs to be reported to it."""
        current, self._current, self.keys = self._current, None, NO_WATCH
        return current

    @property
    def _is_connected(self) -> bool:
        return not (self._connection.closed or self._connection.invalidated)

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
        self._verify()
        with self._guard.awake(False):
            self.close()
            with (
                self._dialect.session.autocommit(self._connection, self._limits),
                self._guard.awake(),
            ):
                yield
            self.open()

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Run one step, inside `outside`, in a transaction like that of a migration."""
        with self._guard.awake(False), self.around():
            yield


def needs_own_transaction(operations: Sequence[Operation], dialect: Dialect) -> bool:
    """Return whether a step outside the migration's transaction needs a separate one.

    Between the statements of a rebuild, the rows of a table can be in a temporary table only, and
    DROP TABLE deletes the rows that refer to it while foreign keys are enforced. Hand-written SQL
    may be there because SQLite refuses it in a transaction, such as VACUUM.
    """
    return dialect.features.rebuilds_tables and not any(
        isinstance(operation, Execute) for operation in operations
    )


@contextmanager
def atomic(connection: Connection, *, begin: bool = True) -> Iterator[None]:
    """Keep all changes of rows or none, if no transaction is open or each DDL statement ends it.

    begin: whether to send BEGIN, which a server that begins transactions itself does not need.
    """
    if begin:
        connection.exec_driver_sql("BEGIN")
    try:
        yield
    except BaseException:
        with suppress(SQLAlchemyError):
            connection.exec_driver_sql("ROLLBACK")
        raise
    connection.exec_driver_sql("COMMIT")
