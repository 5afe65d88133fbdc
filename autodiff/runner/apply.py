"""Run migrations one after the other, and retry one that meets a lock."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import dropwhile, groupby

from sqlalchemy.exc import SQLAlchemyError

from autodiff.dialects.timeouts import Blocker
from autodiff.errors import AutodiffError, MigrationFailedError, RowsInTheWayError
from autodiff.migrations.files import Migration
from autodiff.runner.alembic_run import run_by_alembic
from autodiff.runner.concurrent_indexes import refuse_in_transaction
from autodiff.runner.context import executing
from autodiff.runner.deploys import refuse_old_version
from autodiff.runner.events import (
    Direction,
    MigrationFinished,
    MigrationRetried,
    MigrationSkipped,
    MigrationStarted,
)
from autodiff.runner.executor import Executor
from autodiff.runner.failures import (
    driver_error,
    failed_after_commit,
    failure,
    flat_sql,
    journal_forms,
    reason,
    stopped,
)
from autodiff.runner.journal import Entry, Progress
from autodiff.runner.journaled import JournaledSink
from autodiff.runner.loader import require_sql_only
from autodiff.runner.row_checks import refuse_rows
from autodiff.runner.session import Session
from autodiff.runner.undo import collect
from autodiff.schema.operations import Require

__all__ = ["find_blockers", "note_failure", "run_migrations", "wait_for_lock"]

_LONGEST_PAUSE = 30.0
"""Seconds between two attempts at most: a deployment should not seem to hang."""


def run_migrations(
    session: Session,
    migrations: Sequence[Migration],
    direction: Direction,
    resumed: Entry | None = None,
    *,
    create_tables: bool = True,
) -> list[Migration]:
    """Run migrations in the order given, and record each; return them.

    Migrations for other kinds of databases are recorded and not run. `resumed` is the journal entry
    of the first migration if that is resumed. `create_tables` is whether autodiff's own tables may
    be missing. Every file is loaded before the first one runs, so that an error in the last file
    stops the run before anything has changed.

    Raises MigrationFailedError if one fails; those before it stay applied.
    """
    if not migrations:
        return []
    functions = {
        migration.revision: _function(session, migration, direction)
        for migration in migrations
        if not migration.is_alembic
    }
    if create_tables and resumed is None:
        session.create_tables()
    done: list[Migration] = []
    numbered = enumerate(migrations, 1)
    for by_alembic, group in groupby(numbered, lambda item: item[1].is_alembic):
        if by_alembic:
            steps = list(group)
            run_by_alembic(session, steps, len(migrations), direction, done)
            done += [migration for _, migration in steps]
            continue
        for position, migration in group:
            function = functions[migration.revision]
            if function is None:
                _skip(session, migration, direction)
            else:
                session.on_event(
                    MigrationStarted(
                        revision=migration.revision,
                        name=migration.name,
                        direction=direction,
                        position=position,
                        total=len(migrations),
                    )
                )
                entry = resumed or session.entry(migration, direction)
                _run_one(session, migration, function, entry, done)
            done.append(migration)
    return done


def _function(
    session: Session, migration: Migration, direction: Direction
) -> Callable[[], None] | None:
    """Return the function of a migration, None if it is for other kinds of databases."""
    if not migration.is_for(session.dialect):
        return None
    if migration.is_sql and session.dialect.features.backslash_escapes:
        require_sql_only(migration, direction)
    if session.dialect.features.concurrent_indexes:
        refuse_in_transaction(migration, direction)
    return session.loader.step(migration, direction)


def _skip(session: Session, migration: Migration, direction: Direction) -> None:
    """Record a migration that is for other kinds of databases."""
    with session.transaction():
        entry = session.ended_entry(migration, direction, "skipped")
        if not _is_recorded(session, entry):
            _finish(session, migration, entry)
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
    """Run one migration, and retry it when it meets a lock."""
    limits = session.limits.with_own(migration.lock_timeout, migration.statement_timeout)
    started, attempt = time.monotonic(), 0
    while True:
        sink = session.journaled_sink(entry, limits)
        try:
            _attempt(session, migration, function, sink)
            break
        except KeyboardInterrupt as error:
            error.add_note(f"{stopped(migration, sink, done, error)}")
            raise
        except Exception as error:
            attempt += 1
            if sink.entry.has_ended:
                _report_finished(session, migration, entry, started)
                raise failed_after_commit(migration, sink, done, error) from error
            blockers = find_blockers(session, sink, error)
            if isinstance(error, RowsInTheWayError) and not sink.entry.progress.steps:
                refusal = _with_other_refusals(session, function, error)
                raise failure(migration, sink, done, refusal, blockers) from error
            if blockers is None or attempt > limits.retries:
                raise failure(migration, sink, done, error, blockers) from error
            wait_for_lock(session, migration, attempt, blockers)
            entry = sink.entry
    _report_finished(session, migration, entry, started)


def _report_finished(session: Session, migration: Migration, entry: Entry, started: float) -> None:
    session.on_event(
        MigrationFinished(
            revision=migration.revision,
            name=migration.name,
            direction=_direction(entry),
            seconds=time.monotonic() - started,
        )
    )


def _with_other_refusals(
    session: Session, function: Callable[[], None], error: RowsInTheWayError
) -> RowsInTheWayError:
    """Return the error with the other checks at the start of the migration that find rows.

    A person can then fix all rows at once.
    """
    try:
        steps = collect(session.dialect, function)
    except AutodiffError:  # it needs a database to get that far
        return error
    first_other = next((n for n, s in enumerate(steps) if not isinstance(s, Require)), len(steps))
    checks = [step for step in steps[:first_other] if isinstance(step, Require)]
    others = list(dropwhile(lambda check: check.query != error.statement, checks))[1:]
    found = [error]
    for check in others:
        try:
            refuse_rows(session.connection, session.dialect, check)
        except RowsInTheWayError as other:
            found.append(other)
        except AutodiffError:
            break
    session.connection.rollback()
    *before, last = found
    lines: list[str] = []
    for each in before:
        lines += [*each.lines, f"query: {flat_sql(each.statement or '')}"]
    return RowsInTheWayError([*lines, *last.lines], statement=last.statement, hint=error.hint)


def _direction(entry: Entry) -> Direction:
    return "downgrade" if entry.kind == "downgrade" else "upgrade"


def find_blockers(session: Session, sink: JournaledSink, error: Exception) -> list[Blocker] | None:
    """Return who holds the lock that a migration met, None if it failed for another reason.

    After a lost connection too, there is no second attempt.
    """
    cause = driver_error(error)
    if (
        cause is None
        or session.guard.was_lost
        or not session.dialect.session.is_lock_conflict(cause)
    ):
        return None
    with suppress(SQLAlchemyError):
        return session.dialect.session.blockers(session.connection, sink.tables)
    return []


def wait_for_lock(
    session: Session, migration: Migration, attempt: int, blockers: Sequence[Blocker]
) -> None:
    """Pause before the next attempt at a migration that met a lock."""
    session.connection.rollback()
    if session.guard.is_lost:  # the next attempt fails immediately, and says so
        return
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
    session: Session, migration: Migration, function: Callable[[], None], sink: JournaledSink
) -> None:
    started = time.monotonic()
    executor = Executor(session.dialect, sink)
    try:
        session.open(sink.segments)
        if session.lock.in_transaction and _is_recorded(session, sink.entry):
            sink.segments.close()
            return
        direction = _direction(sink.entry)
        if session.hooks.named("before_migration"):
            with sink.segments.guarded(), sink.atomically():
                sink.segments.handed_over()
                sink.note_hand_written()
                session.call_hook("before_migration", migration, direction)
        if direction == "upgrade" and not sink.entry.progress.steps:
            refuse_old_version(session.connection, session.dialect, migration)
        sink.begin()
        with sink.segments.guarded(), executing(executor):
            function()
            executor.flush()
            sink.finish()
        if sink.may_change_settings:
            session.restore_settings()
        with sink.closing():
            if session.hooks.named("after_migration"):
                with sink.segments.guarded():
                    sink.note_hand_written()
                    sink.segments.handed_over()
                    session.call_hook("after_migration", migration, direction)
                session.restore_settings()
            _finish(session, migration, sink.done(time.monotonic() - started))
        sink.segments.close()
    except BaseException as error:
        sink.segments.abort(error)
        note_failure(session, sink, error, time.monotonic() - started)
        raise


def _is_recorded(session: Session, entry: Entry) -> bool:
    """Return whether the history has it as done, by this run or by another one."""
    applied = session.history.has(session.connection, entry.revision)
    return applied == (entry.kind == "upgrade")


def _finish(session: Session, migration: Migration, entry: Entry) -> None:
    if entry.kind == "upgrade" and entry.id is None and session.dialect.features.insert_in_cte:
        session.record_at_once(migration, entry)
        return
    if entry.kind == "upgrade":
        session.record(migration)
    else:
        session.history.remove(session.connection, [migration.revision])
        if session.alembic is not None and session.alembic.history.replaced_by is not None:
            session.alembic.write(session.connection, ())
    session.journal.write(session.connection, entry)


def note_failure(
    session: Session, sink: JournaledSink, error: BaseException, seconds: float
) -> None:
    """Journal a failure, if the database still answers.

    The entry is read again first: the last write may have been rolled back or committed when the
    connection broke. A run that was recorded as done has not failed, and one that left nothing in
    the database did not stop half-way. Without the lock, another run may have gone on with it.
    """
    sink.outcome_is_unknown = session.guard.is_lost
    with suppress(Exception):
        session.regain()
    message = reason(error)
    statement = error.statement if isinstance(error, MigrationFailedError) else None
    text = f"{message}\n{statement}" if statement else message
    with suppress(Exception):  # before the entry is read: it may depend on the settings
        if sink.may_change_settings:
            session.restore_settings()
            session.connection.commit()
    for form in journal_forms(text):
        with suppress(Exception):
            _write_failure(session, sink, form, seconds)
            return


def _write_failure(session: Session, sink: JournaledSink, text: str, seconds: float) -> None:
    """Journal the failure of a run that has not ended, in a transaction of its own."""
    with session.dialect.session.transaction(
        session.connection, session.limits, changes_anything=False
    ):
        progress = sink.entry.progress if sink.is_behind else None
        sink.entry = _as_committed(session, sink.entry)
        sink.outcome_is_unknown = False
        if progress is not None and not sink.entry.has_ended:
            sink.entry = replace(sink.entry, progress=progress)
        if not sink.entry.has_ended:
            entry = replace(sink.entry, outcome="failed", seconds=seconds, error=text)
            entry = sink.without_refused_step(entry)
            sink.entry = session.journal.write(session.connection, entry)


def _as_committed(session: Session, entry: Entry) -> Entry:
    """Return the entry as the database has it."""
    if entry.id is not None:
        found = session.journal.find(session.connection, entry.id)
        return found or replace(entry, id=None, progress=Progress())
    return replace(entry, outcome="done") if _is_recorded(session, entry) else entry
