"""Record the outcomes of a run, and see those that the other shards of the run have recorded."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from autodiff.errors import ConfigError
from autodiff.fleet.results import Outcome, Outcomes
from autodiff.fleet.store import OutcomeStore, StoredRun, default_url, open_store
from autodiff.fleet.target_run import database_of
from autodiff.fleet.targets import Shard, Target
from autodiff.utils.connections import parse_url
from autodiff.utils.quoting import one_line
from autodiff.utils.values import first_names

if TYPE_CHECKING:
    from sqlalchemy import URL

    from autodiff.config import Config
    from autodiff.migrations import Graph
    from autodiff.runner.events import Direction

__all__ = ["RunRecord", "migrations_hash", "open_record", "outcomes_url", "recorded_outcomes"]

_POLL_SECONDS = 0.5
"""How often the outcomes of canaries in other shards are read."""
_NAME_LENGTH = 200
_MAX_NAMES = 5


def outcomes_url(config: Config, text: str | URL | None) -> URL:
    """Return the URL of the database for outcomes; by default a file in the project's folder.

    Raises ConfigError if the URL is invalid.
    """
    if text is None:
        return default_url(config.root)
    try:
        if isinstance(text, str):
            text = config.with_variables(text)
        else:
            text = text.render_as_string(hide_password=False)
        return parse_url(text, config.root)
    except ConfigError as error:
        raise ConfigError(f"outcomes: {error.line}", hint=error.hint) from error


def run_name(name: str | None, shard: Shard | None) -> str:
    """Return the name of a run: the given one, that of the array of jobs, or a new one.

    Raises ConfigError for a shard without a name: the others could not find its outcomes.
    """
    if name is None and shard is not None and shard.job is not None:
        return shard.job
    if name is None and shard is not None:
        raise ConfigError(
            f"the shard {shard} has no name of a run, so that it cannot see the other shards",
            hint="pass the same --run NAME to all shards of a run",
        )
    if name is None:
        return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{uuid4().hex[:6]}"
    if not name.strip() or len(name) > _NAME_LENGTH or one_line(name) != name:
        raise ConfigError(
            f"invalid name of a run: {name[:_NAME_LENGTH]!r}",
            hint=f"use 1 to {_NAME_LENGTH} printable characters",
        )
    return name


def migrations_hash(graph: Graph, direction: Direction, target: str) -> str:
    """Return a hash of the migrations that a run applies, or of those that it keeps."""
    if direction == "upgrade":
        revisions = [migration.revision for migration in graph.upgrades(target, ())]
    else:
        revisions = sorted(graph.reach(target)) if target != "base" else []
    digests = [f"{revision} {graph[revision].digest}" for revision in revisions]
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()


@contextmanager
def open_record(url: URL, run: StoredRun, shard: Shard | None) -> Iterator[RunRecord]:
    """Connect to the outcomes of a run, which is begun or resumed.

    Raises DatabaseError if the database cannot be used, ConfigError if the run of this name does
    something else.
    """
    with open_store(url) as store:
        stored = store.begin(run)
        for value, text in (
            ("direction", f"is {_article(stored.direction)}"),
            ("target", f"leads to {stored.target}"),
            ("migrations", "has other migrations"),
        ):
            if getattr(stored, value) != getattr(run, value):
                raise ConfigError(
                    f"the run {run.name!r} exists and {text}", hint="choose another --run NAME"
                )
        yield RunRecord(store, run.name, shard)


def _article(direction: str) -> str:
    return f"{'an' if direction[0] in 'aeiou' else 'a'} {direction}"


def recorded_outcomes(url: URL, name: str | None) -> Outcomes:
    """Return the outcomes of a run, as far as its shards have recorded them.

    Raises ConfigError if there is no run of this name, DatabaseError if the database cannot be
    read.
    """
    with open_store(url, create=False) as store:
        run = store.find(name) if name is not None else None
        if run is None:
            known = [stored.name for stored in store.runs()]
            listed = ", ".join(known[-_MAX_NAMES:]) or "none"
            raise ConfigError(
                "no run is named" if name is None else f"unknown run {name!r}",
                hint=f"pass --run NAME; recorded are: {listed}",
            )
        outcomes = tuple(stored.outcome for stored in store.outcomes(run.name))
    return Outcomes(
        direction="downgrade" if run.direction == "downgrade" else "upgrade",
        target=run.target,
        outcomes=outcomes,
        run=run.name,
        total=run.total,
    )


class RunRecord:
    """The outcomes of one run, as one of its shards reads and records them.

    A shard that was started before in this run repeats what did not succeed. Failures from before
    its start are not counted again: the other shards repeat them too.
    """

    def __init__(self, store: OutcomeStore, run: str, shard: Shard | None) -> None:
        self.run = run
        self._store = store
        self._shard = None if shard is None else str(shard)
        stored = store.outcomes(run)
        self.done = {s.outcome.name: s.outcome for s in stored if s.outcome.succeeded}
        """The outcomes of the targets that need not be run again."""
        unsuccessful = {s.stamp for s in stored if not s.outcome.succeeded}
        is_repeated = any(self._is_not_beside(s.outcome.shard) for s in stored)
        self._earlier = unsuccessful if is_repeated else set[str]()

    def _is_not_beside(self, other: str | None) -> bool:
        """Return whether an outcome is of this shard, or of another division of the targets."""
        if self._shard is None or other is None or self._shard == other:
            return True
        return self._shard.partition("/")[2] != other.partition("/")[2]

    def start(self, target: Target) -> None:
        """Record that a target is started."""
        running = Outcome(name=target.name, database=database_of(target), result="running")
        self._store.put(self.run, replace(running, shard=self._shard))

    def finish(self, outcome: Outcome) -> None:
        """Record the outcome of a target."""
        self._store.put(self.run, replace(outcome, shard=self._shard))

    def finish_all(self, outcomes: Sequence[Outcome]) -> None:
        """Record many outcomes with few statements."""
        self._store.put_all(self.run, [replace(o, shard=self._shard) for o in outcomes])

    def failures(self) -> int:
        """Return how many targets have failed in all shards."""
        return len(self._store.stamps(self.run, "failed") - self._earlier)

    def wait_for(
        self, names: Sequence[str], seconds: float, sleep: Callable[[float], None] = time.sleep
    ) -> str | None:
        """Wait until other shards have run their canaries; return why the run must stop, or None.

        Args:
            names: The names of the canaries.
            seconds: How long to wait.
            sleep: Called with the seconds until the outcomes are read again.
        """
        end = time.monotonic() + seconds
        while True:
            missing, failed = self._canaries(names)
            if failed is not None:
                return _canary_reason(failed)
            if not missing:
                return None
            if time.monotonic() >= end:
                return (
                    f"no shard finished the canaries {first_names(missing)} in {seconds:g} "
                    "seconds: start all shards with the same --run and --outcomes, or wait longer "
                    "with --canary-wait"
                )
            sleep(min(_POLL_SECONDS, max(0.0, end - time.monotonic())))

    def _canaries(self, names: Sequence[str]) -> tuple[list[str], Outcome | None]:
        """Return the canaries without an outcome, and the first one that did not succeed."""
        recent = {
            stored.outcome.name: stored.outcome
            for stored in self._store.outcomes(self.run, names)
            if stored.stamp not in self._earlier and stored.outcome.result != "running"
        }
        failed = [recent[n] for n in names if n in recent and not recent[n].succeeded]
        return [name for name in names if name not in recent], failed[0] if failed else None


def _canary_reason(outcome: Outcome) -> str:
    place = f" in shard {outcome.shard}" if outcome.shard else ""
    match outcome.result:
        case "failed":
            return f"the canary {outcome.name}{place} failed"
        case "stopped":
            return f"the canary {outcome.name}{place} was stopped"
    return f"the canary {outcome.name}{place} was not started"
