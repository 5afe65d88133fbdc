"""The runner's events as lines on stderr, or as a bar where a person waits for several."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.progress import Progress

    from autodiff.run.events import Event, Listener

__all__ = ["progress"]


@contextmanager
def progress() -> Iterator[Listener]:
    """A listener for the runner; what it shows is finished at the end, also when a run fails."""
    shown = _Shown()
    try:
        yield shown
    finally:
        shown.close()


class _Shown:
    """One line a migration; with several of them, and on a terminal, a bar below the lines."""

    def __init__(self) -> None:
        self._bar: Progress | None = None
        self._half_line = False

    def __call__(self, event: Event) -> None:
        from autodiff.run.events import MigrationFinished, MigrationStarted

        match event:
            case MigrationStarted(name=name, position=position, total=total):
                self._start(name, position, total)
            case MigrationFinished(name=name, seconds=seconds):
                self._finish(name, seconds)

    def close(self) -> None:
        """Ends the bar, or the line that is half written."""
        if self._bar is not None:
            self._bar.stop()
        if self._half_line:
            typer.echo("stopped", err=True)

    def _start(self, name: str, position: int, total: int) -> None:
        if self._bar is None and total > 1 and sys.stderr.isatty():
            self._bar = _bar(total)
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], description=name, completed=position - 1)
            return
        typer.echo(f"{name} ... ", err=True, nl=False)
        self._half_line = True

    def _finish(self, name: str, seconds: float) -> None:
        if self._bar is not None:
            self._bar.console.print(f"{name} ... {_duration(seconds)}", highlight=False)
            self._bar.advance(self._bar.task_ids[0])
            return
        typer.echo(_duration(seconds), err=True)
        self._half_line = False


def _bar(total: int) -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}", markup=False))
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    bar.add_task("", total=total)
    bar.start()
    return bar


def _duration(seconds: float) -> str:
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    minutes, rest = divmod(seconds, 60)
    return f"{minutes:.0f} min {rest:.0f} s" if minutes else f"{rest:.1f} s"
