"""Describe a migration that failed: what, why, what was kept, and what to do."""

from __future__ import annotations

import traceback
from collections.abc import Sequence

from sqlalchemy.exc import DBAPIError

from autodiff.dialects.timeouts import Blocker
from autodiff.errors import (
    AutodiffError,
    MigrationFailedError,
    RowsInTheWayError,
    WrongArgumentError,
    database_words,
    exception_words,
)
from autodiff.migrations.files import Migration
from autodiff.runner.calls import line_in
from autodiff.runner.events import Direction
from autodiff.runner.journal import ANSWER_STEP, SETTLE_BY_HAND, Kind
from autodiff.runner.journaled import JournaledSink
from autodiff.runner.transaction_guard import ENDED_BY_HAND
from autodiff.utils.server_states import read_only_hint

__all__ = ["driver_error", "failed_after_commit", "failure", "flat_sql", "in_code"]
__all__ += ["irreversible", "journal_forms", "raising_line", "reason", "stopped"]


_FIX = "the failed migration left nothing behind: fix it and run the same command again"
_NO_WAY_BACK = (
    "its author left out the way back: restore a backup, or undo what it did with a new migration "
    "(autodiff generate)"
)
_UNDO = {"upgrade": "autodiff downgrade --yes", "downgrade": "autodiff upgrade"}
"""The command that undoes the finished steps of a run; without a terminal, nobody can say yes."""
_LOOK_FIRST = (
    "run autodiff status to see what is left to do; a relative target, such as -1, counts from "
    "what it shows"
)


def driver_error(error: BaseException | None) -> BaseException | None:
    """Return the driver's error that ended a migration, None if another error did."""
    while isinstance(error, MigrationFailedError):
        error = error.__cause__
    return (error.orig or error) if isinstance(error, DBAPIError) else None


def failure(
    migration: Migration,
    sink: JournaledSink,
    done: Sequence[Migration],
    error: Exception,
    blockers: Sequence[Blocker] | None,
) -> MigrationFailedError:
    """Return the error: what failed, what was kept, and what to do."""
    kind = sink.entry.kind
    statement = error.statement if isinstance(error, MigrationFailedError) else None
    progress = sink.entry.progress
    if isinstance(error, RowsInTheWayError) and not progress.steps:
        return _refused(migration, kind, done, error)
    refusal = irreversible(migration, kind, error)
    what = f"{kind} of {migration.path.name} failed{_line(migration, error)}"
    lines = _with_reason(what, error) if refusal is None else refusal.lines
    if statement:
        lines.append(f"statement: {flat_sql(statement)}")
    lines += [f"held by {blocker}" for blocker in blockers or ()]
    if sink.is_replaying:
        lines.append(
            "it failed in a hand-written part, which is run again to reach the remaining steps"
        )
    lines += _kept(kind, done, sink)
    hint = f"{_FIX}{_if_relative(kind, done)}" if refusal is None else _NO_WAY_BACK
    if sink.segments.was_ended:
        hint = f"the migration ended its own transaction; {ENDED_BY_HAND}"
    if progress.has_begun:
        hint = _ways_out(migration, sink)
        if progress.in_doubt is not None:
            lines.append(f"sent and not confirmed: {progress.in_doubt.step}")
            hint = f"{ANSWER_STEP}; then {hint}"
    if sink.is_replaying:
        end = "applied" if kind == "upgrade" else "reverted"
        hint = (
            "the part reads or writes rows that have changed since: complete the migration by hand "
            f"and run: autodiff repair --half-way {end}. New migrations can use op.run(function): "
            "a function that has returned is not called again"
        )
    if blockers is not None:
        hint = f"try again when that session is done, or raise lock_timeout; {hint}"
    hint = _if_unknown(sink, hint)
    inner = _own_hint(error)
    if inner is not None and progress.has_begun and "autodiff " not in inner:
        inner = f"{inner}; {hint}"  # the first part names no command for the finished steps
    return MigrationFailedError(
        lines, revision=migration.revision, statement=statement, hint=inner or hint
    )


def irreversible(
    migration: Migration, direction: Kind, error: BaseException
) -> MigrationFailedError | None:
    """Return the error for a downgrade that has no way back, as its file says; otherwise None.

    Libraries raise NotImplementedError too.
    """
    if direction != "downgrade" or not isinstance(error, NotImplementedError):
        return None
    if not migration.is_sql and raising_line(migration, error) is None:
        return None
    why = f"{error}" or "downgrade() raises NotImplementedError"
    return MigrationFailedError(
        f"{migration.path.name} cannot be reverted: {why}",
        revision=migration.revision,
        hint=_NO_WAY_BACK,
    )


def raising_line(migration: Migration, error: BaseException) -> int | None:
    """Return the line of the file that raised an error, None if a function that it called did."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None or trace.tb_frame.f_code.co_filename != str(migration.path):
        return None
    return trace.tb_lineno


def in_code(
    migration: Migration, direction: Direction, error: Exception, *, hint: str
) -> MigrationFailedError:
    """Return the error for an exception of a migration's code that was only read.

    hint: what to do, unless the file says that there is no way back.
    """
    line = line_in(migration.path, error)
    place = migration.path.name if line is None else f"{migration.path.name}:{line}"
    if isinstance(error, AutodiffError):
        text, hint_of_error = error.line, error.hint
    else:
        text, hint_of_error = exception_words(error), hint
    return irreversible(migration, direction, error) or MigrationFailedError(
        f"{place}: {text}", revision=migration.revision, hint=hint_of_error
    )


def stopped(
    migration: Migration, sink: JournaledSink, done: Sequence[Migration], error: KeyboardInterrupt
) -> MigrationFailedError:
    """Return the error for a migration that was interrupted: what was kept, and what to do."""
    kind = sink.entry.kind
    if sink.entry.has_ended:
        hint = f"run autodiff {kind} to continue with the next migration"
        return _after_commit(migration, kind, done, f"{kind} was stopped: {reason(error)}", hint)
    lines = [f"{kind} of {migration.path.name} was stopped: {reason(error)}"]
    lines += _kept(kind, done, sink)
    hint = f"it left nothing behind; run autodiff {kind} to start it again"
    if sink.segments.was_ended:
        hint = f"the migration ended its own transaction; {ENDED_BY_HAND}"
    if sink.entry.progress.has_begun:
        hint = f"run autodiff {kind} to resume, or {_undoing(migration, sink)}"
        if sink.entry.progress.in_doubt is not None:
            lines.append(f"sent and not confirmed: {sink.entry.progress.in_doubt.step}")
            hint = f"{ANSWER_STEP}; then {hint}"
    hint = _if_unknown(sink, hint)
    return MigrationFailedError(lines, revision=migration.revision, hint=hint)


def failed_after_commit(
    migration: Migration, sink: JournaledSink, done: Sequence[Migration], error: Exception
) -> MigrationFailedError:
    """Return the error for a migration that is recorded as done, though no answer said so."""
    kind = sink.entry.kind
    text = f"{kind} of {migration.path.name} was committed, but failed then: {reason(error)}"
    return _after_commit(migration, kind, done, text, _LOOK_FIRST)


def _after_commit(
    migration: Migration, kind: Kind, done: Sequence[Migration], text: str, hint: str
) -> MigrationFailedError:
    lines = [text, _kept_migrations(kind, [*done, migration])]
    return MigrationFailedError(lines, revision=migration.revision, hint=hint)


def _if_relative(kind: Kind, done: Sequence[Migration]) -> str:
    """Return what to change in the same command after a downgrade that kept a part of its steps."""
    if kind != "downgrade" or not done:
        return ""
    return f"; if its target is relative, such as -2, reduce it by {len(done)}"


def _if_unknown(sink: JournaledSink, hint: str) -> str:
    """Return what to do if it is unknown what the database has kept, `hint` if it is known."""
    if not sink.outcome_is_unknown:
        return hint
    if not sink.entry.progress.has_begun:
        end = _past(sink.entry.kind)
        return f"the connection was lost, so the migration may be {end}: {_LOOK_FIRST}"
    return f"the connection was lost, so more may be done than is known: {_LOOK_FIRST}; then {hint}"


def _own_hint(error: Exception) -> str | None:
    """Return what an error says about how to correct the file, or the server."""
    cause = driver_error(error)
    if cause is not None and (hint := read_only_hint(cause)) is not None:
        return hint
    if isinstance(error, AutodiffError):
        return error.hint
    if isinstance(error, NameError | AttributeError) and _is_raised_by_alembic(error):
        return "write: from autodiff import op; the op of alembic works only in Alembic's scripts"
    return None


def _is_raised_by_alembic(error: Exception) -> bool:
    """Return whether a function of `alembic.op` was called outside of Alembic, or after it."""
    frames = (frame for frame, _ in traceback.walk_tb(error.__traceback__))
    return any(frame.f_globals.get("__name__") == "alembic.op" for frame in frames)


def _line(migration: Migration, error: Exception) -> str:
    """Return the line of the file that made a mistake in Python, as a part of a sentence."""
    is_ours = isinstance(error, AutodiffError) and not isinstance(error, WrongArgumentError)
    if is_ours or isinstance(error, DBAPIError):
        return ""
    line = line_in(migration.path, error)
    return "" if line is None else f" at line {line}"


def _with_reason(what: str, error: BaseException) -> list[str]:
    """Return the lines of a failure: what failed, and why."""
    first, *others = error.lines if isinstance(error, AutodiffError) else [reason(error)]
    return [f"{what}: {first}", *others]


def flat_sql(statement: str) -> str:
    """Return a statement as one line of a message."""
    return " ".join(statement.split())


def _kept_migrations(kind: Kind, done: Sequence[Migration]) -> str:
    return f"{_past(kind)} before it, and kept: {_names(done)}"


def _kept(kind: Kind, done: Sequence[Migration], sink: JournaledSink) -> list[str]:
    """Describe what stays of a run: the migrations before the failed one, and parts of that."""
    if not sink.entry.progress.has_begun:
        return [_kept_migrations(kind, done)]
    return [*([_kept_migrations(kind, done)] if done else []), *_kept_steps(sink)]


def _kept_steps(sink: JournaledSink) -> list[str]:
    """Describe what stays of a migration: its finished steps, and rows of the current one."""
    lines = [f"finished steps, which stay: {'; '.join(sink.permanent_steps) or 'none'}"]
    progress = sink.entry.progress
    if progress.position:
        lines.append(f"rows that the current step has filled, which stay: {progress.rows}")
    return lines


def _ways_out(migration: Migration, sink: JournaledSink) -> str:
    """Return what can be done about a migration with finished steps."""
    kind = sink.entry.kind
    resume = f"fix the cause and run autodiff {kind} to resume"
    if sink.keeps_hand_written_part:
        return f"{resume}, without an edit of the file; or {_undoing(migration, sink)}"
    resume = f"{resume}; the file may be edited after the finished steps"
    return f"{resume}. Or {_undoing(migration, sink)}"


def _undoing(migration: Migration, sink: JournaledSink) -> str:
    """Return how to undo finished steps; those of SQL and of hand-written code have no reverse."""
    if migration.is_sql or sink.keeps_hand_written_part:
        return SETTLE_BY_HAND
    return f"run {_UNDO[sink.entry.kind]} to undo those steps"


def _past(kind: Kind) -> str:
    return "reverted" if kind == "downgrade" else "applied"


def _names(done: Sequence[Migration]) -> str:
    return ", ".join(m.path.name for m in done) or "nothing"


def _refused(
    migration: Migration, direction: Kind, done: Sequence[Migration], error: RowsInTheWayError
) -> RowsInTheWayError:
    """Return the error for a check of rows that failed before anything was changed."""
    lines = _with_reason(f"{direction} of {migration.path.name} refused", error)
    kept = f"; {_kept_migrations(direction, done)}" if done else ""
    lines += [f"query: {flat_sql(error.statement or '')}", f"nothing was changed{kept}"]
    return RowsInTheWayError(
        lines, revision=migration.revision, statement=error.statement, hint=error.hint
    )


def reason(error: BaseException) -> str:
    """Return the text of an error, with its type if it is neither ours nor the database's."""
    if isinstance(error, KeyboardInterrupt):
        return f"{error}" or "interrupted"
    if isinstance(error, AutodiffError):
        return error.message
    if isinstance(error, DBAPIError):
        return database_words(error.orig)
    return exception_words(error)


def journal_forms(text: str) -> dict[str, None]:
    """Return the texts to try for the journal: as it is, then with escapes.

    The character set of the database may lack some characters, and PostgreSQL stores no NUL.
    """
    escaped = text.encode("ascii", "backslashreplace").decode().replace("\0", "\\x00")
    return dict.fromkeys((text, escaped))
