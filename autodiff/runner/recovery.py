"""What stopped half-way: gone on with, or taken back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from autodiff.errors import EditedMigrationError, HistoryError, MigrationFailedError
from autodiff.migrations.files import Migration
from autodiff.migrations.graph import Graph
from autodiff.runner.apply import note_failure, run_migrations
from autodiff.runner.events import Direction, MigrationResumed
from autodiff.runner.executor import Executor
from autodiff.runner.journal import SETTLE_BY_HAND, Entry, Progress
from autodiff.runner.session import Session
from autodiff.runner.squashes import folded
from autodiff.runner.undo import Call, Statement, Step, collect, counterparts, run_steps
from autodiff.runner.verify import verified
from autodiff.schema.operations import tables_of

__all__ = ["settle"]


def settle(session: Session, graph: Graph, direction: Direction, target: str) -> list[Migration]:
    """Brings to an end what stopped half-way; the migration, where that was in `direction`.

    Raises HistoryError where its file is not there, EditedMigrationError where it was changed.
    """
    if session.lock.in_transaction:
        with session.transaction():
            entry = session.journal.unfinished(session.connection)
    else:
        entry = session.unfinished()
    if entry is None:
        return []
    migration = _as_it_was(graph, entry)
    forward: Direction = "downgrade" if entry.kind == "downgrade" else "upgrade"
    session.on_event(
        MigrationResumed(
            revision=entry.revision,
            name=entry.name,
            direction=direction,
            steps=entry.progress.steps,
        )
    )
    if forward == direction and entry.progress.undone is None:
        _refuse_beyond(session, graph, target, direction, migration)
        return run_migrations(session, [migration], direction, entry)
    _take_back(session, migration, forward, entry)
    return [migration] if direction == "downgrade" else []


def _as_it_was(graph: Graph, entry: Entry) -> Migration:
    if entry.revision not in graph:
        raise HistoryError(
            f"the {entry.kind} of {entry.name} stopped half-way, and its file is not here",
            hint=f"restore the file; or {SETTLE_BY_HAND}",
        )
    migration = graph[entry.revision]
    if migration.checksum != entry.checksum:
        raise EditedMigrationError(
            f"{migration.path.name} was edited since its {entry.kind} stopped half-way, "
            f"with {entry.progress.steps} steps done",
            [entry.revision],
            hint="restore the file as it was, and go on or take it back; then edit it. Or "
            f"{SETTLE_BY_HAND}",
        )
    return migration


def _refuse_beyond(
    session: Session, graph: Graph, target: str, direction: Direction, migration: Migration
) -> None:
    applied = verified(graph, folded(graph, session.applied()), in_order=direction == "upgrade")
    find = graph.upgrades if direction == "upgrade" else graph.downgrades
    if migration not in find(target, applied):
        other = "downgrade" if direction == "upgrade" else "upgrade"
        raise HistoryError(
            f"the {direction} of {migration.name} stopped half-way, and {target} does not reach it",
            hint=f"finish it first: autodiff {direction} {migration.name}; or take it back: "
            f"autodiff {other}",
        )


def _take_back(session: Session, migration: Migration, forward: Direction, entry: Entry) -> None:
    """Undoes the finished steps of a migration that stopped half-way."""
    backward: Direction = "upgrade" if forward == "downgrade" else "downgrade"
    try:
        there = collect(session.dialect, session.loader.step(migration, forward))
        back = collect(session.dialect, session.loader.step(migration, backward))
        entry = replace(entry, progress=_without_doubt(session, entry.progress, there))
        _clear_away(session, there[entry.progress.steps :])
        _undo(session, migration, counterparts(there, back, entry.progress), entry)
    except MigrationFailedError as error:
        raise MigrationFailedError(
            f"cannot take {migration.path.name} back: {error.message}",
            revision=migration.revision,
            statement=error.statement,
            hint=error.hint,
        ) from error


def _clear_away(session: Session, steps: Sequence[Step]) -> None:
    """Removes what a step has left that failed outside of a transaction."""
    operations = [step for step in steps if not isinstance(step, Call | Statement)]
    left = session.dialect.session.cleanup_statements(session.connection, operations)
    session.connection.rollback()
    with session.dialect.session.autocommit(session.connection):
        for sql in left:
            session.connection.exec_driver_sql(sql)


def _without_doubt(session: Session, progress: Progress, there: Sequence[Step]) -> Progress:
    """The progress, once it is looked at whether the statement under way was done."""
    if progress.mark is None or progress.undone is not None:
        return progress
    step = there[progress.steps]
    tables = () if isinstance(step, Call | Statement) else tables_of(step)
    sent = progress.sent + (
        session.dialect.catalog.fingerprint(session.connection, tables) != progress.mark
    )
    session.connection.rollback()
    if sent < len(progress.statements):
        return replace(progress, sent=sent, mark=None)
    return replace(progress, steps=progress.steps + 1, statements=(), sent=0, mark=None)


def _undo(session: Session, migration: Migration, way_back: Sequence[Step], entry: Entry) -> None:
    limits = session.limits.with_own(migration.lock_timeout, migration.statement_timeout)
    steps = session.steps(entry, limits, taking_back=True)
    executor = Executor(session.dialect, steps)
    try:
        session.open(steps.segments)
        steps.begin()
        with steps.segments.guarded():
            run_steps(executor, way_back)
        steps.finish()
        steps.check_start()
        with steps.together():
            session.journal.write(
                session.connection, replace(steps.entry, outcome="taken back", error=None)
            )
        steps.segments.close()
    except BaseException as error:
        steps.segments.abort(error)
        note_failure(session, steps, error, entry.seconds or 0.0)
        raise
