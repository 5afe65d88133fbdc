"""Wait for the lock of a database's migrations, and report who holds it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace

from sqlalchemy.exc import SQLAlchemyError

from autodiff.dialects.migration_lock import Holder, Lock
from autodiff.errors import LockedError
from autodiff.runner.events import Listener, WaitingForLock
from autodiff.runner.journal import Entry

__all__ = ["LockWait", "locked", "wait_for"]

_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0
"""Seconds between two attempts: short runs are not noticed, and long ones are not flooded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LockWait:
    """How long to wait for the lock, in seconds, and where to report it.

    who: the name that the lock is taken under. under_way: returns the run that the journal has as
    running, None if there is none. sleep and now: passed in so that tests need not wait.
    """

    seconds: float
    who: str
    on_event: Listener
    under_way: Callable[[], Entry | None] = lambda: None
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], float] = time.monotonic


@contextmanager
def locked(lock: Lock, wait: LockWait) -> Iterator[None]:
    """Hold a session's lock; one of a transaction is taken in each transaction instead.

    Raises LockedError if another run holds it for longer than `wait` allows.
    """
    if lock.in_transaction:
        yield
        return
    wait_for(lock, wait)
    try:
        yield
    finally:
        with suppress(SQLAlchemyError):  # the server has released the lock of a lost connection
            lock.release()


def wait_for(lock: Lock, wait: LockWait, between: Callable[[], None] | None = None) -> None:
    """Try until the lock is taken, at growing intervals that differ from one waiter to another.

    `between` is called after each attempt that failed.
    """
    started = wait.now()
    pause = _FIRST_PAUSE
    reported = False
    while not lock.take(wait.who):
        holder = _named(lock.holder(), wait.under_way)
        if between is not None:
            between()
        waited = wait.now() - started
        if waited >= wait.seconds:
            raise _refused(holder, waited)
        if not reported and waited > pause:
            wait.on_event(WaitingForLock(holder=str(holder) if holder else None))
            reported = True
        wait.sleep(min(pause * random.uniform(0.5, 1.5), wait.seconds - waited))
        pause = min(pause * 1.5, _LONGEST_PAUSE)


def _named(holder: Holder | None, under_way: Callable[[], Entry | None]) -> Holder | None:
    """Return the holder, with what the journal knows if the lock knows only a session."""
    if holder is None or holder.since is not None:
        return holder
    entry = under_way()
    if entry is None or entry.outcome != "running":
        return holder
    who = f"{entry.actor} ({holder.who}), at {entry.name}"
    return replace(holder, who=who, since=entry.started_at)


def _refused(holder: Holder | None, waited: float) -> LockedError:
    who = str(holder) if holder else "an unknown session"
    end = f"; if it hangs: {holder.end}" if holder and holder.end else ""
    return LockedError(
        f"another run holds the lock of this database's migrations: {who}; "
        f"gave up after {waited:.0f} s",
        hint=f"try again when it is done, or wait longer: --lock-wait 600{end}",
    )
