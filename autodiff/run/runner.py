"""Applies migrations and takes them back. It knows files, history and a connection."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from autodiff.dialects import dialect_of
from autodiff.dialects.limits import Limits
from autodiff.history.files import Migration
from autodiff.history.graph import Graph
from autodiff.run.attempts import run_migrations
from autodiff.run.events import Listener, ignore
from autodiff.run.halfway import settle
from autodiff.run.integrity import verified
from autodiff.run.journal import Entry
from autodiff.run.loader import Loader
from autodiff.run.session import Session
from autodiff.run.store import Applied

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["LIMITS", "LOCK_WAIT", "Runner"]

LOCK_WAIT = 600.0
"""Seconds to wait for another run, by default."""
LIMITS = Limits(lock=5.0, statement=1800.0, retries=5)
"""What holds where nothing is configured: what waits for a lock makes others wait behind it."""


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class Runner:
    """Runs migrations of a graph on one connection, which it must have for itself."""

    def __init__(
        self,
        connection: Connection,
        graph: Graph,
        *,
        schema: str | None = None,
        on_event: Listener = ignore,
        clock: Callable[[], dt.datetime] = _now,
        lock_wait: float = LOCK_WAIT,
        limits: Limits = LIMITS,
        sleep: Callable[[float], None] = time.sleep,
        loader: Loader | None = None,
    ) -> None:
        self.connection = connection
        self.graph = graph
        self.dialect = dialect_of(connection)
        self._session = Session(
            connection,
            self.dialect,
            schema=schema,
            on_event=on_event,
            clock=clock,
            lock_wait=lock_wait,
            limits=limits,
            sleep=sleep,
            loader=loader or Loader(),
        )

    def applied(self) -> dict[str, Applied]:
        """What the database says was applied, by revision."""
        return self._session.applied()

    def verify(self) -> dict[str, Applied]:
        """As `applied`, once it is sure that the files are those that were applied.

        Raises EditedMigrationError for a file that is missing or was changed since.
        """
        return verified(self.graph, self.applied())

    def unfinished(self) -> Entry | None:
        """The migration that stopped half-way (or that another run is at), None without one."""
        return self._session.unfinished()

    def log(self) -> list[Entry]:
        """Every run of a migration, oldest first."""
        found = self._session.journal.read(self.connection)
        self.connection.rollback()
        return found

    def upgrade(self, target: str = "head") -> list[Migration]:
        """Applies what is missing up to the target; the migrations applied.

        One that stopped half-way goes on where it stopped; a downgrade that did is taken back.

        Raises MigrationFailedError where one fails: those before it stay applied. LockedError
        where another run is at it for too long.
        """
        with self._session.locked():
            done = settle(self._session, self.graph, "upgrade", target)
            steps = self.graph.upgrades(target, self.verify())
            return [*done, *run_migrations(self._session, steps, "upgrade")]

    def downgrade(self, target: str = "-1") -> list[Migration]:
        """Takes back what was applied after the target; the migrations reverted.

        Of an upgrade that stopped half-way the finished steps are taken back; a downgrade that
        did goes on.
        """
        with self._session.locked():
            done = settle(self._session, self.graph, "downgrade", target)
            if done and target.startswith("-"):
                target = f"-{int(target[1:]) - len(done)}"
            steps = self.graph.downgrades(target, self.verify())
            return [*done, *run_migrations(self._session, steps, "downgrade")]

    def stamp(self, target: str = "head") -> list[Migration]:
        """Records the migrations up to the target as applied, and no others, running none.

        What stopped half-way counts as settled.
        """
        wanted = [] if target == "base" else self.graph.upgrades(target, ())
        with self._session.locked():
            self._session.create_tables()
            self._stamp(wanted)
        return wanted

    def _stamp(self, wanted: Sequence[Migration]) -> None:
        session = self._session
        with session.transaction():
            before = session.store.read(self.connection)
            for revision in before:
                session.store.remove(self.connection, revision)
            for migration in wanted:
                session.record(migration)
                if migration.revision not in before:
                    entry = replace(session.entry(migration, "stamp"), outcome="done", seconds=0.0)
                    session.journal.write(self.connection, entry)
            unfinished = session.journal.unfinished(self.connection)
            if unfinished is not None:
                session.journal.write(self.connection, replace(unfinished, outcome="settled"))
