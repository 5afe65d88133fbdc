"""Write the lock file: the schema as the migrations create it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from autodiff.autogenerate.differences import Difference, find_difference
from autodiff.autogenerate.planning import rewritten_changes
from autodiff.autogenerate.rewriting import RewritePlan
from autodiff.commands.generate import UNWANTED, checksums
from autodiff.commands.lock_schema import describe_desired
from autodiff.commands.paper_replay import replay_on_paper
from autodiff.dialects import Dialect
from autodiff.errors import (
    AutodiffError,
    DatabaseError,
    HistoryError,
    MigrationFailedError,
    MigrationFileError,
)
from autodiff.migrations import Graph, LockFile, write_lock
from autodiff.schema.changes import Change, NamespaceAdded
from autodiff.schema.objects import Name, Schema

if TYPE_CHECKING:
    import sqlalchemy as sa

    from autodiff.rehearse.context import RehearsalContext
    from autodiff.rehearse.rehearsal_database import RehearsalDatabase
    from autodiff.workspace import Workspace

__all__ = [
    "LockResult",
    "carry_unrehearsed",
    "read_lock_if_valid",
    "relock",
    "replayed_lock",
    "unrehearsed_lock",
]

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class LockResult:
    """A lock file, and what it lacks.

    missing: whether the models have changes that no migration covers.
    gaps: what the migrations do and the lock file may lack, because it was not run.
    """

    lock: LockFile
    missing: bool = False
    gaps: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """A note if there are gaps."""
        if not self.gaps:
            return ()
        more = f" and {len(self.gaps) - 1} more" if len(self.gaps) > 1 else ""
        return (
            "the lock file may lack what these steps do, which were not run: "
            f"{self.gaps[0]}{more}; run autodiff lock when the migrations can be run",
        )


def read_lock_if_valid(project: Workspace) -> LockFile | None:
    """Return the lock file, None if there is none or it cannot be read (a merge conflict)."""
    try:
        return project.lock()
    except HistoryError:
        return None


def replayed_lock(project: Workspace, graph: Graph, database: RehearsalDatabase) -> LockResult:
    """Return the lock file of a graph that is completely applied on a database.

    If the models have more changes, the lock file describes the migrations only, so that `check`
    reports the rest.
    """
    inspector = database.inspector
    desired = project.declare(inspector.dialect)
    return _lock_of(
        graph,
        inspector.connection,
        inspector.dialect,
        inspector.read(),
        desired,
        project.rewrite_plan(),
    )


def _lock_of(
    graph: Graph,
    connection: sa.Connection,
    dialect: Dialect,
    current: Schema,
    desired: Schema,
    rewrite: RewritePlan | None,
) -> LockResult:
    """Return the lock file for the current schema of a database that is at the head."""
    difference = find_difference(connection, dialect, current, desired, create_scratch=True)
    connection.rollback()
    if difference.changes:
        kept = _lock(graph, dialect, _covered(difference), difference.current, difference.settled)
        return LockResult(lock=kept, missing=bool(rewritten_changes(difference, rewrite)))
    described = describe_desired(connection, dialect, difference)
    return LockResult(lock=_lock(graph, dialect, desired, described.schema, described.settled))


def _covered(difference: Difference) -> Schema:
    """Return the desired schema without the changes: each changed object in its current form."""
    current, desired = difference.current, difference.desired
    changed = {name for change in difference.changes for name in _names_of(change)}
    added = {c.name for c in difference.changes if isinstance(c, NamespaceAdded)}

    def covered(before: Mapping[Name, T], after: Mapping[Name, T]) -> dict[Name, T]:
        kept = {name: item for name, item in after.items() if name not in changed}
        found = {**kept, **{name: before[name] for name in changed & before.keys()}}
        return {name: found[name] for name in sorted(found)}

    return replace(
        desired,
        tables=covered(current.tables, desired.tables),
        enums=covered(current.enums, desired.enums),
        sequences=covered(current.sequences, desired.sequences),
        views=covered(current.views, desired.views),
        namespaces=desired.namespaces - added,
    )


def _names_of(change: Change) -> Iterator[Name]:
    """Yield the names of the objects that a change concerns."""
    for part in fields(change):
        value = getattr(change, part.name)
        name = value if isinstance(value, Name) else getattr(value, "name", None)
        if isinstance(name, Name):
            yield name


def carry_unrehearsed(
    lock: LockFile, known: LockFile | None, chosen: Collection[str], *, rehearsed: bool
) -> LockFile:
    """Return a lock file that says why migrations were not rehearsed.

    Args:
        lock: The new lock file.
        known: The lock file before it; its reasons stay, except those of `chosen`.
        chosen: The migrations that were to be rehearsed now.
        rehearsed: Whether they were; if not, it was the choice of the user.
    """
    reasons = dict(known.unrehearsed) if known is not None else {}
    kept = {revision: text for revision, text in reasons.items() if revision not in chosen}
    new = {} if rehearsed else dict.fromkeys(chosen, UNWANTED.skipped or "")
    return replace(lock, unrehearsed={**kept, **new})


def unrehearsed_lock(
    project: Workspace, context: RehearsalContext, known: LockFile | None
) -> LockResult:
    """Return the lock file of a graph that was not run: from its operations, or its database.

    The operations are not enough if a migration contains SQL or code. Then the project's database
    shows the schema if it is at the head; otherwise the lock file has gaps.
    """
    on_paper = _paper_lock(project, context, known)
    if on_paper.lock.settled and not on_paper.gaps:
        return on_paper
    return _lock_at_head(project, context) or on_paper


def _paper_lock(
    project: Workspace, context: RehearsalContext, known: LockFile | None
) -> LockResult:
    """Return the lock file for what the operations of the migrations make."""
    connection, dialect, desired = context.live, context.dialect, project.declare(context.dialect)
    found = replay_on_paper(context.graph, dialect, known)
    difference = find_difference(connection, dialect, found.schema, desired, create_scratch=True)
    declared = _covered(difference) if difference.changes else desired
    difference = find_difference(connection, dialect, found.start, declared, create_scratch=True)
    described = describe_desired(connection, dialect, difference)
    if connection is not None:
        connection.rollback()
    settled = described.settled and (known is None or known.settled or not found.start)
    lock = _lock(context.graph, dialect, declared, described.schema, settled)
    return LockResult(lock=lock, missing=declared is not desired, gaps=found.gaps)


def _lock(
    graph: Graph, dialect: Dialect, declared: Schema, described: Schema, settled: bool
) -> LockFile:
    return LockFile(
        heads=graph.heads,
        checksums=checksums(graph),
        database=str(dialect),
        declared=declared,
        described=described,
        settled=settled,
    )


def relock(
    project: Workspace,
    *,
    accept_failure: bool = True,
    on_failure: Callable[[AutodiffError], None] | None = None,
    converted: bool = False,
) -> Path:
    """Write the lock file for the schema that the migrations make, and return its path.

    The migrations are run on a scratch database. If that is not possible, the schema is that of
    their operations, or that of the project's database, if it is at the head, or that of the lock
    file, if it is for the same migrations before they were edited.

    accept_failure: whether a migration that fails on a scratch database is accepted.
    on_failure: called with the error of such a migration.
    converted: whether the migrations are just being converted, so that none is recorded yet.

    Raises DatabaseError if nothing shows the schema.
    """
    from autodiff.rehearse.context import open_rehearsal_context

    graph = project.graph()
    graph.check_heads()
    known = read_lock_if_valid(project)
    with open_rehearsal_context(project, graph, known) as context:
        try:
            lock = _replay(project, context)
        except (DatabaseError, MigrationFailedError, MigrationFileError) as error:
            has_failed = not isinstance(error, DatabaseError)
            if has_failed and not accept_failure:
                raise
            found = _without_replay(project, context, known)
            if found is None:
                raise _no_schema(error, converted) from error
            lock = found
            if has_failed and on_failure is not None:
                on_failure(error)
    unrehearsed = known.unrehearsed if known is not None else {}
    return write_lock(project.directory, replace(lock, unrehearsed=unrehearsed))


def _without_replay(
    project: Workspace, context: RehearsalContext, known: LockFile | None
) -> LockFile | None:
    """Return the lock file of migrations that cannot be run, None if nothing shows the schema."""
    found = unrehearsed_lock(project, context, known)
    if not found.gaps:
        return found.lock
    graph = context.graph
    if known is None or set(known.checksums) != set(graph.migrations):
        return None
    return replace(known, heads=graph.heads, checksums=checksums(graph))


def _replay(project: Workspace, context: RehearsalContext) -> LockFile:
    """Return the lock file after running the migrations on a scratch database."""
    from autodiff.rehearse.rehearsal_database import RehearsalDatabase

    with RehearsalDatabase(context) as database:
        for migration in database.upgrade_by_alembic(tuple(context.graph.migrations.values())):
            database.upgrade(migration)
        return replayed_lock(project, context.graph, database).lock


def _lock_at_head(project: Workspace, context: RehearsalContext) -> LockResult | None:
    """Return the lock file for the project's database, None if it is not at the head."""
    from autodiff.autogenerate.schemas import read_schemas

    connection, dialect, graph = context.live, context.dialect, context.graph
    if connection is None:
        return None
    connection.rollback()
    runner = project.runner(connection, graph)
    if set(runner.applied()) != set(graph.migrations) or runner.problems():
        return None
    current, desired = read_schemas(connection, dialect, project.metadata(), project.selection())
    return _lock_of(graph, connection, dialect, current, desired, project.rewrite_plan())


def _no_schema(error: AutodiffError, converted: bool) -> DatabaseError:
    message = (
        "cannot determine the schema that the migrations make: they cannot be run on a scratch "
        f"database ({error.line})"
    )
    if converted:
        remedy = "let Alembic run the scripts unchanged: autodiff adopt"
        message += "; nothing was written"
    else:
        remedy = "run autodiff upgrade"
        message += ", and the database is not at the head"
    return DatabaseError(message, hint=f"{remedy}; or: {error.hint}" if error.hint else remedy)
