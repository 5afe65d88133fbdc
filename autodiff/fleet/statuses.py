"""Read the status of each target, and the outcomes of a run that was recorded."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from autodiff.errors import AutodiffError
from autodiff.fleet.pool import WorkerPool
from autodiff.fleet.requests import FleetRequest, known_targets, settings_of
from autodiff.fleet.results import Outcomes, TargetStatus
from autodiff.fleet.settings import FleetSettings, parse_settings
from autodiff.fleet.sources import targets_of
from autodiff.fleet.target_run import (
    connect_target,
    current_migration,
    database_of,
    message_and_hint,
)
from autodiff.fleet.targets import Target, select_targets

if TYPE_CHECKING:
    from sqlalchemy import URL

    from autodiff.migrations import Graph
    from autodiff.workspace import Workspace

__all__ = ["recorded_run", "status_all"]


def status_all(project: Workspace, request: FleetRequest) -> tuple[TargetStatus, ...]:
    """Return the status of each target, in their order, with an error if it could not be read.

    Raises ConfigError for invalid targets, HistoryError for invalid migration files.
    """
    settings = settings_of(project, request)
    targets = select_targets(known_targets(project, request), request.only, request.shard)
    graph = project.graph()
    pool: WorkerPool[Target, TargetStatus] = WorkerPool(
        lambda target: _target_status(project, graph, target), settings.parallel
    )
    statuses = pool.run_all(targets)
    if pool.interrupted:
        raise KeyboardInterrupt
    return tuple(statuses[index] for index in range(len(targets)))


def _target_status(project: Workspace, graph: Graph, target: Target) -> TargetStatus:
    identity: dict[str, Any] = {"name": target.name, "database": database_of(target)}
    try:
        with connect_target(target) as connection:
            schema = target.schema or project.config.history_schema
            runner = project.runner(connection, graph, schema=schema)
            applied = runner.verify()
            unfinished = runner.unfinished()
            pending = graph.in_order(set(graph.migrations) - set(applied))
            return TargetStatus(
                current=current_migration(runner),
                applied=len(applied),
                pending=tuple(migration.name for migration in pending),
                unfinished=unfinished.name if unfinished else None,
                **identity,
            )
    except Exception as failure:
        error, hint = message_and_hint(failure, target.url)
        return TargetStatus(error=error, hint=hint, **identity)


def recorded_run(
    project: Workspace, run: str | None, outcomes: str | URL | None = None
) -> Outcomes:
    """Return the outcomes of a run, as far as its shards have recorded them.

    A target that did not succeed and was then removed from the list of targets is left out: no
    shard can repeat it.

    Raises ConfigError if there is no run of this name, DatabaseError if the database of the
    outcomes cannot be read.
    """
    from autodiff.fleet.record import outcomes_url, recorded_outcomes

    table = project.config.targets
    settings = FleetSettings() if table is None else parse_settings(table)
    recorded = recorded_outcomes(outcomes_url(project.config, outcomes or settings.outcomes), run)
    if recorded or table is None:
        return recorded
    try:
        known = {target.name for target in targets_of(project)}
    except AutodiffError:  # such as a list in a database that cannot be reached now
        return recorded
    kept = tuple(one for one in recorded if one.succeeded or one.name in known)
    removed = len(recorded) - len(kept)
    return replace(recorded, outcomes=kept, total=(recorded.total or 0) - removed)
