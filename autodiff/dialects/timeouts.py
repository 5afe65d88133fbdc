"""How long a migration may wait and run, and who is in its way."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace

__all__ = ["NO_LIMITS", "Blocker", "Limits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Seconds; 0 is for as long as it takes.

    lock: how long a statement waits for a lock. What waits for a lock makes others wait behind it.
    statement: how long a statement runs.
    retries: how often a migration that met a lock is tried again.
    """

    lock: float = 0.0
    statement: float = 0.0
    retries: int = 0

    def with_own(self, lock: float | None, statement: float | None) -> Limits:
        """The limits of a migration that says its own; None is as all others."""
        return replace(
            self,
            lock=self.lock if lock is None else lock,
            statement=self.statement if statement is None else statement,
        )


NO_LIMITS = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocker:
    """A session that holds what a migration waits for, and what it runs or ran last."""

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
