"""The time limits of a migration, and the sessions that block it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace

__all__ = ["NO_LIMITS", "Blocker", "Limits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Time limits in seconds; 0 is no limit.

    lock: how long a statement waits for a lock. Other sessions wait behind it during that time.
    statement: how long a statement runs.
    retries: how often a migration is retried after a lock timeout or a deadlock.
    """

    lock: float = 0.0
    statement: float = 0.0
    retries: int = 0

    def with_own(self, lock: float | None, statement: float | None) -> Limits:
        """Return the limits with those that a migration file sets; None keeps the limit."""
        return replace(
            self,
            lock=self.lock if lock is None else lock,
            statement=self.statement if statement is None else statement,
        )


NO_LIMITS = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocker:
    """A session that holds a lock that a migration waits for, with its last statement."""

    who: str
    session: int
    since: dt.datetime | None = None
    state: str | None = None
    query: str | None = None

    def __str__(self) -> str:
        parts = [f"{self.who}, session {self.session}"]
        parts += [f"in a transaction since {self.since:%H:%M:%S}"] if self.since else []
        parts += [self.state] if self.state else []
        parts += [f"last statement: {' '.join(self.query.split())[:160]}"] if self.query else []
        return ", ".join(parts)
