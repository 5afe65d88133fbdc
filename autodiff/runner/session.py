"""What every run of migrations on one connection has at hand: its transactions, lock and tables."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

import sqlalchemy as sa

from autodiff.dialects.base import Dialect
from autodiff.dialects.timeouts import Limits
from autodiff.migrations.files import Migration
from autodiff.runner.events import Direction, Listener, StatementRun
from autodiff.runner.history_table import Applied, Store, applied_row
from autodiff.runner.hooks import HookedMigration, HookName, Hooks, call_hook
from autodiff.runner.journal import Entry, Journal, Kind, actor, entry_row
from autodiff.runner.journaled import Steps
from autodiff.runner.loader import Loader
from autodiff.runner.lock_wait import Patience, locked, wait_for
from autodiff.runner.sinks import Live
from autodiff.runner.transactions import Segments

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["Session"]


class Session:
    """One connection for the runner, with what is configured."""

    def __init__(
        self,
        connection: Connection,
        dialect: Dialect,
        *,
        schema: str | None,
        on_event: Listener,
        clock: Callable[[], dt.datetime],
        lock_wait: float,
        limits: Limits,
        sleep: Callable[[float], None],
        hooks: Hooks,
        loader: Loader,
    ) -> None:
        self.connection = connection
        self.dialect = dialect
        self.store = Store(schema)
        self.journal = Journal(schema)
        self.limits = limits
        self.on_event = on_event
        self.sleep = sleep
        self.hooks = hooks
        self.loader = loader
        self._clock = clock
        self._actor = actor()
        self._patience = Patience(
            seconds=lock_wait,
            who=str(self._actor),
            on_event=on_event,
            under_way=self.unfinished,
            sleep=sleep,
        )
        connection.rollback()
        dialect.session.prepare(connection)

    def applied(self) -> dict[str, Applied]:
        """What the database says was applied, by revision."""
        found = self.store.read(self.connection)
        self.connection.rollback()
        return found

    def unfinished(self) -> Entry | None:
        """The run that stopped half-way, None without one."""
        found = self.journal.unfinished(self.connection)
        self.connection.rollback()
        return found

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Holds the lock; where that is one of a transaction, `transaction` and `open` take it."""
        self.lock = self.dialect.session.migration_lock(self.connection, self.store.table.schema)
        with locked(self.lock, self._patience):
            if self.lock.in_transaction:
                yield
            else:
                with self.dialect.session.keep_limits(self.connection, self.limits):
                    yield

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A transaction, with the lock."""
        segments = Segments(self.connection, self.dialect, self.limits)
        with segments.around(self.open):
            yield

    def open(self, segments: Segments) -> None:
        """Begins a transaction; behind a pooler the lock is taken in it."""
        segments.open()
        if self.lock.in_transaction:

            def again() -> None:
                segments.close()
                segments.open()

            wait_for(self.lock, self._patience, again)

    def steps(self, entry: Entry, limits: Limits, *, taking_back: bool = False) -> Steps:
        """The target of a migration whose entry in the journal is given."""

        def tell(sql: str) -> None:
            self.on_event(StatementRun(sql=sql))

        live = Live(self.connection, self.dialect, tell, self.on_event)
        segments = Segments(self.connection, self.dialect, limits)
        return Steps(
            live,
            self.dialect,
            segments,
            self.journal,
            entry,
            taking_back=taking_back,
            pooled=self.lock.in_transaction,
        )

    def call_hook(self, name: HookName, migration: Migration, direction: Direction) -> None:
        """Calls a hook of one migration, if there is one, in the transaction that is open."""
        occasion = HookedMigration(
            connection=self.connection, direction=direction, migration=migration
        )
        call_hook(self.hooks, name, occasion, self.on_event)

    def create_tables(self) -> None:
        """Makes sure that autodiff's own tables are there."""
        there = self.store.exists(self.connection) and self.journal.exists(self.connection)
        self.connection.rollback()
        if not there:
            with self.transaction():
                self.store.create(self.connection)
                self.journal.create(self.connection)

    def entry(self, migration: Migration | Applied, kind: Kind) -> Entry:
        """The journal's entry of a run that begins now."""
        return Entry(
            revision=migration.revision,
            name=migration.name,
            kind=kind,
            checksum=migration.checksum,
            actor=self._actor,
            started_at=self._clock(),
        )

    def applied_now(self, migration: Migration | Entry) -> Applied:
        """Its record, were it applied now."""
        return Applied(
            revision=migration.revision,
            name=migration.name,
            checksum=migration.checksum,
            applied_at=self._clock(),
            digest=migration.digest if isinstance(migration, Migration) else None,
        )

    def record_at_once(self, migration: Migration, entry: Entry) -> None:
        """Writes down that it is applied, and the entry of its run: one statement for both."""
        row, other = applied_row(self.applied_now(migration)), entry_row(entry)
        values = {f"applied_{name}": value for name, value in row.items()}
        values |= {f"entry_{name}": value for name, value in other.items()}
        self.connection.execute(self._at_once, values)

    @cached_property
    def _at_once(self) -> sa.Insert:
        entry = _insert(self.journal.table, "entry").cte("entry")
        return _insert(self.store.table, "applied").add_cte(entry)

    def record(self, migration: Migration, before: Applied | None = None) -> None:
        """Writes down that it is applied: now, or when the record that was there says."""
        row = self.applied_now(migration)
        if before is not None:
            row = replace(row, applied_at=before.applied_at)
        self.store.add(self.connection, row)


def _insert(table: sa.Table, prefix: str) -> sa.Insert:
    """An INSERT whose parameters have the columns' names behind a prefix; without a number."""
    columns = [column.name for column in table.columns if column.name != "id"]
    return sa.insert(table).values({name: sa.bindparam(f"{prefix}_{name}") for name in columns})
