"""Run migrations on the targets, each with its own connection, lock and history."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypedDict

from autodiff.dialects import dialect_for
from autodiff.errors import AutodiffError, ConfigError, DatabaseError
from autodiff.fleet.pool import WorkerPool
from autodiff.fleet.results import (
    FleetEvent,
    FleetListener,
    Outcome,
    Outcomes,
    Result,
    TargetFinished,
    TargetProgress,
    TargetStarted,
    TargetStatus,
)
from autodiff.fleet.settings import FleetSettings, parse_canary, parse_settings
from autodiff.fleet.sources import targets_of
from autodiff.fleet.targets import Shard, Target, refuse_duplicates, select_targets, split_canaries
from autodiff.runner.events import Direction, Event, MigrationFinished, MigrationStarted
from autodiff.runner.loader import Loader
from autodiff.utils.connections import mask_passwords, open_connection

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from autodiff.migrations import Graph
    from autodiff.runner.runner import Runner
    from autodiff.workspace import Workspace

__all__ = ["FleetOptions", "FleetRequest", "run_all", "status_all"]

_RESULTS: dict[Direction, Result] = {"upgrade": "upgraded", "downgrade": "downgraded"}
_STOPPED = "interrupted after the running migration"
_SLEEP_SECONDS = 0.2
"""The step of a wait, after which Ctrl-C is checked: short enough to feel immediate."""


class FleetOptions(TypedDict, total=False):
    """The options of a run over many targets; the configuration is the default.

    targets: the targets to use instead of those of the configuration.
    only: the names of the targets to use.
    shard: the part of the targets to use.
    parallel: how many targets at a time.
    canary: how many targets go first, or their names; if one fails, no other is started.
    stop_after: after how many failures no further target is started.
    lock_wait: seconds to wait for another run.
    """

    targets: Sequence[Target]
    only: Sequence[str]
    shard: Shard | None
    parallel: int | None
    canary: int | Sequence[str] | None
    stop_after: int | None
    lock_wait: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetRequest:
    """The direction, the target migration and the options of a run; see `FleetOptions`."""

    direction: Direction = "upgrade"
    target: str = "head"
    targets: Sequence[Target] | None = None
    only: Sequence[str] = ()
    shard: Shard | None = None
    parallel: int | None = None
    canary: int | Sequence[str] | None = None
    stop_after: int | None = None
    lock_wait: float | None = None


class _InterruptedError(Exception):
    """Raised after Ctrl-C, between two migrations or during a wait."""


def run_all(
    project: Workspace, request: FleetRequest, on_event: FleetListener | None = None
) -> Outcomes:
    """Upgrade or downgrade the targets and return the outcome of each, in their order.

    A failure on a target is an outcome, not an exception.

    Raises ConfigError for invalid targets, HistoryError for invalid migration files.
    """
    graph = project.graph()
    _check_target(graph, request)
    settings = _settings(project, request)
    known = _known_targets(project, request)
    targets = select_targets(known, request.only, request.shard)
    canaries, others = split_canaries(targets, settings.canary, known)
    fleet = _Fleet(project, graph, request, settings, on_event or _ignore, len(targets))
    started = fleet.run(canaries)
    failed = [outcome for outcome in started.values() if not outcome.succeeded]
    if failed and not fleet.pool.is_stopped:
        fleet.stop(f"the canary {failed[0].name} failed")
    started |= fleet.run(others)
    outcomes = tuple(started.get(t.name) or _not_started(t, fleet.reason) for t in targets)
    return Outcomes(
        direction=request.direction,
        target=request.target,
        outcomes=outcomes,
        interrupted=fleet.pool.interrupted,
    )


def status_all(project: Workspace, request: FleetRequest) -> tuple[TargetStatus, ...]:
    """Return the status of each target, in their order, with an error if it could not be read.

    Raises ConfigError for invalid targets, HistoryError for invalid migration files.
    """
    settings = _settings(project, request)
    targets = select_targets(_known_targets(project, request), request.only, request.shard)
    graph = project.graph()
    pool: WorkerPool[Target, TargetStatus] = WorkerPool(
        lambda target: _target_status(project, graph, target), settings.parallel
    )
    statuses = pool.run_all(targets)
    if pool.interrupted:
        raise KeyboardInterrupt
    return tuple(statuses[index] for index in range(len(targets)))


def _check_target(graph: Graph, request: FleetRequest) -> None:
    """Raise errors that would occur on each target, before the first one is connected to.

    Relative targets are refused: after a run in which some targets failed, the same command would
    move the others one step further.
    """
    if request.target[:1] in ("+", "-"):
        raise ConfigError(
            f"the relative target {request.target} is not valid for many databases",
            hint="name a migration, head or base, so that the command can be repeated",
        )
    if request.direction == "upgrade":
        graph.upgrades(request.target, ())
    elif request.target != "base":
        graph.find(request.target)


def _ignore(event: FleetEvent) -> None:
    """Do nothing with an event."""


def _settings(project: Workspace, request: FleetRequest) -> FleetSettings:
    """Return the settings of the configuration, overridden by the options of the request.

    Raises ConfigError for invalid settings or options.
    """
    needs_no_table = request.targets is not None and project.config.targets is None
    settings = FleetSettings() if needs_no_table else parse_settings(project.config.targets)
    options = {
        name: value
        for name in ("parallel", "canary", "stop_after")
        if (value := getattr(request, name)) is not None
    }
    for name in ("parallel", "stop_after"):
        if options.get(name, 1) < 1:
            raise ConfigError(f"{name} must be 1 or more, not {options[name]}")
    if "canary" in options:
        options["canary"] = parse_canary(options["canary"])
    return replace(settings, **options)


def _known_targets(project: Workspace, request: FleetRequest) -> tuple[Target, ...]:
    known = targets_of(project) if request.targets is None else tuple(request.targets)
    refuse_duplicates(known)
    for target in known:
        _check_schemas(project, target)
    return known


def _check_schemas(project: Workspace, target: Target) -> None:
    """Raise ConfigError for settings about schemas that the database does not support."""
    backend = target.url.get_backend_name()
    features = dialect_for(backend).features
    if target.schema is not None and not features.search_path:
        raise ConfigError(
            f"targets: {target.name} is a schema, but {backend} does not support schemas "
            "inside a database",
            hint='set database = "tenant_{name}" instead of schema',
        )
    if project.config.history_schema and not features.search_path:
        raise ConfigError(
            f"history_schema = {project.config.history_schema!r} would be one history for "
            "all targets",
            hint="remove history_schema, so that each target has its own history",
        )


class _Fleet:
    """One run over many targets: its worker pool, its counters, and the reason why it stopped."""

    def __init__(
        self,
        project: Workspace,
        graph: Graph,
        request: FleetRequest,
        settings: FleetSettings,
        on_event: FleetListener,
        total: int,
    ) -> None:
        self._project = project
        self._request = request
        self._on_event = on_event
        self._stop_after = settings.stop_after
        self._graph = graph
        self._loader = Loader()
        self._hooks = project.hooks()
        self._lock = threading.Lock()
        self._started = 0
        self._failures = 0
        self._total = total
        self._reason: str | None = None
        self.pool: WorkerPool[Target, Outcome] = WorkerPool(self._process, settings.parallel)

    @property
    def reason(self) -> str:
        """Why no more targets are started."""
        return self._reason or "interrupted"

    def stop(self, reason: str) -> None:
        """Start no more targets, for this reason."""
        self._reason = reason
        self.pool.stop()

    def run(self, targets: Sequence[Target]) -> dict[str, Outcome]:
        """Run the migrations; return the outcomes of the targets that were started, by name."""
        return {outcome.name: outcome for outcome in self.pool.run_all(targets).values()}

    def _process(self, target: Target) -> Outcome:
        with self._lock:
            self._started += 1
            event = TargetStarted(name=target.name, position=self._started, total=self._total)
            self._on_event(event)
        outcome = self._migrate(target)
        with self._lock:
            self._on_event(TargetFinished(outcome=outcome))
            self._failures += outcome.result == "failed"
            if self._stop_after and self._failures >= self._stop_after and not self._reason:
                count = "1 target" if self._failures == 1 else f"{self._failures} targets"
                self.stop(f"{count} failed, the limit set by stop_after")
        return outcome

    def _notify(self, event: FleetEvent) -> None:
        with self._lock:
            self._on_event(event)

    def _migrate(self, target: Target) -> Outcome:
        """Run the migrations on one target; an error becomes its outcome."""
        started_at = time.monotonic()
        positions: dict[str, str | None] = {}
        done: list[str] = []

        def listen(event: Event) -> None:
            if isinstance(event, MigrationFinished):
                done.append(event.name)
            if isinstance(event, MigrationStarted) and self.pool.interrupted:
                raise _InterruptedError
            self._notify(TargetProgress(name=target.name, event=event))

        result, error, hint = _RESULTS[self._request.direction], None, None
        try:
            with self._runner(target, listen) as runner:
                self._migrate_and_read_positions(runner, positions)
        except _InterruptedError:
            result, error, hint = "stopped", _STOPPED, "run the same command again to continue"
        except Exception as failure:
            result, (error, hint) = "failed", _message_and_hint(failure)
        if result in _RESULTS.values() and not done:
            result = "up to date"
        return Outcome(
            name=target.name,
            database=_database(target),
            result=result,
            before=positions.get("before"),
            after=positions.get("after", positions.get("before")),
            migrations=tuple(done),
            seconds=time.monotonic() - started_at,
            error=error,
            hint=hint,
        )

    def _migrate_and_read_positions(self, runner: Runner, positions: dict[str, str | None]) -> None:
        """Run the migrations; store the last applied one `before` and `after`, also on failure."""
        positions["before"] = _current(runner)
        run = runner.upgrade if self._request.direction == "upgrade" else runner.downgrade
        try:
            run(self._request.target)
        finally:
            with suppress(Exception):  # if the connection is lost, the position is unknown
                positions["after"] = _current(runner)

    @contextmanager
    def _runner(self, target: Target, listen: Callable[[Event], None]) -> Iterator[Runner]:
        with _connect_target(target, create=self._request.direction == "upgrade") as connection:
            yield self._project.runner(
                connection,
                self._graph,
                schema=_history_schema(self._project, target),
                on_event=listen,
                lock_wait=self._request.lock_wait,
                sleep=self._sleep,
                hooks=self._hooks,
                loader=self._loader,
            )

    def _sleep(self, seconds: float) -> None:
        """Wait for a lock or before another attempt, but end the wait after Ctrl-C."""
        end = time.monotonic() + seconds
        while (remaining := end - time.monotonic()) > 0:
            if self.pool.interrupted:
                raise _InterruptedError
            time.sleep(min(remaining, _SLEEP_SECONDS))


@contextmanager
def _connect_target(target: Target, *, create: bool = False) -> Iterator[Connection]:
    """Yield a connection to a target, with its schema first on the search path.

    Raises DatabaseError if the schema does not exist or the user must not use it.
    """
    if target.schema is None:
        with open_connection(target.url, create=create) as connection:
            yield connection
        return
    schema, path = target.schema, (target.schema, *target.search_path)
    dialect = dialect_for(target.url.get_backend_name())
    with open_connection(
        target.url, prepare=lambda engine: dialect.session.set_search_path(engine, path)
    ) as connection:
        if connection.dialect.default_schema_name != schema:
            raise DatabaseError(
                f"schema {schema} of {mask_passwords(target.url)} does not exist, or "
                "the user must not use it",
                hint=f"run CREATE SCHEMA {dialect.quote(schema)}, or grant USAGE on it to the user "
                "of the URL",
            )
        yield connection


def _history_schema(project: Workspace, target: Target) -> str | None:
    return target.schema or project.config.history_schema


def _target_status(project: Workspace, graph: Graph, target: Target) -> TargetStatus:
    identity: dict[str, Any] = {"name": target.name, "database": _database(target)}
    try:
        with _connect_target(target) as connection:
            schema = _history_schema(project, target)
            runner = project.runner(connection, graph, schema=schema)
            applied = runner.verify()
            unfinished = runner.unfinished()
            pending = graph.in_order(set(graph.migrations) - set(applied))
            return TargetStatus(
                current=_current(runner),
                applied=len(applied),
                pending=tuple(migration.name for migration in pending),
                unfinished=unfinished.name if unfinished else None,
                **identity,
            )
    except Exception as failure:
        error, hint = _message_and_hint(failure)
        return TargetStatus(error=error, hint=hint, **identity)


def _current(runner: Runner) -> str | None:
    """Return the name of the last applied migration, in the order of the files."""
    applied = runner.applied()
    order = {revision: place for place, revision in enumerate(runner.graph.migrations)}
    last = max(applied.values(), key=lambda row: order.get(row.revision, -1), default=None)
    return last.name if last else None


def _database(target: Target) -> str:
    schema = f", schema {target.schema}" if target.schema else ""
    return f"{mask_passwords(target.url)}{schema}"


def _message_and_hint(failure: Exception) -> tuple[str, str | None]:
    if isinstance(failure, AutodiffError):
        return failure.message, failure.hint
    return f"{type(failure).__name__}: {failure}", None


def _not_started(target: Target, reason: str) -> Outcome:
    return Outcome(
        name=target.name,
        database=_database(target),
        result="not started",
        error=reason,
        hint="run the same command again: finished targets are skipped",
    )
