"""Show what an upgrade or a downgrade would do: its migrations, and the data that they lose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
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
    from autodiff.runner.recovery import Remaining
    from autodiff.runner.runner import Runner
    from autodiff.schema.operations import Operation
    from autodiff.workspace import Workspace

__all__ = ["RunPreview", "preview_run", "preview_uncounted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPreview:
    """What a run would do.

    migrations: the migrations to run, in order.
    data_loss: the data that they lose; `preview_run` counts it in the database.
    remaining: what is left of the migration that stopped half-way, if one did.
    """

    migrations: tuple[Migration, ...]
    data_loss: tuple[DataLoss, ...] = ()
    remaining: Remaining | None = None


def preview_run(project: Workspace, target: str, direction: Direction) -> RunPreview:
    """Return the migrations of a run and the data that they lose. Nothing is run.

    Raises the errors of `Runner.ahead` and `Runner.remaining`, and MigrationFailedError if the code
    of a migration raises an exception, such as that of a downgrade with no way back.
    """
    with project.open_runner() as runner:
        preview = preview_uncounted(project, runner, target, direction)
        losses = count_losses(runner.connection, runner.dialect, preview.data_loss)
        return replace(preview, data_loss=losses)


def preview_uncounted(
    project: Workspace, runner: Runner, target: str, direction: Direction
) -> RunPreview:
    """Return the migrations of a run on a database, and what they lose, without counting it.

    Raises the errors of `preview_run`.
    """
    migrations = tuple(runner.ahead(direction, target))
    if not migrations:
        return RunPreview(migrations=())
    current = runner.dialect.catalog.reflect(runner.connection, scope_for(_known_schema(project)))
    runner.connection.rollback()
    remaining = runner.remaining(direction, target, current.tables)
    finder = DataLossFinder(current.tables, runner.dialect)
    finder.add(remaining.steps if remaining is not None else ())
    for migration in _to_run_whole(migrations, remaining):
        if migration.is_for(runner.dialect):
            operations: list[Operation | str] = []
            read_operations(
                migration,
                direction,
                runner.dialect,
                finder.tables,
                operations.append,
                strict=True,
            )
            finder.add(operations)
    return RunPreview(migrations=migrations, data_loss=finder.found, remaining=remaining)


def _to_run_whole(
    migrations: Sequence[Migration], remaining: Remaining | None
) -> Sequence[Migration]:
    """Return the migrations of which every step is run."""
    if remaining is None or remaining.runs_again:
        return migrations
    return [migration for migration in migrations if migration != remaining.migration]


def _known_schema(project: Workspace) -> Schema:
    """Return the schema of the lock file, which names the namespaces to read."""
    try:
        lock = project.lock()
    except HistoryError:
        return Schema()
    return lock.declared if lock is not None else Schema()
