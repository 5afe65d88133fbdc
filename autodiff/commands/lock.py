"""The lock file as the migrations themselves lead to it, run on a scratch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from autodiff.autogenerate.differences import find_difference
from autodiff.commands.generate import checksums, described_schema
from autodiff.dialects import Dialect
from autodiff.errors import HistoryError
from autodiff.migrations import Graph, Lock, write_lock
from autodiff.models import declare

if TYPE_CHECKING:
    from autodiff.rehearse.stage import Stage
    from autodiff.schema.objects import Schema
    from autodiff.workspace import Workspace

__all__ = ["Relocked", "readable_lock", "relock", "replayed_lock", "unproved_lock"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Relocked:
    """A lock, and `missing`: whether the models say what no migration does."""

    lock: Lock
    missing: bool = False


def readable_lock(project: Workspace) -> Lock | None:
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
    desired = declare(project.metadata(), bench.dialect, exclude=project.config.exclude_tables)
    found = find_difference(
        bench.connection, bench.dialect, bench.read(), desired, create_scratch=True
    )
    bench.connection.rollback()
    if found.changes:
        kept = _lock(graph, bench.dialect, found.current, found.current, found.settled)
        return Relocked(lock=kept, missing=True)
    described = described_schema(bench.connection, bench.dialect, found)
    return Relocked(lock=_lock(graph, bench.dialect, desired, described.schema, described.settled))


def unproved_lock(project: Workspace, graph: Graph, dialect: Dialect, known: Lock | None) -> Lock:
    """The lock of a graph that was not run anywhere: what the models say."""
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
        dialect = dialect_of(connection).with_scratch(project.scratch_url)
        current, desired = both_sides(connection, dialect, metadata, exclude)
        found = find_difference(connection, dialect, current, desired, create_scratch=True)
        description = described_schema(connection, dialect, found)
        lock = Lock(
            heads=graph.heads,
            checksums=checksums(graph),
            database=dialect.kind,
            declared=desired,
            described=description.schema,
            settled=description.settled,
        )
    return write_lock(project.directory, lock)
