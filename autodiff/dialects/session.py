"""The session of a connection: transactions, locks, time limits and scripts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from autodiff.dialects.scope import HISTORY_TABLE
from autodiff.dialects.timeouts import NO_LIMITS, Blocker, Limits

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Engine

    from autodiff.dialects.base import Dialect
    from autodiff.dialects.migration_lock import Lock
    from autodiff.dialects.script import ScriptWriter
    from autodiff.schema.objects import Name
    from autodiff.schema.operations import Operation

__all__ = ["NO_WATCH", "KeyWatch", "Session"]


class KeyWatch:
    """Learns what a transaction does, so that foreign keys are checked only if they can break.

    Databases that check them by themselves need not know it.
    """

    def before(self, operations: Sequence[Operation], statements: Sequence[str]) -> None:
        """Note that operations run next, by these statements."""

    def before_anything(self) -> None:
        """Note that any rows and tables may be changed next."""


NO_WATCH = KeyWatch()


class Session(ABC):
    """Runs statements in transactions, under locks and within limits.

    Each context manager restores what it set on the connection.
    """

    begins_transactions = False
    """Whether the server begins a transaction itself if a DDL statement has ended the last one."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect

    # The connection

    def prepare(self, connection: Connection) -> None:  # noqa: B027
        """Set up a connection before the runner's first transaction."""

    @contextmanager
    def preserve(self, connection: Connection) -> Iterator[None]:
        """Undo at the end what `prepare` did: the connection belongs to the application.

        A connection in autocommit mode is switched to transactions in between.
        """
        if not _is_autocommit(connection.connection.dbapi_connection):
            yield
            return
        connection.execution_options(isolation_level=connection.default_isolation_level)
        try:
            yield
        finally:
            if not connection.closed and not connection.invalidated:
                connection.rollback()
                connection.execution_options(isolation_level="AUTOCOMMIT")

    @contextmanager
    def reading(self, connection: Connection) -> Iterator[None]:
        """Run queries that need no transaction, without the round trips of one."""
        yield

    def set_search_path(self, engine: Engine, schemas: Sequence[str]) -> None:
        """Let each connection of an engine look for names in these schemas, in that order."""
        raise NotImplementedError

    def search_path(self, connection: Connection) -> str | None:
        """Return the schemas in which names are looked for, as text; None if there are none."""
        return None

    def use_search_path(self, connection: Connection, path: str) -> None:
        """Look for names in the schemas that `search_path` returned, from now on."""
        raise NotImplementedError

    def share_records(self, engine: Engine) -> None:
        """Let many processes record small changes in the database of an engine at a time."""
        return

    # Settings

    def current_schema(self, connection: Connection) -> str | None:
        """Return the schema of names without a schema, None if there is none."""
        return None

    def read_settings(self, connection: Connection) -> Mapping[str, str]:
        """Return the settings of the session that statements of a migration can change."""
        return {}

    def restore_settings(  # noqa: B027
        self, connection: Connection, before: Mapping[str, str], own_tables: Sequence[str]
    ) -> None:
        """Restore the settings that `read_settings` returned, and drop new temporary tables.

        `own_tables` are the names of the history and the journal, which temporary tables can hide.
        This does not end a transaction that is open.
        """

    # Transactions

    @contextmanager
    def transaction(
        self, connection: Connection, limits: Limits = NO_LIMITS, *, changes_anything: bool = True
    ) -> Iterator[KeyWatch]:
        """Run one transaction within limits.

        changes_anything: whether the transaction can change any row or table. If not, the caller
        must report each step to the yielded object before it runs. Writing the records of
        migrations need not be reported.
        """
        with connection.begin():
            yield NO_WATCH

    def commits_before(self, sql: str) -> bool:
        """Return whether the server commits the open transaction before it runs a statement.

        False may mean that it is unknown. A statement with a syntax error commits nothing.
        """
        return False

    def transaction_is_open(self, connection: Connection) -> bool:
        """Return False if the transaction that `transaction` began has already ended.

        True may mean that it is unknown without asking the server.
        """
        return True

    @contextmanager
    def autocommit(self, connection: Connection, limits: Limits | None = None) -> Iterator[None]:
        """Run statements that each commit by themselves.

        Limits of None leave those of the session: behind a transaction pooler, a change would
        reach the sessions of other clients.
        """
        try:
            yield
        finally:
            connection.rollback()

    @contextmanager
    def checking_keys(self, connection: Connection) -> Iterator[None]:
        """Raise DatabaseError for rows that violate foreign keys and did not before.

        It is used within a transaction of `autocommit`. Databases that check keys by themselves
        need nothing.
        """
        yield

    @contextmanager
    def recording(self, connection: Connection) -> Iterator[None]:
        """Write records of migrations, after which the keys need not be checked again."""
        yield

    @contextmanager
    def keep_limits(self, connection: Connection, limits: Limits) -> Iterator[None]:
        """Set limits on the session once, so that its transactions need not set them each.

        Not for a session behind a transaction pooler.
        """
        yield

    @contextmanager
    @abstractmethod
    def read_only_transaction(self, connection: Connection, seconds: float) -> Iterator[None]:
        """Run a new read-only transaction, whose statements may each take so many seconds."""
        yield  # pragma: no cover

    @contextmanager
    @abstractmethod
    def read_only(self, connection: Connection, seconds: float) -> Iterator[None]:
        """Read within the open transaction if there is one, with nothing written in between.

        Statements may take so many seconds. The transaction stays open and keeps its settings.
        """
        yield  # pragma: no cover

    def quick_query(self, connection: Connection, query: str) -> str:
        """Return a query of a person, or of a row check, as the server answers it fastest."""
        return query

    # Locks and failures

    @abstractmethod
    def migration_lock(
        self, connection: Connection, schema: str | None, history_table: str = HISTORY_TABLE
    ) -> Lock:
        """Return the lock that one runner at a time holds, not yet taken.

        `schema` is the schema of the history table. Projects with different history tables do not
        share the lock.
        """

    def cure(self, connection: Connection, error: BaseException) -> str | None:
        """Return what to do about an error whose cause is the connection, None for others."""
        return None

    def is_out_of_locks(self, error: BaseException) -> bool:
        """Return whether a driver's error is that one transaction needs more locks than there are.

        Smaller transactions can do the same work.
        """
        return False

    def is_in_failed_transaction(self, error: BaseException) -> bool:
        """Return whether a driver's error is that an earlier statement of its transaction failed.

        Many databases undo only the statement that fails.
        """
        return False

    def is_lock_conflict(self, error: BaseException) -> bool:
        """Return whether a driver's error is a lock timeout or a deadlock: a retry can help."""
        return False

    def blockers(self, connection: Connection, tables: Sequence[Name]) -> list[Blocker]:
        """Return who holds locks on the tables (on any if none is named), the oldest first."""
        return []

    def cleanup_statements(
        self, connection: Connection, operations: Sequence[Operation]
    ) -> list[str]:
        """Return statements that drop what a failed attempt at the operations has left."""
        return []

    # Scripts

    @abstractmethod
    def script_writer(self, history_table: str = HISTORY_TABLE) -> ScriptWriter:
        """Return a writer of scripts for the database's own client.

        The scripts take the migration lock of the history table.
        """


def _is_autocommit(driver: Any) -> bool:
    """Return whether a driver's connection has no transactions.

    SQLAlchemy's get_isolation_level() returns the level that a transaction would have.
    """
    get_autocommit = getattr(driver, "get_autocommit", None)
    found = get_autocommit() if callable(get_autocommit) else getattr(driver, "autocommit", False)
    return found is True or found == 1
