"""Find the data that an upgrade of many targets loses, before the first of them is changed."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from autodiff.commands.run_preview import preview_uncounted
from autodiff.fleet.pool import WorkerPool
from autodiff.fleet.requests import FleetRequest, check_request, known_targets, settings_of
from autodiff.fleet.target_run import connect_target
from autodiff.fleet.targets import Target, select_targets

if TYPE_CHECKING:
    from autodiff.migrations import Graph
    from autodiff.plan import DataLoss
    from autodiff.workspace import Workspace

__all__ = ["FleetLosses", "losses_of_all"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetLosses:
    """What a run loses on its targets, and the targets of which that is unknown.

    data_loss: the losses of all targets, each once, in their order. They are not counted.
    """

    data_loss: tuple[DataLoss, ...]
    unknown: tuple[str, ...]


def losses_of_all(project: Workspace, request: FleetRequest) -> FleetLosses:
    """Return what the request would lose. Nothing is changed.

    The steps are read once for all targets that have the same migrations ahead of them.

    Raises ConfigError for invalid targets, HistoryError for invalid migration files.
    """
    graph = project.graph()
    check_request(graph, request)
    targets = select_targets(known_targets(project, request), request.only, request.shard)
    finder = _LossFinder(project, graph, request)
    pool = WorkerPool(finder.find, settings_of(project, request).parallel)
    found = pool.run_all(targets)
    if pool.interrupted:
        raise KeyboardInterrupt
    losses = [loss for index in range(len(targets)) for loss in found[index] or ()]
    return FleetLosses(
        data_loss=tuple(dict.fromkeys(losses)),
        unknown=tuple(target.name for index, target in enumerate(targets) if found[index] is None),
    )


class _LossFinder:
    """Finds the losses of targets, in several threads."""

    def __init__(self, project: Workspace, graph: Graph, request: FleetRequest) -> None:
        self._project = project
        self._graph = graph
        self._request = request
        self._lock = threading.Lock()
        self._seen: set[tuple[str, ...]] = set()

    def find(self, target: Target) -> tuple[DataLoss, ...] | None:
        """Return what is lost, nothing if another target has the same migrations ahead.

        None if that cannot be found, for example because the target cannot be reached from here.
        """
        schema = target.schema or self._project.config.history_schema
        request = self._request
        try:
            with connect_target(target) as connection:
                runner = self._project.runner(connection, self._graph, schema=schema)
                ahead = runner.ahead(request.direction, request.target)
                names = tuple(migration.name for migration in ahead)
                if runner.unfinished() is None and not self._is_new(names):
                    return ()
                return preview_uncounted(
                    self._project, runner, request.target, request.direction
                ).data_loss
        except Exception:
            return None

    def _is_new(self, names: tuple[str, ...]) -> bool:
        with self._lock:
            is_new = names not in self._seen
            self._seen.add(names)
        return is_new
