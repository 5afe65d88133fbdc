"""The lock that only one runner at a time can hold on the migrations of a database."""

from __future__ import annotations

import datetime as dt
import hashlib
from abc import ABC, abstractmethod
from dataclasses import dataclass

from autodiff.dialects.scope import HISTORY_TABLE

__all__ = ["Holder", "Lock", "lock_key"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """The holder of a lock, as the database or the lock file reports it; None is unknown.

    `doing` is the statement that its session runs or ran last; `end` is a statement that ends the
    session.
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
    """A lock that is not taken yet.

    `in_transaction` means that a transaction holds the lock, because a pooler gives every
    transaction another session. Then `take` must be called inside of the transaction, whose end
    releases the lock. `ends_with_session` means that it is lost with the connection.
    """

    in_transaction: bool = False
    ends_with_session: bool = False

    @abstractmethod
    def take(self, who: str) -> bool:
        """Try once to take the lock, without waiting; `who` is shown to the runs that wait."""

    @abstractmethod
    def release(self) -> None:
        """Release the lock. It is also released when the process or session ends."""

    @abstractmethod
    def holder(self) -> Holder | None:
        """Return who holds the lock, or None if it is free or the holder is unknown."""


def lock_key(schema: str | None, history_table: str = HISTORY_TABLE) -> bytes:
    """Return a digest for the projects that share a history table.

    It is the same in each run, and no other program uses it.
    """
    own = () if history_table == HISTORY_TABLE else (history_table,)
    text = "\0".join(("autodiff", schema or "", *own))
    return hashlib.sha256(text.encode()).digest()
