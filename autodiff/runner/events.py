"""Define the events that the runner emits; the command line turns them into lines.

A listener that raises stops the run, like a migration that fails at that point: on a
MigrationStarted, nothing of that migration is done; on a MigrationFinished, it stays applied.
Those before it stay applied.
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
    """A migration begins; it is number `position` of `total`."""

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
    """A migration is done and recorded after `seconds`."""

    revision: str
    name: str
    direction: Direction
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationSkipped:
    """A migration is recorded and not run, because it is for other kinds of databases."""

    revision: str
    name: str
    direction: Direction
    database: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillProgress:
    """Another batch of a table's rows is filled: `done` of `total` rows."""

    table: str
    done: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HookCalled:
    """A hook is about to be called: its name and "module:function"."""

    hook: str
    function: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingForLock:
    """Another runner holds the lock; `holder` is None if it is unknown."""

    holder: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationResumed:
    """A migration that stopped half-way is resumed or undone; `steps` were finished before."""

    revision: str
    name: str
    direction: Direction
    steps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationRetried:
    """A migration met a lock that `blockers` hold, and is retried after `seconds`."""

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
    """Ignore an event."""
