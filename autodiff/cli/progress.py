"""The runner's events as lines on stderr, or as a bar where a person waits for several."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from autodiff.runner.events import BackfillProgress, Event, Listener

__all__ = ["bar", "duration", "progress"]


@contextmanager
def progress() -> Iterator[Listener]:
    """A listener for the runner; what it shows is finished at the end, also when a run fails."""
    shown = _Shown()
    try:
        yield shown
    finally:
        shown.close()


class _Shown:
    """One line a migration; on a terminal a bar below the lines, for several and for many rows."""

    def __init__(self) -> None:
        self._bar: Progress | None = None
        self._rows: TaskID | None = None
        self._half_line = False
        self._name = ""

    def __call__(self, event: Event) -> None:
        from autodiff.runner.events import (
            BackfillProgress,
            HookCalled,
            MigrationFinished,
            MigrationResumed,
            MigrationRetried,
            MigrationSkipped,
            MigrationStarted,
            WaitingForLock,
        )

        match event:
            case HookCalled(hook=hook, function=function) if not hook.endswith("_migration"):
                self._say(f"{hook}: {function}")
            case WaitingForLock(holder=holder):
                self._say(f"waiting for another run: {holder or 'it ends soon'}")
            case MigrationRetried(name=name, seconds=seconds, blockers=blockers):
                self._say(f"{name} met a lock; once more in {duration(seconds)}")
                for blocker in blockers:
                    self._say(f"  held by {blocker}")
            case MigrationResumed(name=name, steps=steps):
                self._say(f"{name} had stopped half-way, with {steps} steps done")
            case MigrationSkipped(name=name, database=database):
                self._say(f"{name} ... not for {database}")
            case MigrationStarted(name=name, position=position, total=total):
                self._start(name, position, total)
            case BackfillProgress() if sys.stderr.isatty():
                self._fill(event)
            case MigrationFinished(name=name, seconds=seconds):
                self._finish(name, seconds)

    def close(self) -> None:
        """Ends the bar, or the line that is half written."""
        if self._bar is not None:
            self._bar.stop()
        if self._half_line:
            typer.echo("stopped", err=True)

    def _say(self, line: str) -> None:
        if self._half_line:
            typer.echo("", err=True)
            self._half_line = False
        if self._bar is not None:
            self._bar.console.print(line, highlight=False, markup=False)
            return
        typer.echo(line, err=True)

    def _start(self, name: str, position: int, total: int) -> None:
        self._name = name
        if self._bar is None and total > 1 and sys.stderr.isatty():
            self._bar = bar(total)
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], description=name, completed=position - 1)
            return
        typer.echo(f"{name} ... ", err=True, nl=False)
        self._half_line = True

    def _fill(self, event: BackfillProgress) -> None:
        """A bar for the rows of a table; it takes the place of a line that is half written."""
        if self._bar is None:
            typer.echo("\r\x1b[2K", err=True, nl=False)
            self._half_line = False
            self._bar = bar(1)
            self._bar.update(self._bar.task_ids[0], description=self._name)
        if self._rows is None:
            self._rows = self._bar.add_task(f"rows of {event.table}", total=event.total)
        self._bar.update(self._rows, completed=event.done)
        if event.done >= event.total:
            self._end_rows(self._bar)

    def _end_rows(self, bar: Progress) -> None:
        if self._rows is not None:
            bar.remove_task(self._rows)
            self._rows = None

    def _finish(self, name: str, seconds: float) -> None:
        if self._bar is not None:
            self._end_rows(self._bar)
            self._bar.console.print(f"{name} ... {duration(seconds)}", highlight=False)
            self._bar.advance(self._bar.task_ids[0])
            return
        typer.echo(duration(seconds), err=True)
        self._half_line = False


def bar(total: int) -> Progress:
    """A bar on stderr, begun, with one task."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}", markup=False))
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    bar.add_task("", total=total)
    bar.start()
    return bar


def duration(seconds: float) -> str:
    """Seconds as a person says them: 35 ms, 1.2 s, 3 min 4 s."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    minutes, rest = divmod(seconds, 60)
    return f"{minutes:.0f} min {rest:.0f} s" if minutes else f"{rest:.1f} s"
