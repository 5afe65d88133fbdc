"""Hold what every run of migrations on one connection needs: transactions, lock and tables."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

import sqlalchemy as sa

from autodiff.dialects.base import Dialect
from autodiff.dialects.records import known_records
from autodiff.dialects.timeouts import Limits
from autodiff.migrations.files import Migration
from autodiff.runner.alembic_versions import AlembicPart
from autodiff.runner.changed_tables import ChangedTables
from autodiff.runner.connection_guard import ConnectionGuard
from autodiff.runner.context import executing
from autodiff.runner.events import Direction, Listener, StatementRun, ignore
from autodiff.runner.executor import Executor
from autodiff.runner.history_table import Applied, HistoryTable, applied_row
from autodiff.runner.hooks import HookedMigration, HookName, Hooks, call_hook
from autodiff.runner.journal import Entry, Journal, Kind, Outcome, actor, entry_row
from autodiff.runner.journaled import JournaledSink
from autodiff.runner.loader import Loader
from autodiff.runner.lock_wait import LockWait, locked, wait_for
from autodiff.runner.sinks import LiveSink
from autodiff.runner.transactions import TransactionSegments

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["Session"]

_REGAIN_SECONDS = 5.0
"""Seconds to wait for the lock after a loss: the server may still have to notice the loss."""


class Session:
    """The runner's connection, with the configuration of the run."""

    def __init__(
        self,
        connection: Connection,
        dialect: Dialect,
        *,
        schema: str | None,
        history_table: str,
        on_event: Listener,
        clock: Callable[[], dt.datetime],
        lock_wait: float,
        limits: Limits,
        sleep: Callable[[float], None],
        hooks: Hooks,
        loader: Loader,
        alembic: AlembicPart | None = None,
    ) -> None:
        self.connection = connection
        self.dialect = dialect
        self._schema = schema
        self.limits = limits
        self.on_event = on_event
        self.sleep = sleep
        self.hooks = hooks
        self.loader = loader
        self.alembic = alembic
        self.script: Callable[[], Iterable[str]] = tuple
        self._clock = clock
        self._actor = actor()
        self._lock_wait = LockWait(
            seconds=lock_wait,
            who=str(self._actor),
            on_event=on_event,
            under_way=self.unfinished,
            sleep=sleep,
        )
        self.guard = ConnectionGuard(connection)
        connection.rollback()
        dialect.session.prepare(connection)
        # With their schema, no other table of these names can take the records:
        own_schema = schema or dialect.session.current_schema(connection)
        connection.rollback()
        self.history = HistoryTable(own_schema, history_table)
        self.journal = Journal(own_schema, history_table)
        self.changed_tables = ChangedTables()
        self._settings: Mapping[str, str] | None = None

    def applied(self) -> dict[str, Applied]:
        """Return the applied migrations by revision, as the database has them.

        For Alembic's revisions, its version table decides, not the history.
        """
        found = self.history.read(self.connection)
        if self.alembic is not None:
            found = self.alembic.merged(self.connection, found, self._applied_by_alembic)
        self._end_reading()
        return found

    def unfinished(self) -> Entry | None:
        """Return the run that stopped half-way, None if there is none."""
        found = self.journal.unfinished(self.connection)
        self._end_reading()
        return found

    def _end_reading(self) -> None:
        """End the transaction, unless the connection is only for reading: it ends with that."""
        if known_records(self.connection) is None:
            self.connection.rollback()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock; if it belongs to a transaction, `transaction` and `open` take it."""
        self.prepare_lock()
        with locked(self.lock, self._lock_wait), self.guard.on():
            if self.lock.in_transaction:
                yield
            else:
                with self.dialect.session.keep_limits(self.connection, self.limits):
                    yield

    def regain(self) -> None:
        """Connect again if the connection was lost, and take the lock again.

        The records then show what the lost session has committed, for it has ended.

        Raises LockedError if another run holds the lock, or the lost session still does.
        """
        if not self.guard.is_lost:
            return
        with self.guard.renewed():
            self.dialect.session.prepare(self.connection)
            if self.lock.ends_with_session:
                wait = replace(self._lock_wait, seconds=_REGAIN_SECONDS, on_event=ignore)
                wait_for(self.lock, wait)

    def prepare_lock(self) -> None:
        """Prepare the lock; that is enough on a database that nobody else changes."""
        self.lock = self.dialect.session.migration_lock(
            self.connection, self._schema, self.history.table.name
        )

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Open a transaction for records, which holds the lock."""
        segments = TransactionSegments(
            self.connection, self.dialect, self.limits, changes_anything=False
        )
        with segments.around(self.open):
            yield

    def open(self, segments: TransactionSegments) -> None:
        """Begin a transaction; behind a pooler it takes the lock."""
        segments.open()
        if self.lock.in_transaction:

            def again() -> None:
                segments.close()
                segments.open()

            wait_for(self.lock, self._lock_wait, again)

    def journaled_sink(
        self, entry: Entry, limits: Limits, *, undoing: bool = False
    ) -> JournaledSink:
        """Return the sink of a migration with the given journal entry."""

        def report(sql: str) -> None:
            self.on_event(StatementRun(sql=sql))

        live = LiveSink(self.connection, self.dialect, report, self.on_event)
        segments = TransactionSegments(
            self.connection, self.dialect, limits, changes_anything=False
        )
        return JournaledSink(
            live,
            self.dialect,
            segments,
            self.journal,
            entry,
            changed_tables=self.changed_tables,
            undoing=undoing,
            pooled=self.lock.in_transaction,
            script=self.script,
            before_hand_written=self.remember_settings,
        )

    def run_unrecorded(self, step: Callable[[], None], kind: Kind, checksum: str) -> None:
        """Run a function of `op` that is not a migration, and journal it if it succeeds.

        Raises MigrationFailedError if a statement fails.
        """

        def report(sql: str) -> None:
            self.on_event(StatementRun(sql=sql))

        self.changed_tables.add_all()
        segments = TransactionSegments(self.connection, self.dialect, self.limits)
        sink = LiveSink(
            self.connection, self.dialect, report, self.on_event, outside=segments.outside
        )
        executor = Executor(self.dialect, sink)
        started_at, started = self._clock(), time.monotonic()
        with segments.around(self.open):
            with executing(executor):
                step()
                executor.flush()
            entry = Entry(
                revision=kind,
                name=kind,
                kind=kind,
                checksum=checksum,
                actor=self._actor,
                started_at=started_at,
                seconds=time.monotonic() - started,
                outcome="done",
            )
            self.journal.write(self.connection, entry)

    def remember_settings(self) -> None:
        """Read the settings of the database session before hand-written code can change them."""
        if self._settings is None:
            self._settings = self.dialect.session.read_settings(self.connection)

    def restore_settings(self) -> None:
        """Restore the settings, so that the next migration and the records do not depend on them.

        Most migrations have no hand-written code; they cost no statement.
        """
        if self._settings is not None:
            own_tables = (self.history.table.name, self.journal.table.name)
            self.dialect.session.restore_settings(self.connection, self._settings, own_tables)

    def call_hook(self, name: HookName, migration: Migration, direction: Direction) -> None:
        """Call a migration's hook, if there is one, in the transaction that is open."""
        occasion = HookedMigration(
            connection=self.connection, direction=direction, migration=migration
        )
        call_hook(self.hooks, name, occasion, self.on_event)

    def create_tables(self) -> None:
        """Create autodiff's own tables if they are missing."""
        exist = self.history.exists(self.connection) and self.journal.exists(self.connection)
        self.connection.rollback()
        if not exist:
            with self.transaction():
                self.history.create(self.connection)
                self.journal.create(self.connection)

    def entry(self, migration: Migration | Applied, kind: Kind) -> Entry:
        """Return the journal entry of a run that begins now."""
        return Entry(
            revision=migration.revision,
            name=migration.name,
            kind=kind,
            checksum=migration.checksum,
            actor=self._actor,
            started_at=self._clock(),
        )

    def ended_entry(self, migration: Migration | Applied, kind: Kind, outcome: Outcome) -> Entry:
        """Return the journal entry of a change of records, which runs nothing."""
        return replace(self.entry(migration, kind), outcome=outcome, seconds=0.0)

    def applied_now(self, migration: Migration | Entry) -> Applied:
        """Return the record of a migration that is applied now."""
        return Applied(
            revision=migration.revision,
            name=migration.name,
            checksum=migration.checksum,
            applied_at=self._clock(),
            digest=migration.digest if isinstance(migration, Migration) else None,
        )

    def _applied_by_alembic(self, migration: Migration) -> Applied:
        """Return a migration that Alembic has applied: its version table has no times."""
        return replace(self.applied_now(migration), applied_at=None)

    def record_at_once(self, migration: Migration, entry: Entry) -> None:
        """Record a migration as applied, and its journal entry, in one statement."""
        row, other = applied_row(self.applied_now(migration)), entry_row(entry)
        values = {f"applied_{name}": value for name, value in row.items()}
        values |= {f"entry_{name}": value for name, value in other.items()}
        self.connection.execute(self._at_once, values)

    @cached_property
    def _at_once(self) -> sa.Insert:
        entry = _insert(self.journal.table, "entry").cte("entry")
        return _insert(self.history.table, "applied").add_cte(entry)

    def record(self, migration: Migration) -> None:
        """Record a migration as applied now."""
        self.history.add(self.connection, [self.applied_now(migration)])


def _insert(table: sa.Table, prefix: str) -> sa.Insert:
    """Return an INSERT whose parameters are named after the columns, with a prefix; without id."""
    columns = [column.name for column in table.columns if column.name != "id"]
    return sa.insert(table).values({name: sa.bindparam(f"{prefix}_{name}") for name in columns})
