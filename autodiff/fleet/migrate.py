"""Run migrations on the targets, here or on the workers of an executor."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import nullcontext, suppress
from functools import partial
from typing import TYPE_CHECKING

from autodiff.errors import AutodiffError
from autodiff.fleet.fleet_run import FleetRun, not_started
from autodiff.fleet.requests import FleetRequest, check_request, known_targets, settings_of
from autodiff.fleet.results import FleetEvent, FleetListener, Outcome, Outcomes, TargetProgress
from autodiff.fleet.settings import FleetSettings
from autodiff.fleet.target_run import RunSettings, run_target
from autodiff.fleet.targets import Target, select_targets, split_canaries
from autodiff.runner.loader import Loader

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from autodiff.fleet.record import RunRecord
    from autodiff.migrations import Graph
    from autodiff.runner.events import Event
    from autodiff.workspace import Workspace

__all__ = ["run_all"]


def run_all(
    project: Workspace, request: FleetRequest, on_event: FleetListener | None = None
) -> Outcomes:
    """Upgrade or downgrade the targets and return the outcome of each, in their order.

    A failure on a target is an outcome, not an exception. If the outcomes are recorded, the
    canaries and the failures of all shards count, and targets that are done are not run again.

    Raises ConfigError for invalid targets, HistoryError for invalid migration files, and
    DatabaseError if the outcomes cannot be recorded.
    """
    graph = project.graph()
    check_request(graph, request)
    settings = settings_of(project, request)
    known = known_targets(project, request)
    selected = select_targets(known, request.only, None)
    targets = select_targets(known, request.only, request.shard)
    with _record(project, graph, request, settings, len(selected)) as record:
        canaries, _ = split_canaries(selected if record else targets, settings.canary, known)
        fleet = FleetRun(settings, on_event or _ignore, record)
        run_one = _way_to_run(project, graph, request, fleet)
        started = fleet.run(run_one, targets, [canary.name for canary in canaries])
        outcomes = tuple(
            started.get(target.name) or not_started(target, fleet.reason) for target in targets
        )
        if record is not None:
            with suppress(AutodiffError):  # the outcomes are returned all the same
                record.finish_all([o for o in outcomes if o.result == "not started"])
    return Outcomes(
        direction=request.direction,
        target=request.target,
        outcomes=outcomes,
        interrupted=fleet.pool.interrupted,
        run=record.run if record else None,
    )


def _ignore(event: FleetEvent) -> None:
    """Do nothing with an event."""


def _record(
    project: Workspace, graph: Graph, request: FleetRequest, settings: FleetSettings, total: int
) -> AbstractContextManager[RunRecord | None]:
    """Return a context manager that opens the record of the run, if it has one."""
    url = request.outcomes or settings.outcomes
    if request.run is None and url is None:
        return nullcontext()
    from autodiff.fleet.record import migrations_hash, open_record, outcomes_url, run_name
    from autodiff.fleet.store import StoredRun

    name = run_name(request.run, request.shard)
    run = StoredRun(
        name=name,
        direction=request.direction,
        target=request.target,
        migrations=migrations_hash(graph, request.direction, request.target),
        total=total,
    )
    return open_record(outcomes_url(project.config, url), run, request.shard)


def _way_to_run(
    project: Workspace, graph: Graph, request: FleetRequest, fleet: FleetRun
) -> Callable[[Target], Outcome]:
    """Return the function that runs the migrations on a target: here, or on the executor.

    Raises ConfigError for hooks that cannot be loaded or sent to a worker.
    """
    config = project.config
    settings = RunSettings(
        direction=request.direction,
        target=request.target,
        history_table=config.history_table,
        history_schema=config.history_schema,
        lock_wait=config.lock_wait if request.lock_wait is None else request.lock_wait,
        limits=project.limits(),
    )
    if request.executor is not None:
        return _run_on(request.executor, project, graph, settings, fleet)
    hooks, loader = project.hooks(), Loader()

    def run_here(target: Target) -> Outcome:
        def notify(event: Event) -> None:
            fleet.notify(TargetProgress(name=target.name, event=event))

        return run_target(
            settings,
            graph,
            target,
            hooks=hooks,
            loader=loader,
            on_event=notify,
            is_interrupted=fleet.is_interrupted,
        )

    return run_here


def _run_on(
    executor: Executor, project: Workspace, graph: Graph, settings: RunSettings, fleet: FleetRun
) -> Callable[[Target], Outcome]:
    from autodiff.fleet.executors import (
        RefusedError,
        check_picklable,
        run_on_executor,
        start_processes,
    )
    from autodiff.fleet.tasks import NamedHooks, TargetTask, pack_graph

    hooks, names = project.hooks(), project.config.hooks
    task = partial(
        TargetTask,
        settings=settings,
        history=pack_graph(graph),
        alembic=project.folders[0] if graph.alembic else None,
        hooks=NamedHooks(names=names, folders=project.config.import_path) if names else hooks,
        import_path=project.config.import_path if project.config_path else (),
    )
    if not names:
        check_picklable(executor, hooks)
    start_processes(executor)

    def run_there(target: Target) -> Outcome:
        try:
            return run_on_executor(executor, task(target=target))
        except RefusedError as error:
            fleet.stop(str(error))
            return not_started(target, fleet.reason)

    return run_there
