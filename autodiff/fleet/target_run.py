"""Run migrations on one target, with its own connection, lock and history."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from autodiff.dialects import dialect_for
from autodiff.dialects.timeouts import Limits
from autodiff.errors import AutodiffError, DatabaseError, exception_words
from autodiff.fleet.results import Outcome, Result
from autodiff.fleet.targets import Target
from autodiff.runner.events import Direction, Event, MigrationFinished, MigrationStarted
from autodiff.utils.connections import (
    hide_secrets,
    mask_passwords,
    mask_passwords_in_text,
    open_connection,
)

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection

    from autodiff.migrations import Graph
    from autodiff.runner.hooks import Hooks
    from autodiff.runner.loader import Loader
    from autodiff.runner.runner import Runner

__all__ = [
    "STOPPED",
    "STOPPED_HINT",
    "RunSettings",
    "connect_target",
    "current_migration",
    "database_of",
    "failed_outcome",
    "message_and_hint",
    "run_target",
]

STOPPED = "interrupted after the running migration"
STOPPED_HINT = "run the same command again to continue"
_FOR_ONE_TARGET = "for one target, pass its URL: --url URL"
_RESULTS: dict[Direction, Result] = {"upgrade": "upgraded", "downgrade": "downgraded"}
_SLEEP_SECONDS = 0.2
"""The step of a wait, after which Ctrl-C is checked: short enough to feel immediate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """The settings that the runs on all targets share; none of them is a URL."""

    direction: Direction
    target: str
    history_table: str
    history_schema: str | None
    lock_wait: float
    limits: Limits


class _InterruptedError(Exception):
    """Raised after Ctrl-C, between two migrations or during a wait."""


def _never() -> bool:
    return False


def _ignore(event: Event) -> None:
    """Do nothing with an event."""


def run_target(
    settings: RunSettings,
    graph: Graph,
    target: Target,
    *,
    hooks: Hooks,
    loader: Loader,
    on_event: Callable[[Event], None] = _ignore,
    is_interrupted: Callable[[], bool] = _never,
) -> Outcome:
    """Run the migrations on one target; an error becomes its outcome."""
    started_at = time.monotonic()
    positions: dict[str, str | None] = {}
    done: list[str] = []

    def listen(event: Event) -> None:
        if isinstance(event, MigrationFinished):
            done.append(event.name)
        if isinstance(event, MigrationStarted) and is_interrupted():
            raise _InterruptedError
        on_event(event)

    def sleep(seconds: float) -> None:
        """Wait for a lock or before another attempt, but end the wait after Ctrl-C."""
        end = time.monotonic() + seconds
        while (remaining := end - time.monotonic()) > 0:
            if is_interrupted():
                raise _InterruptedError
            time.sleep(min(remaining, _SLEEP_SECONDS))

    result, error, hint = _RESULTS[settings.direction], None, None
    try:
        with _runner(settings, graph, target, hooks, loader, listen, sleep) as runner:
            _migrate_and_read_positions(runner, settings, positions)
    except _InterruptedError:
        result, error, hint = "stopped", STOPPED, STOPPED_HINT
    except Exception as failure:
        result, (error, hint) = "failed", message_and_hint(failure, target.url)
    if result in _RESULTS.values() and not done:
        result = "up to date"
    return Outcome(
        name=target.name,
        database=database_of(target),
        result=result,
        before=positions.get("before"),
        after=positions.get("after", positions.get("before")),
        migrations=tuple(done),
        seconds=time.monotonic() - started_at,
        error=error,
        hint=hint,
    )


def _migrate_and_read_positions(
    runner: Runner, settings: RunSettings, positions: dict[str, str | None]
) -> None:
    """Run the migrations; store the last applied one `before` and `after`, also on failure."""
    positions["before"] = current_migration(runner)
    run = runner.upgrade if settings.direction == "upgrade" else runner.downgrade
    try:
        run(settings.target)
    finally:
        with suppress(Exception):  # if the connection is lost, the position is unknown
            positions["after"] = current_migration(runner)


@contextmanager
def _runner(
    settings: RunSettings,
    graph: Graph,
    target: Target,
    hooks: Hooks,
    loader: Loader,
    listen: Callable[[Event], None],
    sleep: Callable[[float], None],
) -> Iterator[Runner]:
    from autodiff.runner.runner import Runner

    with connect_target(target, create=settings.direction == "upgrade") as connection:
        yield Runner(
            connection,
            graph,
            schema=target.schema or settings.history_schema,
            history_table=settings.history_table,
            on_event=listen,
            lock_wait=settings.lock_wait,
            limits=settings.limits,
            sleep=sleep,
            hooks=hooks,
            loader=loader,
        )


@contextmanager
def connect_target(target: Target, *, create: bool = False) -> Iterator[Connection]:
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


def current_migration(runner: Runner) -> str | None:
    """Return the name of the last applied migration, in the order of the files."""
    applied = runner.applied()
    order = {revision: place for place, revision in enumerate(runner.graph.migrations)}
    last = max(applied.values(), key=lambda row: order.get(row.revision, -1), default=None)
    return last.name if last else None


def database_of(target: Target) -> str:
    """Return the URL of a target without its password, and its schema."""
    schema = f", schema {target.schema}" if target.schema else ""
    return f"{mask_passwords(target.url)}{schema}"


def message_and_hint(failure: BaseException, url: URL) -> tuple[str, str | None]:
    """Return the message of an error without the secrets of a URL, and its hint.

    The commands in a hint are for the database of the project, unless they are given a URL.
    """
    if isinstance(failure, AutodiffError):
        hint = failure.hint
        if hint is not None and "autodiff " in hint:
            hint = f"{hint} ({_FOR_ONE_TARGET})"
        return mask_passwords_in_text(failure.message), hint
    message = exception_words(failure)
    return hide_secrets(mask_passwords_in_text(message), url), None


def failed_outcome(
    target: Target, error: str, hint: str | None, *, seconds: float = 0.0
) -> Outcome:
    """Return the outcome of a target whose migrations failed or could not be run."""
    return Outcome(
        name=target.name,
        database=database_of(target),
        result="failed",
        error=error,
        hint=hint,
        seconds=seconds,
    )
