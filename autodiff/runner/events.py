"""What the runner tells while it works: facts, which the command line turns into lines.

A listener that raises at a MigrationStarted ends the run there: nothing of that migration is done,
and those before it stay.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = [
    "BackfillProgress",
    "Direction",
    "Event",
    "HookCalled",
    "Listener",
    "MigrationFinished",
    "MigrationResumed",
    "MigrationRetried",
    "MigrationSkipped",
    "MigrationStarted",
    "StatementRun",
    "WaitingForLock",
]
__all__ += ["ignore"]

Direction: TypeAlias = Literal["upgrade", "downgrade"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationStarted:
    """A migration begins; `position` of `total`, from 1."""

    revision: str
    name: str
    direction: Direction
    position: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementRun:
    """A statement is about to be sent."""

    sql: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationFinished:
    """A migration is done and recorded, after so many seconds."""

    revision: str
    name: str
    direction: Direction
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationSkipped:
    """A migration is recorded and not run: it is not for this kind of `database`."""

    revision: str
    name: str
    direction: Direction
    database: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillProgress:
    """Another batch of a table's rows is filled: `done` of the `total` that there are to fill."""

    table: str
    done: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HookCalled:
    """A hook is about to be called: its name, and "module:function"."""

    hook: str
    function: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingForLock:
    """Another runner holds the lock; `holder` says who, where that is known."""

    holder: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationResumed:
    """A migration that stopped half-way goes on (or is taken back); `steps` were done before."""

    revision: str
    name: str
    direction: Direction
    steps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationRetried:
    """A migration met a lock and is tried again in so many seconds; `blockers` hold it."""

    revision: str
    name: str
    attempt: int
    seconds: float
    blockers: tuple[str, ...]


Event: TypeAlias = (
    MigrationStarted
    | StatementRun
    | BackfillProgress
    | HookCalled
    | MigrationFinished
    | MigrationResumed
    | MigrationRetried
    | MigrationSkipped
    | WaitingForLock
)
Listener: TypeAlias = Callable[[Event], None]


def ignore(event: Event) -> None:
    """A listener that does nothing."""
