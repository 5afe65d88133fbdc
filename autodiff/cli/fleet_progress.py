"""The progress of many databases: a line on stderr for each that is done, and a bar below."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from autodiff.cli.fleet_format import told
from autodiff.cli.progress import bar, duration

if TYPE_CHECKING:
    from rich.progress import Progress

    from autodiff.fleet import FleetEvent, FleetListener, Outcome
    from autodiff.runner.events import Event

__all__ = ["fleet_progress"]


@contextmanager
def fleet_progress() -> Iterator[FleetListener]:
    """A listener for a run over many databases; its bar is gone at the end."""
    shown = _Shown()
    try:
        yield shown
    finally:
        shown.close()


class _Shown:
    """One line a target that is done; on a terminal a bar that says which are under way."""

    def __init__(self) -> None:
        self._bar: Progress | None = None
        self._under_way: list[str] = []

    def __call__(self, event: FleetEvent) -> None:
        from autodiff.fleet import TargetFinished, TargetStarted, TargetTold

        match event:
            case TargetStarted(name=name, total=total):
                if self._bar is None and total > 1 and sys.stderr.isatty():
                    self._bar = bar(total)
                self._under_way.append(name)
                self._update()
            case TargetTold(name=name, event=inner):
                self._tell(name, inner)
            case TargetFinished(outcome=outcome):
                self._finish(outcome)

    def close(self) -> None:
        """Ends the bar."""
        if self._bar is not None:
            self._bar.stop()

    def _tell(self, name: str, event: Event) -> None:
        from autodiff.runner.events import MigrationResumed, MigrationRetried, WaitingForLock

        match event:
            case WaitingForLock(holder=holder):
                self._say(f"{name}: waiting for another run: {holder or 'it ends soon'}")
            case MigrationRetried(name=migration, seconds=seconds):
                self._say(f"{name}: {migration} met a lock; once more in {duration(seconds)}")
            case MigrationResumed(name=migration, steps=steps):
                self._say(f"{name}: {migration} had stopped half-way, with {steps} steps done")

    def _finish(self, outcome: Outcome) -> None:
        self._under_way.remove(outcome.name)
        self._say(f"{outcome.name} ... {told(outcome)} ({duration(outcome.seconds or 0.0)})")
        if self._bar is not None:
            self._bar.advance(self._bar.task_ids[0])
        self._update()

    def _say(self, line: str) -> None:
        if self._bar is not None:
            self._bar.console.print(line, highlight=False, markup=False)
        else:
            typer.echo(line, err=True)

    def _update(self) -> None:
        if self._bar is not None:
            names = ", ".join(self._under_way)
            self._bar.update(self._bar.task_ids[0], description=names)
