"""The SQL of migrations without a database: those before are followed, table by table."""

from __future__ import annotations

from collections.abc import Sequence

from autodiff.dialects import Dialect
from autodiff.history.files import Migration
from autodiff.history.graph import Graph
from autodiff.run.context import executing
from autodiff.run.events import Direction
from autodiff.run.executor import Executor
from autodiff.run.loader import load_step
from autodiff.run.targets import Recording

__all__ = ["migration_sql"]


def migration_sql(
    graph: Graph, migration: Migration, direction: Direction, dialect: Dialect
) -> list[str]:
    """The statements of a migration, as they are once all that come before it were applied.

    Where the dialect must know the table that it alters, the migrations before it are followed.
    One that is for other kinds of databases is a comment.
    """
    if not migration.is_for(dialect):
        return [f"-- not for {dialect.word}"]
    followed = dialect.features.rebuilds_tables or dialect.features.restates_columns
    target = Recording(dialect, {}, complete=followed)
    if followed:
        before = graph.lineage(migration.parents)
        _follow(graph.in_order(before), dialect, target)
        if direction == "downgrade":
            _follow([migration], dialect, target)
    skipped = len(target.statements)
    _play(migration, direction, dialect, target)
    return target.statements[skipped:]


def _follow(migrations: Sequence[Migration], dialect: Dialect, target: Recording) -> None:
    for migration in migrations:
        if migration.is_for(dialect):
            _play(migration, "upgrade", dialect, target)


def _play(migration: Migration, direction: Direction, dialect: Dialect, target: Recording) -> None:
    executor = Executor(dialect, target)
    step = load_step(migration, direction)
    with executing(executor):
        step()
        executor.flush()
