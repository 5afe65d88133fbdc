"""What came of each target, and what is told meanwhile: facts."""

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
    "Standing",
    "TargetFinished",
    "TargetStarted",
    "TargetTold",
]

Result: TypeAlias = Literal[
    "upgraded", "downgraded", "up to date", "failed", "stopped", "not begun"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one target.

    database: its URL without the password, and its schema.
    before, after: the migration that was applied last, by name; None for none, or not known.
    migrations: those that were run to their end, by name.
    seconds: how long it took; None where it was not begun.
    error, hint: why it failed, stopped or was not begun, and what to do.
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

    @property
    def is_well(self) -> bool:
        """Whether it is where it should be."""
        return self.result in ("upgraded", "downgraded", "up to date")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """What came of all targets, in their order; true where each is where it should be.

    interrupted: Ctrl-C was pressed meanwhile.
    """

    direction: Direction
    target: str
    outcomes: tuple[Outcome, ...]
    interrupted: bool = False

    def __iter__(self) -> Iterator[Outcome]:
        return iter(self.outcomes)

    def __len__(self) -> int:
        return len(self.outcomes)

    def __bool__(self) -> bool:
        return all(outcome.is_well for outcome in self.outcomes)

    def of(self, result: Result) -> list[Outcome]:
        """Those that ended so."""
        return [outcome for outcome in self.outcomes if outcome.result == result]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where one target stands.

    current: the migration that was applied last, by name. pending: those that are not, by name.
    unfinished: the migration that stopped half-way, or that another process is at.
    error, hint: why it could not be asked, and what to do.
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
    """A target is begun; `position` of `total`, from 1."""

    name: str
    position: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetTold:
    """What the runner tells of a target."""

    name: str
    event: Event


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetFinished:
    """A target has come to its end, well or not."""

    outcome: Outcome


FleetEvent: TypeAlias = TargetStarted | TargetTold | TargetFinished
FleetListener: TypeAlias = Callable[[FleetEvent], None]
"""Called by one thread at a time, though not always by the same one."""
