"""Goes through the targets: each with its own connection, lock and history."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypedDict

from autodiff.dialects import dialect_for
from autodiff.errors import AutodiffError, ConfigError, DatabaseError
from autodiff.fleet.pool import Crew
from autodiff.fleet.results import (
    FleetEvent,
    FleetListener,
    Outcome,
    Outcomes,
    Result,
    Standing,
    TargetFinished,
    TargetStarted,
    TargetTold,
)
from autodiff.fleet.settings import Settings, parse_canary, parse_settings
from autodiff.fleet.sources import targets_of
from autodiff.fleet.targets import Shard, Target, chosen, refuse_doubles, split
from autodiff.runner.events import Direction, Event, MigrationFinished, MigrationStarted
from autodiff.runner.loader import Loader
from autodiff.utils.connect import masked, open_connection

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from autodiff.migrations import Graph
    from autodiff.runner.runner import Runner
    from autodiff.workspace import Workspace

__all__ = ["Choices", "FleetRequest", "run_all", "status_all"]

_RESULTS: dict[Direction, Result] = {"upgrade": "upgraded", "downgrade": "downgraded"}
_STOPPED = "interrupted, after the migration that was under way"


class Choices(TypedDict, total=False):
    """Which targets, and how; what is left out is as the configuration says.

    targets: instead of those of the configuration. only: names of those that are meant.
    shard: one part of them. parallel: how many at a time. canary: who goes first, so many or by
    name; if one fails nothing else is begun. stop_after: how many failures are enough.
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
    """What is asked of all targets; see `Choices`, None is as the configuration says."""

    direction: Direction = "upgrade"
    target: str = "head"
    targets: Sequence[Target] | None = None
    only: Sequence[str] = ()
    shard: Shard | None = None
    parallel: int | None = None
    canary: int | Sequence[str] | None = None
    stop_after: int | None = None
    lock_wait: float | None = None


class _StopHereError(Exception):
    """Ends a run between two migrations, or while it waits."""


def run_all(
    project: Workspace, request: FleetRequest, on_event: FleetListener | None = None
) -> Outcomes:
    """Upgrades or downgrades the targets; what came of each, in their order.

    Failures are outcomes. Raises ConfigError for what is wrong with the targets, HistoryError for
    what is wrong with the files.
    """
    graph = project.graph()
    _check_target(graph, request)
    settings = _settings(project, request)
    known = _known(project, request)
    targets = chosen(known, request.only, request.shard)
    first, others = split(targets, settings.canary, known)
    fleet = _Fleet(project, graph, request, settings, on_event or _ignore, len(targets))
    found = fleet.go(first)
    failed = [outcome for outcome in found.values() if not outcome.is_well]
    if failed and not fleet.crew.is_stopped:
        fleet.stop(f"{failed[0].name} goes first, and failed")
    found |= fleet.go(others)
    outcomes = tuple(found.get(t.name) or _not_begun(t, fleet.reason) for t in targets)
    return Outcomes(
        direction=request.direction,
        target=request.target,
        outcomes=outcomes,
        interrupted=fleet.crew.interrupted,
    )


def status_all(project: Workspace, request: FleetRequest) -> tuple[Standing, ...]:
    """Where each target stands, in their order; one that can't be asked says why."""
    settings = _settings(project, request)
    targets = chosen(_known(project, request), request.only, request.shard)
    graph = project.graph()
    crew: Crew[Target, Standing] = Crew(
        lambda target: _standing(project, graph, target), settings.parallel
    )
    found = crew.do(targets)
    if crew.interrupted:
        raise KeyboardInterrupt
    return tuple(found[place] for place in range(len(targets)))


def _check_target(graph: Graph, request: FleetRequest) -> None:
    """Raises what would fail on each target, before the first one is connected to.

    Run again, +1 and -1 would go one further where they had done well before.
    """
    if request.target[:1] in ("+", "-"):
        raise ConfigError(
            f"{request.target} is not one place for many databases",
            hint="name the migration, head or base, so that the run can be repeated",
        )
    if request.direction == "upgrade":
        graph.upgrades(request.target, ())
    elif request.target != "base":
        graph.find(request.target)


def _ignore(event: FleetEvent) -> None:
    """A listener that does nothing."""


def _settings(project: Workspace, request: FleetRequest) -> Settings:
    """Those of the configuration, over which the request goes."""
    bare = request.targets is not None and project.config.targets is None
    settings = Settings() if bare else parse_settings(project.config.targets)
    told = {
        name: value
        for name in ("parallel", "canary", "stop_after")
        if (value := getattr(request, name)) is not None
    }
    for name in ("parallel", "stop_after"):
        if told.get(name, 1) < 1:
            raise ConfigError(f"{name} must be 1 or more, not {told[name]}")
    if "canary" in told:
        told["canary"] = parse_canary(told["canary"])
    return replace(settings, **told)


def _known(project: Workspace, request: FleetRequest) -> tuple[Target, ...]:
    known = targets_of(project) if request.targets is None else tuple(request.targets)
    refuse_doubles(known)
    for target in known:
        _check(project, target)
    return known


def _check(project: Workspace, target: Target) -> None:
    features = dialect_for(target.url.get_backend_name()).features
    if target.schema is not None and not features.search_path:
        raise ConfigError(
            f"targets: {target.name} is a schema, which {target.url.get_backend_name()} has not "
            "within a database",
            hint='say database = "tenant_{name}" instead',
        )
    if project.config.history_schema and not features.search_path:
        raise ConfigError(
            f"history_schema = {project.config.history_schema!r} would be one history for all "
            "targets",
            hint="leave it out: each target keeps its own",
        )


class _Fleet:
    """One run over many targets: its crew, what it counts, and why it stopped."""

    def __init__(
        self,
        project: Workspace,
        graph: Graph,
        request: FleetRequest,
        settings: Settings,
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
        self._begun = 0
        self._failures = 0
        self._total = total
        self._reason: str | None = None
        self.crew: Crew[Target, Outcome] = Crew(self._one, settings.parallel)

    @property
    def reason(self) -> str:
        """Why no more targets are begun."""
        return self._reason or "interrupted"

    def stop(self, reason: str) -> None:
        """No more targets are begun."""
        self._reason = reason
        self.crew.stop()

    def go(self, targets: Sequence[Target]) -> dict[str, Outcome]:
        """What came of those that were begun, by name."""
        return {found.name: found for found in self.crew.do(targets).values()}

    def _one(self, target: Target) -> Outcome:
        with self._lock:
            self._begun += 1
            started = TargetStarted(name=target.name, position=self._begun, total=self._total)
            self._on_event(started)
        outcome = self._run(target)
        with self._lock:
            self._on_event(TargetFinished(outcome=outcome))
            self._failures += outcome.result == "failed"
            if self._stop_after and self._failures >= self._stop_after and not self._reason:
                times = "1 failure" if self._failures == 1 else f"{self._failures} failures"
                self.stop(f"{times}, which are enough (stop_after)")
        return outcome

    def _tell(self, event: FleetEvent) -> None:
        with self._lock:
            self._on_event(event)

    def _run(self, target: Target) -> Outcome:
        """Runs the migrations of one target; whatever goes wrong is its outcome."""
        begun = time.monotonic()
        places: dict[str, str | None] = {}
        done: list[str] = []

        def listen(event: Event) -> None:
            if isinstance(event, MigrationFinished):
                done.append(event.name)
            if isinstance(event, MigrationStarted) and self.crew.interrupted:
                raise _StopHereError
            self._tell(TargetTold(name=target.name, event=event))

        result, error, hint = _RESULTS[self._request.direction], None, None
        try:
            with self._runner(target, listen) as runner:
                self._go(runner, places)
        except _StopHereError:
            result, error, hint = "stopped", _STOPPED, "run it again to go on"
        except Exception as failure:
            result, (error, hint) = "failed", _explained(failure)
        if result in _RESULTS.values() and not done:
            result = "up to date"
        return Outcome(
            name=target.name,
            database=_database(target),
            result=result,
            before=places.get("before"),
            after=places.get("after", places.get("before")),
            migrations=tuple(done),
            seconds=time.monotonic() - begun,
            error=error,
            hint=hint,
        )

    def _go(self, runner: Runner, places: dict[str, str | None]) -> None:
        places["before"] = _current(runner)
        step = runner.upgrade if self._request.direction == "upgrade" else runner.downgrade
        try:
            step(self._request.target)
        finally:
            with suppress(Exception):  # the connection may be gone: then it is not known
                places["after"] = _current(runner)

    @contextmanager
    def _runner(self, target: Target, listen: Callable[[Event], None]) -> Iterator[Runner]:
        with _opened(target, create=self._request.direction == "upgrade") as connection:
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
        """Waits, for a lock or before another attempt, and not once Ctrl-C was pressed."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if self.crew.interrupted:
                raise _StopHereError
            time.sleep(min(left, 0.2))


@contextmanager
def _opened(target: Target, *, create: bool = False) -> Iterator[Connection]:
    """A connection to a target, in its schema.

    Raises DatabaseError where there is no such schema.
    """
    if target.schema is None:
        with open_connection(target.url, create=create) as connection:
            yield connection
        return
    schema, path = target.schema, (target.schema, *target.search_path)
    dialect = dialect_for(target.url.get_backend_name())
    with open_connection(
        target.url, prepare=lambda engine: dialect.look_in(engine, path)
    ) as connection:
        if connection.dialect.default_schema_name != schema:
            raise DatabaseError(
                f"there is no schema {schema} in {masked(target.url)}",
                hint=f"CREATE SCHEMA {dialect.quote(schema)}; or may the user of the URL use it?",
            )
        yield connection


def _history_schema(project: Workspace, target: Target) -> str | None:
    return target.schema or project.config.history_schema


def _standing(project: Workspace, graph: Graph, target: Target) -> Standing:
    known: dict[str, Any] = {"name": target.name, "database": _database(target)}
    try:
        with _opened(target) as connection:
            schema = _history_schema(project, target)
            runner = project.runner(connection, graph, schema=schema)
            applied = runner.verify()
            unfinished = runner.unfinished()
            pending = graph.in_order(set(graph.migrations) - set(applied))
            return Standing(
                current=_current(runner),
                applied=len(applied),
                pending=tuple(migration.name for migration in pending),
                unfinished=unfinished.name if unfinished else None,
                **known,
            )
    except Exception as failure:
        error, hint = _explained(failure)
        return Standing(error=error, hint=hint, **known)


def _current(runner: Runner) -> str | None:
    """The name of the migration that is the last one, in the order of the files."""
    applied = runner.applied()
    order = {revision: place for place, revision in enumerate(runner.graph.migrations)}
    last = max(applied.values(), key=lambda row: order.get(row.revision, -1), default=None)
    return last.name if last else None


def _database(target: Target) -> str:
    schema = f", schema {target.schema}" if target.schema else ""
    return f"{masked(target.url)}{schema}"


def _explained(failure: Exception) -> tuple[str, str | None]:
    if isinstance(failure, AutodiffError):
        return failure.message, failure.hint
    return f"{type(failure).__name__}: {failure}", None


def _not_begun(target: Target, reason: str) -> Outcome:
    return Outcome(
        name=target.name,
        database=_database(target),
        result="not begun",
        error=reason,
        hint="run it again: what is done is passed by",
    )
