"""Write the lock file: the schema as the migrations create it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from autodiff.autogenerate.differences import find_difference
from autodiff.commands.generate import checksums
from autodiff.commands.lock_schema import describe_desired
from autodiff.dialects import Dialect
from autodiff.errors import HistoryError
from autodiff.migrations import Graph, Lock, write_lock
from autodiff.models import declare

if TYPE_CHECKING:
    from autodiff.rehearse.rehearsal_database import RehearsalDatabase
    from autodiff.schema.objects import Schema
    from autodiff.workspace import Workspace

__all__ = ["LockResult", "read_lock_if_valid", "relock", "replayed_lock", "unrehearsed_lock"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LockResult:
    """A lock file, and `missing`: whether the models have changes that no migration covers."""

    lock: Lock
    missing: bool = False


def read_lock_if_valid(project: Workspace) -> Lock | None:
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
    desired = declare(project.metadata(), inspector.dialect, exclude=project.config.exclude_tables)
    difference = find_difference(
        inspector.connection, inspector.dialect, inspector.read(), desired, create_scratch=True
    )
    inspector.connection.rollback()
    if difference.changes:
        kept = _lock(
            graph, inspector.dialect, difference.current, difference.current, difference.settled
        )
        return LockResult(lock=kept, missing=True)
    described = describe_desired(inspector.connection, inspector.dialect, difference)
    return LockResult(
        lock=_lock(graph, inspector.dialect, desired, described.schema, described.settled)
    )


def unrehearsed_lock(
    project: Workspace, graph: Graph, dialect: Dialect, known: Lock | None
) -> Lock:
    """Return the lock file of a graph that was not run: it describes the models."""
    desired = declare(project.metadata(), dialect, exclude=project.config.exclude_tables)
    if known is not None and known.declared == desired:
        return _lock(graph, dialect, desired, known.described, known.settled)
    return _lock(graph, dialect, desired, desired, False)


def _lock(
    graph: Graph, dialect: Dialect, declared: Schema, described: Schema, settled: bool
) -> Lock:
    return Lock(
        heads=graph.heads,
        checksums=checksums(graph),
        database=dialect.kind,
        declared=declared,
        described=described,
        settled=settled,
    )


def relock(project: Workspace) -> Path:
    """Write the lock file and return its path.

    The models are described as the database describes them, if it is at the head; else as a scratch
    database does.
    """
    from autodiff.autogenerate.schemas import read_schemas
    from autodiff.dialects import dialect_of

    graph = project.graph()
    graph.check_heads()
    metadata, exclude = project.metadata(), project.config.exclude_tables
    with project.connect() as connection:
        dialect = dialect_of(connection).with_scratch(project.scratch_url)
        current, desired = read_schemas(connection, dialect, metadata, exclude)
        difference = find_difference(connection, dialect, current, desired, create_scratch=True)
        description = describe_desired(connection, dialect, difference)
        lock = Lock(
            heads=graph.heads,
            checksums=checksums(graph),
            database=dialect.kind,
            declared=desired,
            described=description.schema,
            settled=description.settled,
        )
    return write_lock(project.directory, lock)
