"""Show the progress on many databases: a line on stderr for each result, and a bar below."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from autodiff.cli.fleet_format import outcome_text
from autodiff.cli.progress import (
    resumed_line,
    retried_line,
    start_bar,
    waiting_line,
)
from autodiff.cli.terminal import format_duration, print_above, print_lines, set_description
from autodiff.utils.quoting import one_line
from autodiff.utils.values import first_names

if TYPE_CHECKING:
    from rich.progress import Progress

    from autodiff.fleet import FleetEvent, FleetListener, Outcome
    from autodiff.runner.events import Event

__all__ = ["show_fleet_progress"]


@contextmanager
def show_fleet_progress(*, is_shown: bool = True) -> Iterator[FleetListener]:
    """Yield a listener that shows a run over many databases, and remove its bar at the end."""
    if not is_shown:
        yield lambda event: None
        return
    display = _Display()
    try:
        yield display
    finally:
        display.close()


class _Display:
    """A line for each finished target; on a terminal also a bar with the names of running ones."""

    def __init__(self) -> None:
        self._bar: Progress | None = None
        self._running: list[str] = []

    def __call__(self, event: FleetEvent) -> None:
        from autodiff.fleet import (
            TargetFinished,
            TargetProgress,
            TargetStarted,
            WaitingForCanaries,
        )

        match event:
            case TargetStarted(name=name, total=total):
                if self._bar is None and total > 1 and sys.stderr.isatty():
                    self._bar = start_bar(total)
                self._running.append(name)
                self._update()
            case TargetProgress(name=name, event=runner_event):
                self._show(name, runner_event)
            case TargetFinished(outcome=outcome):
                self._finish(outcome)
            case WaitingForCanaries(names=names):
                self._print(f"waiting for the canaries of other shards: {first_names(names)}")

    def close(self) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.stop()

    def _show(self, name: str, event: Event) -> None:
        from autodiff.runner.events import MigrationResumed, MigrationRetried, WaitingForLock

        match event:
            case WaitingForLock():
                self._print(f"{name}: {waiting_line(event)}")
            case MigrationRetried():
                self._print(f"{name}: {retried_line(event)}")
            case MigrationResumed():
                self._print(f"{name}: {resumed_line(event)}")

    def _finish(self, outcome: Outcome) -> None:
        self._running.remove(outcome.name)
        duration = format_duration(outcome.seconds or 0.0)
        self._print(f"{outcome.name} ... {outcome_text(outcome)} ({duration})")
        if self._bar is not None:
            self._bar.advance(self._bar.task_ids[0])
        self._update()

    def _print(self, line: str) -> None:
        if self._bar is not None:
            print_above(self._bar, line)
        else:
            print_lines([one_line(line)], sys.stderr)

    def _update(self) -> None:
        if self._bar is not None:
            names = ", ".join(self._running)
            set_description(self._bar, self._bar.task_ids[0], names)
