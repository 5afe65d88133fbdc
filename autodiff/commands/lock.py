"""Write the lock file: the schema as the migrations create it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from autodiff.autogenerate.differences import Difference, find_difference
from autodiff.autogenerate.planning import rewritten_changes
from autodiff.autogenerate.rewriting import RewritePlan
from autodiff.commands.generate import checksums
from autodiff.commands.lock_schema import describe_desired
from autodiff.dialects import Dialect
from autodiff.errors import (
    AutodiffError,
    DatabaseError,
    HistoryError,
    MigrationFailedError,
    MigrationFileError,
)
from autodiff.migrations import Graph, LockFile, write_lock
from autodiff.schema.changes import Change, TableAdded, TableRemoved, TableRenamed
from autodiff.schema.objects import Name, Schema

if TYPE_CHECKING:
    import sqlalchemy as sa

    from autodiff.rehearse.rehearsal_database import RehearsalDatabase
    from autodiff.workspace import Workspace

__all__ = ["LockResult", "read_lock_if_valid", "relock", "replayed_lock", "unrehearsed_lock"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LockResult:
    """A lock file, and `missing`: whether the models have changes that no migration covers."""

    lock: LockFile
    missing: bool = False


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
    changed = {name for change in difference.changes for name in _tables_of(change)}
    tables = {
        name: current.tables[name] if name in changed else desired.tables.get(name, table)
        for name, table in current.tables.items()
    }
    kinds = [type(change).__name__ for change in difference.changes]
    others = {
        kind: getattr(current, kind)
        for kind, word in _OTHER_KINDS.items()
        if any(word in name for name in kinds)
    }
    return replace(desired, tables=tables, **others)


_OTHER_KINDS = {
    "enums": "Enum",
    "sequences": "Sequence",
    "views": "View",
    "namespaces": "Namespace",
}
"""The attributes of a schema besides its tables, with the word in the names of their changes."""


def _tables_of(change: Change) -> tuple[Name, ...]:
    """Return the tables that a change concerns."""
    match change:
        case TableAdded(table=table) | TableRemoved(table=table):
            return (table.name,)
        case TableRenamed(before=before, after=after):
            return (before, after)
        case _:
            name = getattr(change, "table", None)
            return (name,) if isinstance(name, Name) else ()


def unrehearsed_lock(
    project: Workspace, graph: Graph, dialect: Dialect, known: LockFile | None
) -> LockFile:
    """Return the lock file of a graph that was not run: it describes the models."""
    desired = project.declare(dialect)
    if known is not None and known.declared == desired:
        return _lock(graph, dialect, desired, known.described, known.settled)
    return _lock(graph, dialect, desired, desired, False)


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


def relock(project: Workspace, *, accept_failure: bool = True) -> Path:
    """Write the lock file for the schema that the migrations make, and return its path.

    The migrations are run on a scratch database. If that is not possible, the schema is that of the
    project's database, if it is at the head, or that of the lock file, if it is for the same
    migrations before they were edited.

    accept_failure: whether a migration that cannot be run on a scratch database is accepted.

    Raises DatabaseError if nothing shows the schema.
    """
    graph = project.graph()
    graph.check_heads()
    known = read_lock_if_valid(project)
    try:
        lock = _replay(project, graph, known)
    except (DatabaseError, MigrationFailedError, MigrationFileError) as error:
        if not accept_failure and not isinstance(error, DatabaseError):
            raise
        found = _lock_at_head(project, graph) or _with_new_checksums(known, graph)
        if found is None:
            raise _no_schema(error) from error
        lock = found
    unrehearsed = known.unrehearsed if known is not None else {}
    return write_lock(project.directory, replace(lock, unrehearsed=unrehearsed))


def _with_new_checksums(known: LockFile | None, graph: Graph) -> LockFile | None:
    """Return the lock file with the checksums of edited files, None if it lacks some of them."""
    if known is None or set(known.checksums) != set(graph.migrations):
        return None
    return replace(known, heads=graph.heads, checksums=checksums(graph))


def _replay(project: Workspace, graph: Graph, known: LockFile | None) -> LockFile:
    """Return the lock file after running the migrations on a scratch database."""
    from autodiff.rehearse.context import open_rehearsal_context
    from autodiff.rehearse.rehearsal_database import RehearsalDatabase

    with (
        open_rehearsal_context(project, graph, known) as context,
        RehearsalDatabase(context) as database,
    ):
        for migration in database.upgrade_by_alembic(tuple(graph.migrations.values())):
            database.upgrade(migration)
        return replayed_lock(project, graph, database).lock


def _lock_at_head(project: Workspace, graph: Graph) -> LockFile | None:
    """Return the lock file for the project's database, None if it is not at the head."""
    from autodiff.autogenerate.schemas import read_schemas
    from autodiff.dialects import dialect_of

    metadata, selection = project.metadata(), project.selection()
    with project.connect() as connection:
        runner = project.runner(connection, graph)
        if set(runner.applied()) != set(graph.migrations) or runner.problems():
            return None
        dialect = dialect_of(connection, scratch_url=project.scratch_url)
        current, desired = read_schemas(connection, dialect, metadata, selection)
        rewrite = project.rewrite_plan()
        return _lock_of(graph, connection, dialect, current, desired, rewrite).lock


def _no_schema(error: AutodiffError) -> DatabaseError:
    return DatabaseError(
        "cannot determine the schema that the migrations make: they cannot be run on a scratch "
        f"database ({error.message}), and the database is not at the head",
        hint=f"run autodiff upgrade; or: {error.hint}" if error.hint else "run autodiff upgrade",
    )
