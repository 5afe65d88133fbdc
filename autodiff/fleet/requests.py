"""Check the options of a run over many targets, and combine them with the configuration."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypedDict

from autodiff.dialects import dialect_for
from autodiff.errors import ConfigError
from autodiff.fleet.settings import FleetSettings, parse_canary, parse_settings
from autodiff.fleet.sources import targets_of
from autodiff.fleet.targets import Shard, Target, refuse_duplicates
from autodiff.utils.values import limit_of

if TYPE_CHECKING:
    from sqlalchemy import URL

    from autodiff.migrations import Graph
    from autodiff.runner.events import Direction
    from autodiff.workspace import Workspace

__all__ = ["FleetOptions", "FleetRequest", "check_request", "checked_executor", "known_targets"]
__all__ += ["settings_of"]


class FleetOptions(TypedDict, total=False):
    """The options of a run over many targets; the configuration is the default.

    targets: the targets to use instead of those of the configuration.
    only: the names of the targets to use.
    shard: the part of the targets to use.
    parallel: how many targets at a time.
    canary: how many targets go first, or their names; if one fails, no other is started.
    stop_after: after how many failures no further target is started.
    lock_wait: seconds to wait for another run.
    executor: an executor of `concurrent.futures` to run the targets on, which is not shut down.
    run: the name of the run, under which its outcomes are recorded; all its shards need the same.
    outcomes: the URL of the database that records the outcomes.
    canary_wait: seconds to wait for the canaries of other shards.
    """

    targets: Sequence[Target]
    only: Sequence[str]
    shard: Shard | None
    parallel: int | None
    canary: int | Sequence[str] | None
    stop_after: int | None
    lock_wait: float | None
    executor: Executor | None
    run: str | None
    outcomes: str | URL | None
    canary_wait: float | None


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
    executor: Executor | None = None
    run: str | None = None
    outcomes: str | URL | None = field(default=None, repr=False)
    canary_wait: float | None = None


def check_request(graph: Graph, request: FleetRequest) -> None:
    """Raise ConfigError for an invalid request, before the first target is connected to."""
    _check_target(graph, request)
    if request.executor is not None:
        checked_executor(request.executor, "executor is", "pass")


def _check_target(graph: Graph, request: FleetRequest) -> None:
    """Raise errors that would occur on each target, before the first one is connected to.

    Relative targets are refused: after a run in which some targets failed, the same command would
    move the others one step further.
    """
    if graph.is_relative(request.target):
        raise ConfigError(
            f"the relative target {request.target} is not valid for many databases",
            hint="name a migration, head or base, so that the command can be repeated",
        )
    if request.direction == "upgrade":
        graph.upgrades(request.target, ())
    elif request.target != "base":
        graph.downgrades(request.target, graph.migrations)


def checked_executor(executor: object, subject: str, verb: str) -> Executor:
    """Return an executor; raise ConfigError for another object, such as a Dask client.

    Args:
        executor: The object.
        subject: The beginning of the message, such as "executor is".
        verb: What the hint says to do with an executor instead.
    """
    if isinstance(executor, Executor):
        return executor
    raise ConfigError(
        f"{subject} {type(executor).__name__}, not a concurrent.futures.Executor",
        hint=f"{verb} client.get_executor() instead of the client"
        if hasattr(executor, "get_executor")
        else f"{verb} an executor, such as ProcessPoolExecutor(8)",
    )


def settings_of(project: Workspace, request: FleetRequest) -> FleetSettings:
    """Return the settings of the configuration, overridden by the options of the request.

    Raises ConfigError for invalid settings or options.
    """
    needs_no_table = request.targets is not None and project.config.targets is None
    settings = FleetSettings() if needs_no_table else parse_settings(project.config.targets)
    options = {
        name: value
        for name in ("parallel", "canary", "stop_after", "canary_wait")
        if (value := getattr(request, name)) is not None
    }
    for name in ("parallel", "stop_after"):
        if options.get(name, 1) < 1:
            raise ConfigError(f"{name} must be 1 or more, not {options[name]}")
    if limit_of(options.get("canary_wait", 0)) is None:
        raise ConfigError("canary_wait must be a number of seconds, 0 or more")
    if "canary" in options:
        options["canary"] = parse_canary(options["canary"])
    return replace(settings, **options)


def known_targets(project: Workspace, request: FleetRequest) -> tuple[Target, ...]:
    """Return all targets of the request or the configuration.

    Raises ConfigError for invalid targets.
    """
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
