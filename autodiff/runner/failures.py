"""What is said of a migration that failed: what, why, what was kept, and what to do."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.exc import DBAPIError

from autodiff.dialects.timeouts import Blocker
from autodiff.errors import AutodiffError, MigrationFailedError, RowsInTheWayError, database_words
from autodiff.migrations.files import Migration
from autodiff.runner.journal import Kind
from autodiff.runner.journaled import JournaledSink

__all__ = ["failure", "reason", "stopped"]


def failure(
    migration: Migration,
    steps: JournaledSink,
    done: Sequence[Migration],
    error: Exception,
    blockers: Sequence[Blocker] | None,
) -> MigrationFailedError:
    """What failed, what was kept, and what to do."""
    kind = steps.entry.kind
    statement = error.statement if isinstance(error, MigrationFailedError) else None
    progress = steps.entry.progress
    if isinstance(error, RowsInTheWayError) and not progress.steps:
        return _refused(migration, kind, done, error)
    message = f"{kind} of {migration.path.name} failed: {reason(error)}"
    if statement:
        message += f"\nstatement: {statement}"
    for blocker in blockers or ():
        message += f"\nheld by {blocker}"
    if steps.is_passing:
        message += "\nthat was in a part written by hand, which is run again to get to the rest"
    message += f"\ndone before it, and kept: {_names(done)}"
    hint = "the failed migration left nothing behind; mend it and run again"
    if progress.has_begun:
        other = "downgrade" if kind == "upgrade" else "upgrade"
        message += _staying(steps)
        hint = (
            f"mend the cause, and autodiff {kind} goes on from there; or autodiff {other} "
            "takes those steps back, and the file can be mended"
        )
    if steps.is_passing:
        end = "applied" if kind == "upgrade" else "reverted"
        hint = (
            "rows are read and written there that are not as they were: put the rest of the "
            f"migration through by hand, and: autodiff repair --half-way {end}. What is called "
            "with op.run(function) is not run again"
        )
    if blockers is not None:
        hint = f"try again when that session is done, or give it more time: lock_timeout; {hint}"
    inner = error.hint if isinstance(error, AutodiffError) else None
    return MigrationFailedError(
        message, revision=migration.revision, statement=statement, hint=inner or hint
    )


def stopped(
    migration: Migration, steps: JournaledSink, done: Sequence[Migration], error: KeyboardInterrupt
) -> MigrationFailedError:
    """What is said of a migration that was stopped from outside: what was kept, and what to do."""
    kind = steps.entry.kind
    if steps.entry.has_ended:
        message = f"{kind} was stopped: {reason(error)}\n"
        message += f"done before it, and kept: {_names([*done, migration])}"
        return MigrationFailedError(
            message,
            revision=migration.revision,
            hint=f"autodiff {kind} goes on with what comes next",
        )
    message = f"{kind} of {migration.path.name} was stopped: {reason(error)}"
    message += f"\ndone before it, and kept: {_names(done)}"
    hint = f"nothing is left of it; autodiff {kind} begins it anew"
    if steps.entry.progress.has_begun:
        other = "downgrade" if kind == "upgrade" else "upgrade"
        message += _staying(steps)
        hint = f"autodiff {kind} goes on from there; or autodiff {other} takes those steps back"
    return MigrationFailedError(message, revision=migration.revision, hint=hint)


def _staying(steps: JournaledSink) -> str:
    """What of a migration is done for good: its steps, and rows of the one under way."""
    told = f"\nsteps of it that are done, and stay: {'; '.join(steps.kept) or 'none'}"
    progress = steps.entry.progress
    if progress.position:
        told += f"\nof the one under way {progress.rows} rows are done, and stay"
    return told


def _names(done: Sequence[Migration]) -> str:
    return ", ".join(m.path.name for m in done) or "nothing"


def _refused(
    migration: Migration, direction: Kind, done: Sequence[Migration], error: RowsInTheWayError
) -> RowsInTheWayError:
    """A check of rows came before anything else, so there is nothing to take back."""
    message = f"{direction} of {migration.path.name} refused: {error.message}"
    message += f"\nquery: {error.statement}\nit changed nothing"
    if done:
        message += f"; done before it, and kept: {_names(done)}"
    return RowsInTheWayError(
        message, revision=migration.revision, statement=error.statement, hint=error.hint
    )


def reason(error: BaseException) -> str:
    """What an error says: ours as it is, the database's own words, any other with its kind."""
    if isinstance(error, KeyboardInterrupt):
        return f"{error}" or "interrupted"
    if isinstance(error, AutodiffError):
        return error.message
    if isinstance(error, DBAPIError):
        return database_words(error.orig)
    return f"{type(error).__name__}: {error}"
