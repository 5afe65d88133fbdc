"""Apply and revert migrations, with only their files, the history and a connection."""

from __future__ import annotations

import datetime as dt
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from autodiff.dialects import dialect_of
from autodiff.dialects.scope import HISTORY_TABLE
from autodiff.dialects.timeouts import Limits
from autodiff.errors import HistoryError, HookFailedError
from autodiff.migrations.files import Migration
from autodiff.migrations.graph import Graph
from autodiff.runner.alembic_run import record_alembic
from autodiff.runner.alembic_versions import alembic_part
from autodiff.runner.apply import run_migrations
from autodiff.runner.baselines import refuse_recorded_baselines
from autodiff.runner.events import Direction, Listener, ignore
from autodiff.runner.history_table import Applied
from autodiff.runner.hooks import HookedRun, HookName, Hooks, call_hook
from autodiff.runner.journal import Entry, Kind
from autodiff.runner.loader import Loader
from autodiff.runner.recovery import Remaining, remaining_steps, settle
from autodiff.runner.repair import Repaired, Repairs, find_problems, repair_history
from autodiff.runner.session import Session
from autodiff.runner.squashes import fold, folded
from autodiff.runner.verify import Problem, half_way_problem, verified

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from autodiff.schema.objects import Name, Table

__all__ = ["LIMITS", "LOCK_WAIT", "Runner", "StampPreview"]

LOCK_WAIT = 600.0
"""Seconds to wait for another run by default: longer than most deployments take."""
LIMITS = Limits(lock=5.0, statement=1800.0, retries=5)
"""Default limits: a statement that waits for a lock makes all later ones wait behind it."""


_PUSH: Kind = "push"


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class StampPreview:
    """The names of migrations whose records a stamp adds or removes."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


class Runner:
    """Runs migrations of a graph on a connection that nothing else uses."""

    def __init__(
        self,
        connection: Connection,
        graph: Graph,
        *,
        schema: str | None = None,
        history_table: str = HISTORY_TABLE,
        on_event: Listener = ignore,
        clock: Callable[[], dt.datetime] = _now,
        lock_wait: float = LOCK_WAIT,
        limits: Limits = LIMITS,
        sleep: Callable[[float], None] = time.sleep,
        hooks: Hooks | None = None,
        loader: Loader | None = None,
    ) -> None:
        self.connection = connection
        self.graph = graph
        self.dialect = dialect_of(connection)
        self._session = Session(
            connection,
            self.dialect,
            schema=schema,
            history_table=history_table,
            on_event=on_event,
            clock=clock,
            lock_wait=lock_wait,
            limits=limits,
            sleep=sleep,
            hooks=hooks or Hooks(),
            loader=loader or Loader(),
            alembic=alembic_part(graph),
        )
        self._was_prepared = False

    def applied(self) -> dict[str, Applied]:
        """Return the applied migrations by revision, with squashed ones in place of their parts."""
        return folded(self.graph, self._session.applied())

    def verify(self, *, settled: bool = False) -> dict[str, Applied]:
        """Return what `applied` does, after checking that the files are those that were applied.

        Raises EditedMigrationError for files that are missing, that were edited, or that come
        before others that are applied; with `settled`, HistoryError if a migration stopped
        half-way.
        """
        entry = self.unfinished() if settled else None
        if entry is not None:
            problem = half_way_problem(entry)
            raise HistoryError(problem.message, hint="; or ".join(problem.ways))
        return verified(self.graph, self.applied())

    def upgrades(self, target: str) -> list[Migration]:
        """Return the migrations that an upgrade would apply, in order.

        Raises what `verify` raises.
        """
        return self.graph.upgrades(target, self.verify())

    def downgrades(self, target: str) -> list[Migration]:
        """Return the migrations that a downgrade would revert, in order.

        Raises what `verify` raises, except for pending migrations that come before applied ones:
        reverting those is the way out.
        """
        applied = verified(self.graph, self.applied(), in_order=False)
        return self.graph.downgrades(target, applied)

    def problems(self, applied: Mapping[str, Applied] | None = None) -> tuple[Problem, ...]:
        """Return the problems of the history, each with the ways out of it.

        applied: what `applied` returned, if it was read already.
        """
        return find_problems(self._session, self.graph, applied)

    def repair(self, wanted: Repairs) -> list[Repaired]:
        """Repair the records of the history, and return what was repaired.

        No migration is run; each repair is journaled. Raises LockedError if another run holds the
        lock for too long.
        """
        with self._session.locked():
            return repair_history(self._session, self.graph, wanted)

    def unfinished(self) -> Entry | None:
        """Return the run that stopped half-way or is still running, None if there is none."""
        return self._session.unfinished()

    def record_alembic(self) -> list[Applied]:
        """Record the revisions that Alembic has applied, and return their records; run none.

        Raises HistoryError if Alembic's version table names a revision without a file.
        """
        with self._session.locked():
            record_alembic(self._session)
        owned = self._session.alembic
        rows = self.applied().values()
        return [row for row in rows if owned is not None and owned.owns(row.revision)]

    def log(self) -> list[Entry]:
        """Return every run of a migration, oldest first."""
        found = self._session.journal.read(self.connection)
        self.connection.rollback()
        return found

    def upgrade(self, target: str = "head") -> list[Migration]:
        """Apply the pending migrations up to the target, and return them.

        An upgrade that stopped half-way is resumed; a downgrade that did is undone.

        Raises MigrationFailedError if one fails (those before it stay applied), LockedError if
        another run holds the lock for too long.
        """
        with self._session.locked(), self._hooked("upgrade", target):
            record_alembic(self._session)
            done = settle(self._session, self.graph, "upgrade", target)
            fold(self._session, self.graph)
            steps = self.upgrades(target)
            return [*done, *run_migrations(self._session, steps, "upgrade")]

    def step(self, migration: Migration, direction: Direction) -> None:
        """Run one migration on a database that only this runner changes; not one of Alembic's.

        Unlike `upgrade` and `downgrade`, it takes no lock, and does not read the history, whose
        length their time depends on. The migration must be the next one. What failed before must
        be settled.

        Raises MigrationFailedError if it fails.
        """
        is_first, self._was_prepared = not self._was_prepared, True
        if is_first:
            self._session.prepare_lock()
        run_migrations(self._session, [migration], direction, create_tables=is_first)

    def upgrade_by_alembic(self, revisions: Sequence[Migration]) -> None:
        """Apply revisions of Alembic in the order given, on a database that has none of them.

        Raises MigrationFailedError if one fails.
        """
        with self._session.locked():
            run_migrations(self._session, revisions, "upgrade")

    def take_changed_tables(self) -> frozenset[Name] | None:
        """Return the tables that were changed since the last call, None if all can have been.

        These are the tables of operations. What triggers and foreign keys change in the rows of
        other tables is not included.
        """
        return self._session.changed_tables.take()

    def downgrade(self, target: str = "-1", *, drop_baseline: bool = False) -> list[Migration]:
        """Revert the migrations that were applied after the target, and return them.

        The finished steps of an upgrade that stopped half-way are undone; a downgrade that did is
        resumed.

        Raises HistoryError if a baseline that was only recorded would drop tables, unless
        `drop_baseline` allows it. Nothing is reverted then.
        """
        with self._session.locked():
            if not drop_baseline:
                ahead = self.ahead("downgrade", target)
                firsts = [m for m in ahead if not m.parents and not m.is_alembic]
                entries = self._session.journal.read(self.connection) if firsts else ()
                refuse_recorded_baselines(firsts, entries, self.dialect)
            return self._downgrade(target)

    def _downgrade(self, target: str) -> list[Migration]:
        with self._hooked("downgrade", target):
            record_alembic(self._session)
            done = settle(self._session, self.graph, "downgrade", target)
            target = _without(target, len(done))
            fold(self._session, self.graph)
            steps = self.downgrades(target)
            return [*done, *run_migrations(self._session, steps, "downgrade")]

    @contextmanager
    def _hooked(self, direction: Direction, target: str) -> Iterator[None]:
        """Call the hooks of a run before and after it, if there is anything to run."""
        before: HookName = "before_upgrade" if direction == "upgrade" else "before_downgrade"
        after: HookName = "after_upgrade" if direction == "upgrade" else "after_downgrade"
        hooks = self._session.hooks
        wanted = hooks.named(before) or hooks.named(after)
        ahead = self.ahead(direction, target) if wanted else ()
        if not ahead:
            yield
            return
        argument = HookedRun(
            connection=self.connection, direction=direction, migrations=tuple(ahead)
        )
        self._call(before, argument, "nothing was run", "fix it and run the same command again")
        yield
        done = "applied" if direction == "upgrade" else "reverted"
        names = ", ".join(migration.path.name for migration in ahead)
        self._call(
            after,
            argument,
            f"all migrations were {done} before it: {names}",
            "the hook will not be called again automatically; call it manually if needed",
        )

    def ahead(self, direction: Direction, target: str) -> list[Migration]:
        """Return the migrations of a run: first what stopped half-way, then the others.

        Raises what `verify` raises, if no run stopped half-way.
        """
        entry = self.unfinished()
        stopped = [self.graph[entry.revision]] if entry and entry.revision in self.graph else []
        applied = folded(self.graph, self.applied())
        if not stopped:
            verified(self.graph, applied, in_order=direction == "upgrade")
        find = self.graph.upgrades if direction == "upgrade" else self.graph.downgrades
        if stopped and direction == "downgrade":
            applied = {r: row for r, row in applied.items() if r != stopped[0].revision}
            target = _without(target, 1)
        return list(dict.fromkeys([*stopped, *find(target, applied)]))

    def remaining(
        self, direction: Direction, target: str, tables: Mapping[Name, Table]
    ) -> Remaining | None:
        """Return the first steps of a run, those about what stopped half-way; None without them.

        `tables` are the current tables. Raises what the run raises before its first step.
        """
        return remaining_steps(self._session, self.graph, direction, target, tables)

    def _call(self, name: HookName, argument: HookedRun, done: str, hint: str) -> None:
        """Call a hook outside a transaction, and commit what it leaves open."""
        connection = self.connection
        connection.rollback()
        try:
            with self.dialect.session.autocommit(connection):
                call_hook(self._session.hooks, name, argument, self._session.on_event)
                connection.commit()
        except HookFailedError as error:
            raise HookFailedError(
                error.hook, error.place, error.reason, done=done, hint=error.hint or hint
            ) from error

    def push(self, step: Callable[[], None], checksum: str) -> None:
        """Run a function of `op` that is not a migration, and note in the journal that it was run.

        checksum: identifies what was pushed; `last_push` returns it.

        Raises MigrationFailedError if a statement fails, LockedError if another run holds the lock
        for too long.
        """
        with self._session.locked():
            self._session.create_tables()
            self._session.run_unrecorded(step, _PUSH, checksum)

    def last_push(self) -> str | None:
        """Return the checksum of the last push, None if there was none."""
        pushes = [entry.checksum for entry in self.log() if entry.kind == _PUSH]
        return pushes[-1] if pushes else None

    def preview_stamp(self, target: str = "head") -> StampPreview:
        """Return the records that `stamp` would change; change none."""
        rows = self.applied()
        known = set(rows) & set(self.graph.migrations)
        wanted = self.graph.in_order(set(self.graph.reach(target, known)))
        kept = {migration.revision for migration in wanted}
        return StampPreview(
            added=tuple(m.name for m in wanted if m.revision not in rows),
            removed=tuple(row.name for revision, row in rows.items() if revision not in kept),
        )

    def stamp(self, target: str = "head", *more: str) -> list[Migration]:
        """Record the migrations up to the target as applied, and no others; run none.

        `more` are targets on other branches. If a target has a label, other branches stay as they
        are. What stopped half-way is settled.
        """
        with self._session.locked():
            applied = set(self._session.applied()) & set(self.graph.migrations)
            reached = (self.graph.reach(each, applied) for each in (target, *more))
            wanted = self.graph.in_order(set().union(*reached))
            self._session.create_tables()
            self._stamp(wanted)
        return wanted

    def _stamp(self, wanted: Sequence[Migration]) -> None:
        session = self._session
        with session.transaction():
            before = folded(self.graph, session.history.read(self.connection))
            rows: list[Applied] = []
            entries: list[Entry] = []
            for migration in wanted:
                old = before.pop(migration.revision, None)
                row = session.applied_now(migration)
                rows.append(replace(row, applied_at=old.applied_at) if old else row)
                if old is None:
                    entries.append(session.ended_entry(migration, "stamp", "done"))
            entries += [session.ended_entry(row, "stamp", "forgotten") for row in before.values()]
            session.history.replace(self.connection, rows)
            session.journal.add(self.connection, entries)
            if session.alembic is not None:
                session.alembic.write(self.connection, [m.revision for m in wanted])
            unfinished = session.journal.unfinished(self.connection)
            if unfinished is not None:
                session.journal.write(self.connection, replace(unfinished, outcome="settled"))


def _without(target: str, done: int) -> str:
    """Return the target of a downgrade after so many of its steps are done."""
    back = re.fullmatch(r"(.*@)?-(\d{1,9})", target)
    return f"{back[1] or ''}-{int(back[2]) - done}" if back else target
