"""The lock file as the migrations themselves lead to it, run on a scratch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from autodiff.autogenerate.diff import difference
from autodiff.commands.generate import checksums, described_schema
from autodiff.dialects import Dialect
from autodiff.errors import HistoryError
from autodiff.migrations import Graph, Lock
from autodiff.models import declare

if TYPE_CHECKING:
    from autodiff.project import Project
    from autodiff.rehearse.stage import Stage
    from autodiff.schema.objects import Schema

__all__ = ["Relocked", "readable_lock", "replayed_lock", "unproved_lock"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Relocked:
    """A lock, and `missing`: whether the models say what no migration does."""

    lock: Lock
    missing: bool = False


def readable_lock(project: Project) -> Lock | None:
    """The project's lock, None where there is none or it can't be read, as in a merge conflict."""
    try:
        return project.lock()
    except HistoryError:
        return None


def replayed_lock(project: Project, graph: Graph, stage: Stage) -> Relocked:
    """The lock of a graph, all of which was applied on a stage.

    Where the models say more than that, it keeps to the migrations, so that `check` tells.
    """
    bench = stage.bench
    desired = declare(project.metadata(), bench.dialect, exclude=project.config.exclude_tables)
    found = difference(bench.connection, bench.dialect, bench.read(), desired, create_scratch=True)
    bench.connection.rollback()
    if found.changes:
        kept = _lock(graph, bench.dialect, found.current, found.current, found.settled)
        return Relocked(lock=kept, missing=True)
    described = described_schema(bench.connection, bench.dialect, found)
    return Relocked(lock=_lock(graph, bench.dialect, desired, described.schema, described.settled))


def unproved_lock(project: Project, graph: Graph, dialect: Dialect, known: Lock | None) -> Lock:
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
