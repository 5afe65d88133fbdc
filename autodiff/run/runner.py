"""Applies migrations and takes them back. It knows files, history and a connection."""

from __future__ import annotations

import datetime as dt
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from autodiff.dialects import dialect_of
from autodiff.dialects.limits import Blocker, Limits
from autodiff.errors import (
    AutodiffError,
    EditedMigrationError,
    HistoryError,
    MigrationFailedError,
    RowsInTheWayError,
)
from autodiff.history.files import Migration
from autodiff.history.graph import Graph
from autodiff.operations import Operation, tables_of
from autodiff.run.context import executing
from autodiff.run.events import (
    Direction,
    Listener,
    MigrationFinished,
    MigrationResumed,
    MigrationRetried,
    MigrationStarted,
    StatementRun,
    ignore,
)
from autodiff.run.executor import Executor, run_operations
from autodiff.run.journal import Entry, Journal, Kind, Progress, actor
from autodiff.run.loader import load_step
from autodiff.run.locking import Patience, locked, wait_for
from autodiff.run.segments import Segments
from autodiff.run.steps import Steps
from autodiff.run.store import Applied, Store
from autodiff.run.takeback import collect, counterparts, finished_steps
from autodiff.run.targets import Live

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["LIMITS", "LOCK_WAIT", "Runner"]

LOCK_WAIT = 600.0
"""Seconds to wait for another run, by default."""
LIMITS = Limits(lock=5.0, statement=1800.0, retries=5)
"""What holds where nothing is configured: what waits for a lock makes others wait behind it."""
_LONGEST_PAUSE = 30.0


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
    ) -> None:
        self.connection = connection
        self.graph = graph
        self.dialect = dialect_of(connection)
        self.store = Store(schema)
        self._on_event = on_event
        self._clock = clock
        self._limits = limits
        self._sleep = sleep
        self.journal = Journal(schema)
        self.actor = actor()
        self._patience = Patience(seconds=lock_wait, who=str(self.actor), on_event=on_event)
        connection.rollback()
        self.dialect.prepare_connection(connection)

    def applied(self) -> dict[str, Applied]:
        """What the database says was applied, by revision."""
        found = self.store.read(self.connection)
        self.connection.rollback()
        return found

    def verify(self) -> dict[str, Applied]:
        """As `applied`, once it is sure that the files are those that were applied.

        Raises EditedMigrationError for a file that is missing or was changed since.
        """
        applied = self.applied()
        missing = sorted(revision for revision in applied if revision not in self.graph)
        if missing:
            names = ", ".join(f"{r} ({applied[r].name})" for r in missing)
            raise EditedMigrationError(
                f"the database has migrations that the folder lacks: {names}",
                missing,
                hint="restore the files, or check out the branch that has them",
            )
        edited = [
            self.graph[revision]
            for revision, row in applied.items()
            if row.checksum != self.graph[revision].checksum
        ]
        if edited:
            names = ", ".join(sorted(migration.path.name for migration in edited))
            raise EditedMigrationError(
                f"migrations were edited after they were applied: {names}",
                [migration.revision for migration in edited],
                hint="restore them from version control and put the change into a new migration",
            )
        return applied

    def unfinished(self) -> Entry | None:
        """The migration that stopped half-way (or that another run is at), None without one."""
        found = self.journal.unfinished(self.connection)
        self.connection.rollback()
        return found

    def log(self) -> list[Entry]:
        """Every run of a migration, oldest first."""
        found = self.journal.read(self.connection)
        self.connection.rollback()
        return found

    def upgrade(self, target: str = "head") -> list[Migration]:
        """Applies what is missing up to the target; the migrations applied.

        One that stopped half-way goes on where it stopped; a downgrade that did is taken back.

        Raises MigrationFailedError where one fails: those before it stay applied. LockedError
        where another run is at it for too long.
        """
        with self._locked():
            done = self._settle("upgrade", target)
            steps = self.graph.upgrades(target, self.verify())
            return [*done, *self._run(steps, "upgrade")]

    def downgrade(self, target: str = "-1") -> list[Migration]:
        """Takes back what was applied after the target; the migrations reverted.

        Of an upgrade that stopped half-way the finished steps are taken back; a downgrade that
        did goes on.
        """
        with self._locked():
            done = self._settle("downgrade", target)
            if done and target.startswith("-"):
                target = f"-{int(target[1:]) - len(done)}"
            steps = self.graph.downgrades(target, self.verify())
            return [*done, *self._run(steps, "downgrade")]

    def stamp(self, target: str = "head") -> list[Migration]:
        """Records the migrations up to the target as applied, and no others, running none.

        What stopped half-way counts as settled.
        """
        if target == "base":
            wanted: list[Migration] = []
        else:
            wanted = self.graph.upgrades(target, ())
        with self._locked():
            self._create_tables()
            self._stamp(wanted)
        return wanted

    def _stamp(self, wanted: Sequence[Migration]) -> None:
        with self._transaction():
            before = self.store.read(self.connection)
            for revision in before:
                self.store.remove(self.connection, revision)
            for migration in wanted:
                self._record(migration)
                if migration.revision not in before:
                    self._log(migration, "stamp")
            self._forget_unfinished()

    # The lock

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._lock = self.dialect.lock(self.connection, self.store.table.schema)
        with locked(self._lock, self._patience):
            yield

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """A transaction, with the lock."""
        segments = Segments(self.connection, self.dialect, self._limits)
        self._open(segments)
        try:
            yield
        except BaseException as error:
            segments.abort(error)
            raise
        segments.close()

    def _open(self, segments: Segments) -> None:
        """Begins a transaction; behind a pooler the lock is taken in it."""
        segments.open()
        if self._lock.in_transaction:

            def again() -> None:
                segments.close()
                segments.open()

            wait_for(self._lock, self._patience, again)

    # What stopped half-way

    def _settle(self, direction: Direction, target: str) -> list[Migration]:
        """Brings to an end what stopped half-way; the migration, where that was in `direction`.

        Raises HistoryError where its file is not there, EditedMigrationError where it was changed.
        """
        if self._lock.in_transaction:
            with self._transaction():
                entry = self.journal.unfinished(self.connection)
        else:
            entry = self.unfinished()
        if entry is None:
            return []
        migration = self._as_it_was(entry)
        forward: Direction = "downgrade" if entry.kind == "downgrade" else "upgrade"
        self._on_event(
            MigrationResumed(
                revision=entry.revision,
                name=entry.name,
                direction=direction,
                steps=entry.progress.steps,
            )
        )
        if forward == direction and entry.progress.undone is None:
            self._refuse_beyond(target, direction, migration)
            return self._run([migration], direction, entry)
        self._take_back(migration, forward, entry)
        return [migration] if direction == "downgrade" else []

    def _as_it_was(self, entry: Entry) -> Migration:
        if entry.revision not in self.graph:
            raise HistoryError(
                f"the {entry.kind} of {entry.name} stopped half-way, and its file is not here",
                hint="restore the file; or put the schema right by hand, and: autodiff repair",
            )
        migration = self.graph[entry.revision]
        if migration.checksum != entry.checksum:
            raise EditedMigrationError(
                f"{migration.path.name} was edited since its {entry.kind} stopped half-way, "
                f"with {entry.progress.steps} steps done",
                [entry.revision],
                hint="restore the file as it was, and go on or take it back; then edit it. Or put "
                "the schema right by hand, and: autodiff repair",
            )
        return migration

    def _refuse_beyond(self, target: str, direction: Direction, migration: Migration) -> None:
        applied = self.verify()
        find = self.graph.upgrades if direction == "upgrade" else self.graph.downgrades
        if migration not in find(target, applied):
            other = "downgrade" if direction == "upgrade" else "upgrade"
            raise HistoryError(
                f"the {direction} of {migration.name} stopped half-way, and {target} does not "
                "reach it",
                hint=f"finish it first: autodiff {direction} {migration.name}; or take it back: "
                f"autodiff {other}",
            )

    def _take_back(self, migration: Migration, forward: Direction, entry: Entry) -> None:
        """Undoes the finished steps of a migration that stopped half-way."""
        backward: Direction = "upgrade" if forward == "downgrade" else "downgrade"
        try:
            there = collect(self.dialect, load_step(migration, forward))
            back = collect(self.dialect, load_step(migration, backward))
            entry = replace(entry, progress=self._without_doubt(entry.progress, there))
            self._clear_away(there[entry.progress.steps :])
            self._undo(counterparts(there, back, finished_steps(entry.progress)), entry)
        except MigrationFailedError as error:
            raise MigrationFailedError(
                f"cannot take {migration.path.name} back: {error.message}",
                revision=migration.revision,
                statement=error.statement,
                hint=error.hint,
            ) from error

    def _clear_away(self, operations: Sequence[Operation]) -> None:
        """Removes what a step has left that failed outside of a transaction."""
        left = self.dialect.cleanup(self.connection, operations)
        self.connection.rollback()
        with self.dialect.autocommit(self.connection):
            for sql in left:
                self.connection.exec_driver_sql(sql)

    def _without_doubt(self, progress: Progress, operations: Sequence[Operation]) -> Progress:
        """The progress, once it is looked at whether the statement under way was done."""
        if progress.mark is None or progress.undone is not None:
            return progress
        tables = tables_of(operations[progress.steps])
        sent = progress.sent + (self.dialect.fingerprint(self.connection, tables) != progress.mark)
        self.connection.rollback()
        if sent < len(progress.statements):
            return replace(progress, sent=sent, mark=None)
        return replace(progress, steps=progress.steps + 1, statements=(), sent=0, mark=None)

    def _undo(self, operations: Sequence[Operation], entry: Entry) -> None:
        steps = self._steps(entry, self._limits, taking_back=True)
        executor = Executor(self.dialect, steps)
        try:
            self._open(steps.segments)
            steps.begin()
            run_operations(executor, operations)
            steps.finish()
            steps.check_start()
            with steps.together():
                self.journal.write(
                    self.connection, replace(steps.entry, outcome="taken back", error=None)
                )
            steps.segments.close()
        except BaseException as error:
            steps.segments.abort(error)
            self._note_failure(steps, error, entry.seconds or 0.0)
            raise

    # Running

    def _run(
        self, steps: Sequence[Migration], direction: Direction, resumed: Entry | None = None
    ) -> list[Migration]:
        if not steps:
            return []
        functions = [load_step(migration, direction) for migration in steps]
        if resumed is None:
            self._create_tables()
        done: list[Migration] = []
        for position, (migration, function) in enumerate(zip(steps, functions, strict=True), 1):
            started = MigrationStarted(
                revision=migration.revision,
                name=migration.name,
                direction=direction,
                position=position,
                total=len(steps),
            )
            self._on_event(started)
            begun = time.monotonic()
            entry = resumed or self._entry(migration, direction)
            self._run_one(migration, function, entry, done)
            done.append(migration)
            self._on_event(
                MigrationFinished(
                    revision=migration.revision,
                    name=migration.name,
                    direction=direction,
                    seconds=time.monotonic() - begun,
                )
            )
        return done

    def _run_one(
        self,
        migration: Migration,
        function: Callable[[], None],
        entry: Entry,
        done: Sequence[Migration],
    ) -> None:
        limits = self._limits_of(migration)
        attempt = 0
        while True:
            steps = self._steps(entry, limits)
            try:
                self._attempt(migration, function, steps)
                return
            except Exception as error:
                attempt += 1
                blockers = self._blockers(steps, error)
                if blockers is None or attempt > limits.retries:
                    raise self._failure(migration, steps, done, error, blockers) from error
                self._wait(migration, attempt, blockers)
                entry = steps.entry

    def _limits_of(self, migration: Migration) -> Limits:
        """The limits of the run, and what the migration itself says."""
        lock, statement = migration.lock_timeout, migration.statement_timeout
        return replace(
            self._limits,
            lock=self._limits.lock if lock is None else lock,
            statement=self._limits.statement if statement is None else statement,
        )

    def _blockers(self, steps: Steps, error: Exception) -> list[Blocker] | None:
        """Who holds the lock that a migration met; None where it failed for another reason."""
        cause = error.__cause__ if isinstance(error, MigrationFailedError) else error
        while isinstance(cause, MigrationFailedError):
            cause = cause.__cause__
        if not isinstance(cause, DBAPIError) or not self.dialect.met_lock(cause.orig or cause):
            return None
        with suppress(SQLAlchemyError):
            return self.dialect.blockers(self.connection, steps.tables)
        return []

    def _wait(self, migration: Migration, attempt: int, blockers: Sequence[Blocker]) -> None:
        self.connection.rollback()
        seconds = min(2 ** (attempt - 1), _LONGEST_PAUSE) * random.uniform(0.5, 1.0)
        self._on_event(
            MigrationRetried(
                revision=migration.revision,
                name=migration.name,
                attempt=attempt,
                seconds=seconds,
                blockers=tuple(map(str, blockers)),
            )
        )
        self._sleep(seconds)

    def _attempt(self, migration: Migration, function: Callable[[], None], steps: Steps) -> None:
        begun = time.monotonic()
        executor = Executor(self.dialect, steps)
        try:
            self._open(steps.segments)
            if self._lock.in_transaction and self._was_done(migration, steps.entry):
                steps.segments.close()
                return
            steps.begin()
            with executing(executor):
                function()
                executor.flush()
            steps.finish()
            with steps.together():
                self._finish(migration, steps.entry, time.monotonic() - begun)
            steps.segments.close()
        except BaseException as error:
            steps.segments.abort(error)
            self._note_failure(steps, error, time.monotonic() - begun)
            raise

    def _steps(self, entry: Entry, limits: Limits, *, taking_back: bool = False) -> Steps:
        def tell(sql: str) -> None:
            self._on_event(StatementRun(sql=sql))

        live = Live(self.connection, self.dialect, tell, self._on_event)
        segments = Segments(self.connection, self.dialect, limits)
        return Steps(
            live,
            self.dialect,
            segments,
            self.journal,
            entry,
            taking_back=taking_back,
            pooled=self._lock.in_transaction,
        )

    def _was_done(self, migration: Migration, entry: Entry) -> bool:
        """Whether another run has done it, since this one looked."""
        applied = migration.revision in self.store.read(self.connection)
        return applied == (entry.kind == "upgrade")

    def _finish(self, migration: Migration, entry: Entry, seconds: float) -> None:
        if entry.kind == "upgrade":
            self._record(migration)
        else:
            self.store.remove(self.connection, migration.revision)
        self.journal.write(
            self.connection, replace(entry, outcome="done", seconds=seconds, error=None)
        )

    def _note_failure(self, steps: Steps, error: BaseException, seconds: float) -> None:
        """Writes down what failed, if the database still listens."""
        reason = _reason(error) if isinstance(error, Exception) else type(error).__name__
        statement = error.statement if isinstance(error, MigrationFailedError) else None
        text = f"{reason}\n{statement}" if statement else reason
        entry = replace(steps.entry, outcome="failed", seconds=seconds, error=text)
        with suppress(Exception), self.dialect.transaction(self.connection):
            self.journal.write(self.connection, entry)

    def _create_tables(self) -> None:
        there = self.store.exists(self.connection) and self.journal.exists(self.connection)
        self.connection.rollback()
        if not there:
            with self.dialect.transaction(self.connection, self._limits):
                self.store.create(self.connection)
                self.journal.create(self.connection)

    def _entry(self, migration: Migration, kind: Kind) -> Entry:
        return Entry(
            revision=migration.revision,
            name=migration.name,
            kind=kind,
            checksum=migration.checksum,
            actor=self.actor,
            started_at=self._clock(),
        )

    def _log(self, migration: Migration, kind: Kind) -> None:
        entry = replace(self._entry(migration, kind), outcome="done", seconds=0.0)
        self.journal.write(self.connection, entry)

    def _forget_unfinished(self) -> None:
        """What stopped half-way counts as settled."""
        entry = self.journal.unfinished(self.connection)
        if entry is not None:
            self.journal.write(self.connection, replace(entry, outcome="settled"))

    def _record(self, migration: Migration) -> None:
        self.store.add(
            self.connection,
            Applied(
                revision=migration.revision,
                name=migration.name,
                checksum=migration.checksum,
                applied_at=self._clock(),
            ),
        )

    def _failure(
        self,
        migration: Migration,
        steps: Steps,
        done: Sequence[Migration],
        error: Exception,
        blockers: Sequence[Blocker] | None,
    ) -> MigrationFailedError:
        """What failed, what was kept, and what to do."""
        kind = steps.entry.kind
        statement = error.statement if isinstance(error, MigrationFailedError) else None
        if isinstance(error, RowsInTheWayError) and not steps.entry.progress.steps:
            return _refused(migration, kind, done, error)
        message = f"{kind} of {migration.path.name} failed: {_reason(error)}"
        if statement:
            message += f"\nstatement: {statement}"
        for blocker in blockers or ():
            message += f"\nheld by {blocker}"
        if steps.is_passing:
            message += "\nthat was in a part written by hand, which is run again to get to the rest"
        kept = ", ".join(m.path.name for m in done) or "nothing"
        message += f"\ndone before it, and kept: {kept}"
        hint = "the failed migration left nothing behind; mend it and run again"
        if steps.entry.progress.steps or steps.entry.progress.sent:
            other = "downgrade" if kind == "upgrade" else "upgrade"
            message += f"\nsteps of it that are done, and stay: {steps.entry.progress.steps}"
            hint = (
                f"mend the cause, and autodiff {kind} goes on from there; or autodiff {other} "
                "takes those steps back, and the file can be mended"
            )
        if blockers is not None:
            hint = (
                f"try again when that session is done, or give it more time: lock_timeout; {hint}"
            )
        inner = error.hint if isinstance(error, AutodiffError) else None
        return MigrationFailedError(
            message, revision=migration.revision, statement=statement, hint=inner or hint
        )


def _refused(
    migration: Migration, direction: Kind, done: Sequence[Migration], error: RowsInTheWayError
) -> RowsInTheWayError:
    """A check of rows came before anything else, so there is nothing to take back."""
    message = f"{direction} of {migration.path.name} refused: {error.message}"
    message += f"\nquery: {error.statement}\nit changed nothing"
    if done:
        message += f"; done before it, and kept: {', '.join(m.path.name for m in done)}"
    return RowsInTheWayError(
        message, revision=migration.revision, statement=error.statement, hint=error.hint
    )


def _reason(error: Exception) -> str:
    """What an error says: ours as it is, the database's own words, any other with its kind."""
    if isinstance(error, AutodiffError):
        return error.message
    if isinstance(error, DBAPIError):
        return f"{error.orig}"
    return f"{type(error).__name__}: {error}"
