"""Show what an upgrade or a downgrade would do: its migrations, and the data that they lose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from autodiff.autogenerate.live_losses import count_losses
from autodiff.autogenerate.schemas import scope_for
from autodiff.errors import HistoryError
from autodiff.migrations import Migration
from autodiff.plan import DataLoss, DataLossFinder
from autodiff.runner.operation_reader import read_operations
from autodiff.schema.objects import Schema

if TYPE_CHECKING:
    from autodiff.runner.events import Direction
    from autodiff.runner.runner import Runner
    from autodiff.schema.operations import Operation
    from autodiff.workspace import Workspace

__all__ = ["RunPreview", "preview_run"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPreview:
    """What a run would do.

    migrations: the migrations to run, in order.
    data_loss: the data that they lose, counted in the database.
    """

    migrations: tuple[Migration, ...]
    data_loss: tuple[DataLoss, ...] = ()


def preview_run(project: Workspace, target: str, direction: Direction) -> RunPreview:
    """Return the migrations of a run and the data that they lose. Nothing is run.

    Raises the errors of `Runner.ahead`.
    """
    with project.open_runner() as runner:
        migrations = runner.ahead(direction, target)
        losses = _losses(project, runner, migrations, direction) if migrations else ()
        return RunPreview(migrations=tuple(migrations), data_loss=losses)


def _losses(
    project: Workspace, runner: Runner, migrations: Sequence[Migration], direction: Direction
) -> tuple[DataLoss, ...]:
    """Return what migrations lose, read from their files and from the current schema."""
    connection, dialect = runner.connection, runner.dialect
    current = dialect.catalog.reflect(connection, scope_for(_known_schema(project)))
    connection.rollback()
    finder = DataLossFinder(current.tables, dialect)
    for migration in migrations:
        if migration.is_for(dialect):
            operations: list[Operation | str] = []
            read_operations(migration, direction, dialect, finder.tables, operations.append)
            finder.add(operations)
    return count_losses(connection, dialect, finder.found)


def _known_schema(project: Workspace) -> Schema:
    """Return the schema of the lock file, which names the namespaces to read."""
    try:
        lock = project.lock()
    except HistoryError:
        return Schema()
    return lock.declared if lock is not None else Schema()
