"""Run targets one after the other or at the same time, and stop when enough have failed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from autodiff.errors import AutodiffError
from autodiff.fleet.pool import WorkerPool
from autodiff.fleet.results import (
    FleetEvent,
    FleetListener,
    Outcome,
    TargetFinished,
    TargetStarted,
    WaitingForCanaries,
)
from autodiff.fleet.settings import FleetSettings
from autodiff.fleet.target_run import database_of
from autodiff.fleet.targets import Target
from autodiff.utils.counting import counted

if TYPE_CHECKING:
    from autodiff.fleet.record import RunRecord

__all__ = ["FleetRun", "not_started"]


class FleetRun:
    """One run over many targets: its worker pool, its counters, and the reason why it stopped."""

    def __init__(
        self, settings: FleetSettings, on_event: FleetListener, record: RunRecord | None
    ) -> None:
        self._on_event = on_event
        self._settings = settings
        self._record = record
        self._lock = threading.Lock()
        self._started = 0
        self._failures = 0
        self._total = 0
        self._reason: str | None = None
        self._run_one: Callable[[Target], Outcome]
        self.pool: WorkerPool[Target, Outcome] = WorkerPool(self._process, settings.parallel)

    @property
    def reason(self) -> str:
        """Why no more targets are started."""
        return self._reason or "interrupted"

    def is_interrupted(self) -> bool:
        """Return whether Ctrl-C was pressed."""
        return self.pool.interrupted

    def notify(self, event: FleetEvent) -> None:
        """Call the listener, in one thread at a time."""
        with self._lock:
            self._on_event(event)

    def stop(self, reason: str) -> None:
        """Start no more targets, for this reason or for an earlier one."""
        self._reason = self._reason or reason
        self.pool.stop()

    def run(
        self,
        run_one: Callable[[Target], Outcome],
        targets: Sequence[Target],
        canaries: Sequence[str],
    ) -> dict[str, Outcome]:
        """Run the canaries and then the other targets; return the outcomes by name.

        Targets that were not started have none. `run_one` runs the migrations on a target.
        `canaries` can include those of other shards.
        """
        self._run_one = run_one
        done = dict(self._record.done) if self._record else {}
        pending = [target for target in targets if target.name not in done]
        names = set(canaries)
        outcomes = {target.name: done[target.name] for target in targets if target.name in done}
        self._total = len(pending)
        outcomes |= self._run_pool([target for target in pending if target.name in names])
        failed = [name for name in canaries if name in outcomes and not outcomes[name].succeeded]
        others = [target for target in pending if target.name not in names]
        if failed and not self.pool.is_stopped:
            self.stop(f"the canary {failed[0]} failed")
        elif others:
            finished = done.keys() | outcomes.keys()
            self._wait_for([name for name in canaries if name not in finished])
        return outcomes | self._run_pool(others)

    def _run_pool(self, targets: Sequence[Target]) -> dict[str, Outcome]:
        found = self.pool.run_all(targets).values()
        return {outcome.name: outcome for outcome in found if outcome.result != "not started"}

    def _wait_for(self, canaries: Sequence[str]) -> None:
        """Wait for the canaries of other shards; stop the run if one does not succeed."""
        if not canaries or self._record is None or self.pool.is_stopped:
            return
        self.notify(WaitingForCanaries(names=tuple(canaries)))
        try:
            reason = self._record.wait_for(canaries, self._settings.canary_wait)
        except KeyboardInterrupt:
            self.pool.interrupt()
            return
        except AutodiffError as error:
            reason = f"the outcomes cannot be read: {error.line}"
        if reason is not None:
            self.stop(reason)

    def _process(self, target: Target) -> Outcome:
        """Run the migrations on one target, with its events and its record."""
        if (reason := self._reason_to_stop(target)) is not None:
            self.stop(reason)
            return not_started(target, self.reason)
        with self._lock:
            self._started += 1
            event = TargetStarted(name=target.name, position=self._started, total=self._total)
            self._on_event(event)
        outcome = self._run_one(target)
        self.notify(TargetFinished(outcome=outcome))
        self._finish(outcome)
        return outcome

    def _reason_to_stop(self, target: Target) -> str | None:
        """Return why a target must not be started; otherwise record that it is."""
        if self._record is None:
            return None
        try:
            if reason := self._too_many_failures():
                return reason
            self._record.start(target)
        except AutodiffError as error:
            return f"the outcomes cannot be recorded: {error.line}"
        return None

    def _finish(self, outcome: Outcome) -> None:
        with self._lock:
            self._failures += outcome.result == "failed"
        try:
            if self._record is not None and outcome.result != "not started":
                self._record.finish(outcome)
            reason = self._too_many_failures() if outcome.result == "failed" else None
        except AutodiffError as error:
            reason = f"the outcomes cannot be recorded: {error.line}"
        if reason is not None:
            self.stop(reason)

    def _too_many_failures(self) -> str | None:
        """Return why no more targets are started if enough have failed, in all shards."""
        limit = self._settings.stop_after
        if limit is None:
            return None
        failures = self._failures if self._record is None else self._record.failures()
        if failures < limit:
            return None
        count = counted(failures, "target")
        return f"{count} failed, the limit set by stop_after"


def not_started(target: Target, reason: str) -> Outcome:
    """Return the outcome of a target that was not started."""
    return Outcome(
        name=target.name,
        database=database_of(target),
        result="not started",
        error=reason,
        hint="run the same command again: finished targets are skipped",
    )
