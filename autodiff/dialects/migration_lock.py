"""The lock that one runner at a time holds on a database's migrations."""

from __future__ import annotations

import datetime as dt
import hashlib
from abc import ABC, abstractmethod
from dataclasses import dataclass

__all__ = ["Holder", "Lock", "lock_key"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who holds a lock: as the database or the lock says it, None for what is not known.

    `doing` is the statement that its session runs, or ran last; `end` is what ends it.
    """

    who: str
    since: dt.datetime | None = None
    doing: str | None = None
    end: str | None = None

    def __str__(self) -> str:
        since = f", since {self.since:%Y-%m-%d %H:%M:%S %Z}".rstrip() if self.since else ""
        doing = f", running: {' '.join(self.doing.split())[:120]}" if self.doing else ""
        return f"{self.who}{since}{doing}"


class Lock(ABC):
    """A lock, not taken yet.

    `in_transaction` says that it can be held for one transaction alone, since a pooler gives
    every transaction another session: `take` then belongs inside of it, and the end of the
    transaction releases it.
    """

    in_transaction: bool = False

    @abstractmethod
    def take(self, who: str) -> bool:
        """Whether it is ours now; one try, without waiting. `who` is told to those that wait."""

    @abstractmethod
    def release(self) -> None:
        """Gives it back. A process or session that ends gives it back too."""

    @abstractmethod
    def holder(self) -> Holder | None:
        """Who holds it, None where nobody does or it can't be told."""


def lock_key(*parts: str | None) -> bytes:
    """What stands for the parts: the same for each runner, and for no others."""
    text = "\0".join(("autodiff", *(part or "" for part in parts)))
    return hashlib.sha256(text.encode()).digest()
