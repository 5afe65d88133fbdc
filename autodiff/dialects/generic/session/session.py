"""Sessions of a database whose transactions are known only from its features."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING

from autodiff.dialects.scope import HISTORY_TABLE
from autodiff.dialects.session import NO_WATCH, KeyWatch, Session
from autodiff.dialects.timeouts import NO_LIMITS, Limits
from autodiff.errors import DatabaseError

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from autodiff.dialects.generic import Generic
    from autodiff.dialects.migration_lock import Lock
    from autodiff.dialects.script import ScriptWriter

__all__ = ["GenericSession"]


class GenericSession(Session):
    """Transactions of SQLAlchemy, without time limits, which no standard has."""

    dialect: Generic

    def prepare(self, connection: Connection) -> None:
        """Refuse a database on which autodiff cannot apply migrations."""
        if not self.dialect.abilities.runs_migrations:
            raise DatabaseError(
                f"autodiff does not apply migrations on {self.dialect.name}, it writes scripts",
                hint="write a script for the database's client: autodiff upgrade --sql",
            )

    @contextmanager
    def transaction(
        self, connection: Connection, limits: Limits = NO_LIMITS, *, changes_anything: bool = True
    ) -> Iterator[KeyWatch]:
        """Run one transaction; without transactional DDL, let each statement commit separately.

        Statements on rows that belong together are then sent between BEGIN and COMMIT.
        """
        if self.dialect.features.transactional_ddl:
            with connection.begin():
                yield NO_WATCH
            return
        with self._autocommit(connection):
            yield NO_WATCH

    @contextmanager
    def autocommit(self, connection: Connection, limits: Limits | None = None) -> Iterator[None]:
        with self._autocommit(connection):
            yield

    @contextmanager
    def _autocommit(self, connection: Connection) -> Iterator[None]:
        connection.rollback()
        before = connection.get_isolation_level()
        connection.execution_options(isolation_level="AUTOCOMMIT")
        try:
            with connection.begin():
                yield
        finally:
            if not connection.closed and not connection.invalidated:
                connection.rollback()
                connection.execution_options(isolation_level=before)

    @contextmanager
    def read_only_transaction(self, connection: Connection, seconds: float) -> Iterator[None]:
        """Run a transaction that is rolled back: no standard has a limit for statements."""
        connection.rollback()
        try:
            yield
        finally:
            connection.rollback()

    @contextmanager
    def read_only(self, connection: Connection, seconds: float) -> Iterator[None]:
        """Read within the open transaction if there is one, and else in one that is rolled back."""
        is_open = connection.in_transaction()
        try:
            yield
        finally:
            if not is_open:
                connection.rollback()

    def migration_lock(
        self, connection: Connection, schema: str | None, history_table: str = HISTORY_TABLE
    ) -> Lock:
        from autodiff.dialects.generic.session.locks import RowLock

        return RowLock(connection, self.dialect, schema, history_table)

    def script_writer(self, history_table: str = HISTORY_TABLE) -> ScriptWriter:
        """Return the writer of the database. Raises DatabaseError if it has none."""
        place = self.dialect.database.script_writer
        if place is None:
            raise DatabaseError(
                f"autodiff does not write scripts for {self.dialect.name}",
                hint="show the statements with: autodiff upgrade --dry-run",
            )
        module, name = place
        writer: ScriptWriter = getattr(import_module(module), name)(self.dialect, history_table)
        return writer
