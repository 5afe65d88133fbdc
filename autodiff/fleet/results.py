"""The outcome and the status of each target, and the events of a run over many targets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from autodiff.runner.events import Direction, Event

__all__ = [
    "FleetEvent",
    "FleetListener",
    "Outcome",
    "Outcomes",
    "Result",
    "TargetFinished",
    "TargetProgress",
    "TargetStarted",
    "TargetStatus",
    "WaitingForCanaries",
]

Result: TypeAlias = Literal[
    "upgraded", "downgraded", "up to date", "failed", "stopped", "not started", "running"
]
"""`running` is only in the records of a run: a process started the target, and has not reported."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The outcome of a run on one target.

    database: its URL without the password, and its schema.
    before, after: the name of the last applied migration; None if there is none or it is unknown.
    migrations: the names of the migrations that were run completely.
    seconds: the duration; None if the target was not started.
    error, hint: why it failed, stopped or was not started, and what to do.
    shard: the part of the targets that it belongs to, such as "3/8", if the run is recorded.
    """

    name: str
    database: str
    result: Result
    before: str | None = None
    after: str | None = None
    migrations: tuple[str, ...] = ()
    seconds: float | None = None
    error: str | None = None
    hint: str | None = None
    shard: str | None = None

    @property
    def succeeded(self) -> bool:
        """Whether the target is now at the migration that was asked for."""
        return self.result in ("upgraded", "downgraded", "up to date")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """The outcomes of all targets, in their order; true if all of them succeeded.

    interrupted: whether Ctrl-C was pressed during the run.
    run: the name under which the outcomes are recorded; None if they are not.
    total: how many targets the run has in all shards; only set if these outcomes were read from
        its record, where some can be missing.
    """

    direction: Direction
    target: str
    outcomes: tuple[Outcome, ...]
    interrupted: bool = False
    run: str | None = None
    total: int | None = None

    def __iter__(self) -> Iterator[Outcome]:
        return iter(self.outcomes)

    def __len__(self) -> int:
        return len(self.outcomes)

    def __bool__(self) -> bool:
        return not self.missing and all(outcome.succeeded for outcome in self.outcomes)

    @property
    def missing(self) -> int:
        """How many targets of a recorded run have no outcome yet."""
        return max(0, (self.total or 0) - len(self.outcomes))

    def of(self, result: Result) -> list[Outcome]:
        """Return the outcomes with this result."""
        return [outcome for outcome in self.outcomes if outcome.result == result]


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetStatus:
    """The applied and pending migrations of one target.

    current: the name of the last applied migration. applied: how many are applied.
    pending: the names of the pending migrations.
    unfinished: the migration that stopped half-way, or that another process is running.
    error, hint: why the target could not be read, and what to do.
    """

    name: str
    database: str
    current: str | None = None
    applied: int = 0
    pending: tuple[str, ...] = ()
    unfinished: str | None = None
    error: str | None = None
    hint: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetStarted:
    """A run on a target was started; `position` of `total` counts from 1."""

    name: str
    position: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetProgress:
    """An event of the runner on a target."""

    name: str
    event: Event


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetFinished:
    """A run on a target has ended, with success or not."""

    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingForCanaries:
    """The run waits for canaries that other shards run."""

    names: tuple[str, ...]


FleetEvent: TypeAlias = TargetStarted | TargetProgress | TargetFinished | WaitingForCanaries
FleetListener: TypeAlias = Callable[[FleetEvent], None]
"""Called by one thread at a time, but not always by the same one."""
