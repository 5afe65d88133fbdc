"""The lock file as the migrations themselves lead to it, run on a scratch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from autodiff.autogenerate.diff import difference
from autodiff.commands.generate import checksums, described_schema
from autodiff.dialects import Dialect
from autodiff.errors import HistoryError
from autodiff.migrations import Graph, LockFile, write_lock

if TYPE_CHECKING:
    from autodiff.rehearse.stage import Stage
    from autodiff.schema.objects import Schema
    from autodiff.workspace import Workspace

__all__ = ["Relocked", "readable_lock", "relock", "replayed_lock", "unproved_lock"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Relocked:
    """A lock, and `missing`: whether the models say what no migration does."""

    lock: LockFile
    missing: bool = False


def readable_lock(project: Workspace) -> LockFile | None:
    """The project's lock, None where there is none or it can't be read, as in a merge conflict."""
    try:
        return project.lock()
    except HistoryError:
        return None


def replayed_lock(project: Workspace, graph: Graph, stage: Stage) -> Relocked:
    """The lock of a graph, all of which was applied on a stage.

    Where the models say more than that, it keeps to the migrations, so that `check` tells.
    """
    bench = stage.bench
    desired = project.declare(bench.dialect)
    found = difference(bench.connection, bench.dialect, bench.read(), desired, create_scratch=True)
    bench.connection.rollback()
    if found.changes:
        kept = _lock(graph, bench.dialect, found.current, found.current, found.settled)
        return Relocked(lock=kept, missing=True)
    described = described_schema(bench.connection, bench.dialect, found)
    return Relocked(lock=_lock(graph, bench.dialect, desired, described.schema, described.settled))


def unproved_lock(
    project: Workspace, graph: Graph, dialect: Dialect, known: LockFile | None
) -> LockFile:
    """The lock of a graph that was not run anywhere: what the models say."""
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


def relock(project: Workspace) -> Path:
    """Writes the lock file anew and returns its path.

    The described side is what the database has, where a database is at the head; else what a
    scratch says of the models.
    """
    from autodiff.autogenerate.schemas import both_sides
    from autodiff.dialects import dialect_of

    graph = project.graph()
    graph.check_heads()
    metadata, exclude = project.metadata(), project.config.exclude_tables
    with project.connect() as connection:
        dialect = dialect_of(connection, scratch_url=project.scratch_url)
        current, desired = both_sides(connection, dialect, metadata, exclude)
        found = difference(connection, dialect, current, desired, create_scratch=True)
        description = described_schema(connection, dialect, found)
        lock = LockFile(
            heads=graph.heads,
            checksums=checksums(graph),
            database=str(dialect),
            declared=desired,
            described=description.schema,
            settled=description.settled,
        )
    return write_lock(project.directory, lock)
