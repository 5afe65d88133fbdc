"""Resume what stopped half-way, or undo its finished steps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace

from autodiff.dialects.timeouts import Blocker
from autodiff.errors import (
    AutodiffError,
    EditedMigrationError,
    HistoryError,
    MigrationFailedError,
)
from autodiff.migrations.files import Migration
from autodiff.migrations.graph import Graph
from autodiff.runner.apply import find_blockers, note_failure, run_migrations, wait_for_lock
from autodiff.runner.events import Direction, MigrationResumed
from autodiff.runner.executor import Executor
from autodiff.runner.failures import reason
from autodiff.runner.journal import SETTLE_BY_HAND, Entry, Progress
from autodiff.runner.journaled import JournaledSink
from autodiff.runner.operation_reader import read_operations
from autodiff.runner.script_sink import open_script_sink
from autodiff.runner.session import Session
from autodiff.runner.squashes import folded
from autodiff.runner.step_counter import unclear_step
from autodiff.runner.undo import (
    WAYS_OUT,
    Call,
    Statement,
    Step,
    Steps,
    collect,
    describe_step,
    digest_of,
    find_undoing_steps,
    run_steps,
)
from autodiff.runner.verify import verified
from autodiff.schema.objects import Name, Table
from autodiff.schema.operations import Operation, namespaces_of, tables_of
from autodiff.utils.counting import counted

__all__ = ["Remaining", "remaining_steps", "settle"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Remaining:
    """What a run does first about a migration that stopped half-way.

    steps: the operations that are left, or descriptions of steps that are not operations.
    finished: the number of steps that are done.
    undoes: whether the steps undo the finished ones.
    runs_again: whether all of the migration is run after they are undone.
    """

    migration: Migration
    steps: tuple[Operation | str, ...]
    finished: int
    undoes: bool = False
    runs_again: bool = False


def settle(session: Session, graph: Graph, direction: Direction, target: str) -> list[Migration]:
    """Bring what stopped half-way to an end; return the migration if that counts in `direction`.

    A run in the same direction is resumed; one in the other direction is undone.

    Raises HistoryError if its file is missing, EditedMigrationError if the file was edited.
    """
    if session.lock.in_transaction:
        with session.transaction():
            entry = session.journal.unfinished(session.connection)
    else:
        entry = session.unfinished()
    if entry is None:
        return []
    migration = _resumable(session, graph, entry)
    entry = replace(entry, checksum=migration.checksum)
    if entry.progress.in_doubt is not None:
        error = unclear_step(entry.progress.in_doubt)
        raise MigrationFailedError(
            f"the {entry.kind} of {migration.path.name} stopped half-way: {error.line}",
            revision=migration.revision,
            hint=error.hint,
        )
    session.script = lambda: _script(session, graph, migration, entry)
    session.on_event(
        MigrationResumed(
            revision=entry.revision,
            name=entry.name,
            direction=direction,
            steps=entry.progress.steps,
        )
    )
    if _is_resumed(entry, direction):
        _refuse_beyond(session, graph, target, direction, migration)
        return run_migrations(session, [migration], direction, entry)
    _undo_finished(session, migration, entry)
    is_reverted = direction == "downgrade" and _direction_of(entry) == "upgrade"
    return [migration] if is_reverted else []


def remaining_steps(
    session: Session,
    graph: Graph,
    direction: Direction,
    target: str,
    tables: Mapping[Name, Table],
) -> Remaining | None:
    """Return what a run does first about the migration that stopped half-way; None without one.

    tables: the current tables.

    Raises HistoryError or EditedMigrationError as `settle` does, and MigrationFailedError if the
    finished steps cannot be undone.
    """
    entry = session.unfinished()
    if entry is None:
        return None
    migration = _resumable(session, graph, entry)
    if not _is_resumed(entry, direction):
        undoing_steps = _undoing_ahead(session, migration, entry)
        return Remaining(
            migration=migration,
            steps=tuple(
                describe_step(step) if isinstance(step, Call | Statement) else step
                for step in undoing_steps
            ),
            finished=entry.progress.steps,
            undoes=True,
            runs_again=_direction_of(entry) == direction,
        )
    _refuse_beyond(session, graph, target, direction, migration)
    with suppress(MigrationFailedError):  # its steps cannot be listed
        forward_steps = collect(session.dialect, session.loader.step(migration, direction))
        entry = replace(entry, progress=_confirmed(session, entry.progress, forward_steps))
    steps: list[Operation | str] = []
    read_operations(
        migration, direction, session.dialect, tables, steps.append, after=entry.progress
    )
    return Remaining(migration=migration, steps=tuple(steps), finished=entry.progress.steps)


def _direction_of(entry: Entry) -> Direction:
    return "downgrade" if entry.kind == "downgrade" else "upgrade"


def _is_resumed(entry: Entry, direction: Direction) -> bool:
    """Return whether a run in a direction resumes what stopped, and does not undo its steps."""
    return _direction_of(entry) == direction and entry.progress.undone is None


def _script(session: Session, graph: Graph, migration: Migration, entry: Entry) -> list[str]:
    """Return the statements of a migration as the files alone give them, as far as they do.

    The direction that undoes it is included if the run does that.
    """
    found: list[str] = []
    before = graph.in_order(graph.lineage(graph.before(migration.revision)))
    directions: tuple[Direction, ...] = ("upgrade", "downgrade")
    for direction in directions:
        if direction != entry.kind and entry.progress.undone is None:
            continue
        with open_script_sink(session.dialect, session.alembic) as sink:
            with suppress(AutodiffError):
                sink.follow([*before, migration] if direction == "downgrade" else before)
                sink.write(migration, direction)
            found += [line for line in sink.lines if isinstance(line, str)]
    return found


def _resumable(session: Session, graph: Graph, entry: Entry) -> Migration:
    """Return the migration that stopped half-way.

    Raises HistoryError if its file is missing, EditedMigrationError if it was edited in a way that
    its finished steps may not be those of the file.
    """
    if entry.revision not in graph:
        raise HistoryError(
            f"the {entry.kind} of {entry.name} stopped half-way, and its file is missing",
            hint=f"restore the file; or {SETTLE_BY_HAND}",
        )
    migration = graph[entry.revision]
    if migration.checksum != entry.checksum and not _begins_alike(session, migration, entry):
        raise EditedMigrationError(
            f"{migration.path.name} was edited after its {entry.kind} stopped half-way, and its "
            f"first {counted(entry.progress.steps, 'step')} may not be those that were run",
            [entry.revision],
            hint="restore the file as it was, resume or revert the migration, and edit it then; or "
            f"{SETTLE_BY_HAND}",
        )
    return migration


def _begins_alike(session: Session, migration: Migration, entry: Entry) -> bool:
    """Return whether an edited file has the finished steps, and nothing of a later one was done."""
    progress = entry.progress
    if entry.outcome != "failed" or progress != Progress(
        steps=progress.steps, digest=progress.digest, step=progress.step, before=progress.before
    ):
        return False
    function = session.loader.step(migration, _direction_of(entry))
    try:
        steps = collect(session.dialect, function, enough=progress.steps)
    except MigrationFailedError:  # they depend on the database
        return False
    return digest_of(steps[: progress.steps]) == progress.digest


def _refuse_beyond(
    session: Session, graph: Graph, target: str, direction: Direction, migration: Migration
) -> None:
    applied = verified(graph, folded(graph, session.applied()), in_order=direction == "upgrade")
    find = graph.upgrades if direction == "upgrade" else graph.downgrades
    if migration not in find(target, applied):
        other = "downgrade" if direction == "upgrade" else "upgrade"
        raise HistoryError(
            f"the {direction} of {migration.name} stopped half-way, and {target} does not reach it",
            hint=f"finish it first: autodiff {direction} {migration.name}; or revert it: "
            f"autodiff {other}",
        )


def _undo_finished(session: Session, migration: Migration, entry: Entry) -> None:
    """Undo the finished steps of a migration that stopped half-way."""
    with _explained(migration):
        forward_steps, backward_steps, progress = _both_directions(session, migration, entry)
        _clean_up(session, forward_steps[progress.steps :])
        undoing_steps = find_undoing_steps(
            forward_steps, backward_steps, progress, is_complete=forward_steps.is_complete
        )
        _undo(session, migration, undoing_steps, replace(entry, progress=progress))


def _undoing_ahead(session: Session, migration: Migration, entry: Entry) -> list[Step]:
    """Return the steps that undo the finished ones, without those that were already run."""
    with _explained(migration):
        forward_steps, backward_steps, progress = _both_directions(session, migration, entry)
        undoing_steps = find_undoing_steps(
            forward_steps, backward_steps, progress, is_complete=forward_steps.is_complete
        )
        undone = entry.progress.undone
        if undone is None:
            return undoing_steps
        return undoing_steps[_confirmed(session, undone, undoing_steps).steps :]


def _both_directions(
    session: Session, migration: Migration, entry: Entry
) -> tuple[Steps, list[Step], Progress]:
    """Return the steps of what stopped, those of the other direction, and the progress."""
    forward = _direction_of(entry)
    backward: Direction = "upgrade" if forward == "downgrade" else "downgrade"
    begun = entry.progress.steps + bool(entry.progress.statements)
    forward_function = session.loader.step(migration, forward)
    forward_steps = collect(session.dialect, forward_function, enough=begun)
    backward_steps = collect(session.dialect, session.loader.step(migration, backward))
    return forward_steps, backward_steps, _confirmed(session, entry.progress, forward_steps)


@contextmanager
def _explained(migration: Migration) -> Iterator[None]:
    """Name the migration in the error that its steps cannot be undone."""
    try:
        yield
    except MigrationFailedError as error:
        first, *others = error.lines
        raise MigrationFailedError(
            [f"cannot revert {migration.path.name}: {first}", *others],
            revision=migration.revision,
            statement=error.statement,
            hint=WAYS_OUT if migration.is_sql else error.hint or WAYS_OUT,
        ) from error


def _clean_up(session: Session, steps: Sequence[Step]) -> None:
    """Remove what a step left that failed outside a transaction, such as an invalid index."""
    operations = [step for step in steps if not isinstance(step, Call | Statement)]
    statements = session.dialect.session.cleanup_statements(session.connection, operations)
    session.connection.rollback()
    with session.dialect.session.autocommit(session.connection):
        for sql in statements:
            session.connection.exec_driver_sql(sql, execution_options={"no_parameters": True})


def _confirmed(session: Session, progress: Progress, steps: Sequence[Step]) -> Progress:
    """Return the progress, with the statement that was on its way counted if it took effect."""
    if not progress.statements or progress.undone is not None:
        return progress
    sent = progress.sent
    if progress.mark is not None:
        if progress.steps >= len(steps):
            raise MigrationFailedError(
                f"it has {counted(len(steps), 'step')}, but the journal has more of them: "
                f"{progress.step}",
                hint=f"restore the file as it was then, or {SETTLE_BY_HAND}",
            )
        step = steps[progress.steps]
        tables = () if isinstance(step, Call | Statement) else tables_of(step)
        namespaces = () if isinstance(step, Call | Statement) else namespaces_of([step])
        now = session.dialect.catalog.fingerprint(session.connection, tables, namespaces)
        sent += now != progress.mark
    session.connection.rollback()
    if sent < len(progress.statements):
        return replace(progress, sent=sent, mark=None)
    return replace(progress, steps=progress.steps + 1, statements=(), sent=0, mark=None)


def _undo(
    session: Session, migration: Migration, undoing_steps: Sequence[Step], entry: Entry
) -> None:
    """Run the steps that undo finished ones, and retry that when it meets a lock."""
    limits = session.limits.with_own(migration.lock_timeout, migration.statement_timeout)
    attempt = 0
    while True:
        sink = session.journaled_sink(entry, limits, undoing=True)
        try:
            _attempt_undo(session, sink, undoing_steps)
            return
        except Exception as error:
            attempt += 1
            blockers = find_blockers(session, sink, error)
            if blockers is None:
                raise
            if attempt > limits.retries:
                raise _held(error, blockers) from error
            wait_for_lock(session, migration, attempt, blockers)
            entry = sink.entry


def _attempt_undo(session: Session, sink: JournaledSink, undoing_steps: Sequence[Step]) -> None:
    seconds = sink.entry.seconds or 0.0
    executor = Executor(session.dialect, sink)
    try:
        session.open(sink.segments)
        sink.begin()
        with sink.segments.guarded():
            run_steps(executor, undoing_steps)
            sink.finish()
        sink.check_start()
        with sink.atomically():
            session.journal.write(
                session.connection, replace(sink.entry, outcome="undone", error=None)
            )
        sink.segments.close()
    except BaseException as error:
        sink.segments.abort(error)
        note_failure(session, sink, error, seconds)
        raise


def _held(error: Exception, blockers: Sequence[Blocker]) -> MigrationFailedError:
    """Return the error of a lock that was not free, with the sessions that hold it."""
    lines = error.lines if isinstance(error, AutodiffError) else [reason(error)]
    statement = error.statement if isinstance(error, MigrationFailedError) else None
    return MigrationFailedError(
        [*lines, *(f"held by {blocker}" for blocker in blockers)],
        statement=statement,
        hint=f"try again when that session is done, or raise lock_timeout; {WAYS_OUT}",
    )
