"""Runs migrations one after the other, each tried again where it meets a lock."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from autodiff.dialects.timeouts import Blocker
from autodiff.errors import MigrationFailedError
from autodiff.migrations.files import Migration
from autodiff.runner.concurrent_indexes import refuse_in_transaction
from autodiff.runner.context import executing
from autodiff.runner.events import (
    Direction,
    MigrationFinished,
    MigrationRetried,
    MigrationSkipped,
    MigrationStarted,
)
from autodiff.runner.executor import Executor
from autodiff.runner.failures import failure, reason, stopped
from autodiff.runner.journal import Entry, Progress
from autodiff.runner.journaled import Steps
from autodiff.runner.session import Session

__all__ = ["note_failure", "run_migrations"]

_LONGEST_PAUSE = 30.0


def run_migrations(
    session: Session,
    steps: Sequence[Migration],
    direction: Direction,
    resumed: Entry | None = None,
) -> list[Migration]:
    """Runs them in that order; all of them, each with its record.

    Those that are for other kinds of databases are recorded and not run. `resumed` is the entry of
    the first one, where it goes on.

    Raises MigrationFailedError where one fails: those before it stay.
    """
    if not steps:
        return []
    meant = [migration.is_for(session.dialect) for migration in steps]
    if session.dialect.features.concurrent_indexes:
        for migration, is_meant in zip(steps, meant, strict=True):
            if is_meant:
                refuse_in_transaction(migration, direction)
    functions = [
        session.loader.step(migration, direction) if is_meant else None
        for migration, is_meant in zip(steps, meant, strict=True)
    ]
    if resumed is None:
        session.create_tables()
    done: list[Migration] = []
    for position, (migration, function) in enumerate(zip(steps, functions, strict=True), 1):
        if function is None:
            _skip(session, migration, direction)
        else:
            session.on_event(
                MigrationStarted(
                    revision=migration.revision,
                    name=migration.name,
                    direction=direction,
                    position=position,
                    total=len(steps),
                )
            )
            entry = resumed or session.entry(migration, direction)
            _run_one(session, migration, function, entry, done)
        done.append(migration)
    return done


def _skip(session: Session, migration: Migration, direction: Direction) -> None:
    """Records a migration that is for other kinds of databases."""
    with session.transaction():
        entry = session.entry(migration, direction)
        if not _was_done(session, entry):
            _finish(session, migration, replace(entry, outcome="skipped", seconds=0.0))
    session.on_event(
        MigrationSkipped(
            revision=migration.revision,
            name=migration.name,
            direction=direction,
            database=session.dialect.backend,
        )
    )


def _run_one(
    session: Session,
    migration: Migration,
    function: Callable[[], None],
    entry: Entry,
    done: Sequence[Migration],
) -> None:
    """Runs one migration, as often as it meets a lock."""
    limits = session.limits.with_own(migration.lock_timeout, migration.statement_timeout)
    begun, attempt = time.monotonic(), 0
    while True:
        steps = session.steps(entry, limits)
        try:
            _attempt(session, migration, function, steps)
            break
        except KeyboardInterrupt as error:
            error.add_note(f"{stopped(migration, steps, done, error)}")
            raise
        except Exception as error:
            attempt += 1
            blockers = _blockers(session, steps, error)
            if blockers is None or attempt > limits.retries:
                raise failure(migration, steps, done, error, blockers) from error
            _wait(session, migration, attempt, blockers)
            entry = steps.entry
    session.on_event(
        MigrationFinished(
            revision=migration.revision,
            name=migration.name,
            direction=_direction(entry),
            seconds=time.monotonic() - begun,
        )
    )


def _direction(entry: Entry) -> Direction:
    return "downgrade" if entry.kind == "downgrade" else "upgrade"


def _blockers(session: Session, steps: Steps, error: Exception) -> list[Blocker] | None:
    """Who holds the lock that a migration met; None where it failed for another reason."""
    cause = error.__cause__ if isinstance(error, MigrationFailedError) else error
    while isinstance(cause, MigrationFailedError):
        cause = cause.__cause__
    if not isinstance(cause, DBAPIError) or not session.dialect.session.is_lock_conflict(
        cause.orig or cause
    ):
        return None
    with suppress(SQLAlchemyError):
        return session.dialect.session.blockers(session.connection, steps.tables)
    return []


def _wait(
    session: Session, migration: Migration, attempt: int, blockers: Sequence[Blocker]
) -> None:
    session.connection.rollback()
    seconds = min(2 ** (attempt - 1), _LONGEST_PAUSE) * random.uniform(0.5, 1.0)
    session.on_event(
        MigrationRetried(
            revision=migration.revision,
            name=migration.name,
            attempt=attempt,
            seconds=seconds,
            blockers=tuple(map(str, blockers)),
        )
    )
    session.sleep(seconds)


def _attempt(
    session: Session, migration: Migration, function: Callable[[], None], steps: Steps
) -> None:
    begun = time.monotonic()
    executor = Executor(session.dialect, steps)
    try:
        session.open(steps.segments)
        if session.lock.in_transaction and _was_done(session, steps.entry):
            steps.segments.close()
            return
        direction = _direction(steps.entry)
        if session.hooks.named("before_migration"):
            with steps.segments.guarded(), steps.together():
                steps.segments.handed_over()
                session.call_hook("before_migration", migration, direction)
        steps.begin()
        with steps.segments.guarded(), executing(executor):
            function()
            executor.flush()
        steps.finish()
        with steps.together():
            if session.hooks.named("after_migration"):
                with steps.segments.guarded():
                    steps.segments.handed_over()
                    session.call_hook("after_migration", migration, direction)
            seconds = time.monotonic() - begun
            entry = replace(steps.entry, outcome="done", seconds=seconds, error=None)
            _finish(session, migration, entry)
        steps.segments.close()
    except BaseException as error:
        steps.segments.abort(error)
        note_failure(session, steps, error, time.monotonic() - begun)
        raise


def _was_done(session: Session, entry: Entry) -> bool:
    """Whether the history says that it is done, by this run or by another one."""
    applied = entry.revision in session.store.read(session.connection)
    return applied == (entry.kind == "upgrade")


def _finish(session: Session, migration: Migration, entry: Entry) -> None:
    if entry.kind == "upgrade" and entry.id is None and session.dialect.features.insert_in_cte:
        session.record_at_once(migration, entry)
        return
    if entry.kind == "upgrade":
        session.record(migration)
    else:
        session.store.remove(session.connection, migration.revision)
    session.journal.write(session.connection, entry)


def note_failure(session: Session, steps: Steps, error: BaseException, seconds: float) -> None:
    """Writes down what failed, if the database still listens. What left nothing isn't half done.

    How far it came the database says: what was on its way when it failed may be there or not.
    Where it had come to its end, nothing has failed.
    """
    told = reason(error)
    statement = error.statement if isinstance(error, MigrationFailedError) else None
    text = f"{told}\n{statement}" if statement else told
    with (
        suppress(Exception),
        session.dialect.session.transaction(session.connection, session.limits),
    ):
        steps.entry = _as_committed(session, steps.entry)
        if not steps.entry.has_ended:
            entry = replace(steps.entry, outcome="failed", seconds=seconds, error=text)
            if steps.left_nothing():
                entry = replace(entry, progress=Progress())
            steps.entry = session.journal.write(session.connection, entry)


def _as_committed(session: Session, entry: Entry) -> Entry:
    """The entry as the database has it: what was written last may have been rolled back."""
    if entry.id is not None:
        found = session.journal.find(session.connection, entry.id)
        return found or replace(entry, id=None, progress=Progress())
    return replace(entry, outcome="done") if _was_done(session, entry) else entry
