"""Show the events of the runner on stderr: as lines, or on a terminal as a progress bar."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from autodiff.cli.activity import Activity
from autodiff.cli.terminal import (
    add_task,
    clear_line,
    format_duration,
    print_above,
    print_lines,
    set_description,
)
from autodiff.utils.counting import counted
from autodiff.utils.quoting import one_line

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from autodiff.runner.events import (
        BackfillProgress,
        Event,
        Listener,
        MigrationResumed,
        MigrationRetried,
        WaitingForLock,
    )

__all__ = [
    "resumed_line",
    "retried_line",
    "show_progress",
    "start_bar",
    "waiting_line",
]

_FIRST_ROWS_PAUSE, _LONGEST_ROWS_PAUSE = 2.0, 60.0
"""Seconds between two lines about the rows of a backfill; doubled each time: logs stay short."""


@contextmanager
def show_progress(*, is_shown: bool = True) -> Iterator[Listener]:
    """Yield a listener that shows a run, and end its last line at the end, also after an error."""
    if not is_shown:
        yield lambda event: None
        return
    display = _Display()
    try:
        yield display
    finally:
        display.close()


def waiting_line(event: WaitingForLock) -> str:
    """Return the line for a run that waits for the lock."""
    return f"waiting for another run: {event.holder}" if event.holder else "waiting for another run"


def retried_line(event: MigrationRetried) -> str:
    """Return the line for a migration that could not get a lock and will be retried."""
    return f"{event.name} could not get a lock; next attempt in {format_duration(event.seconds)}"


def resumed_line(event: MigrationResumed) -> str:
    """Return the line for a migration that stopped half-way in an earlier run."""
    steps = counted(event.steps, "finished step")
    return f"{event.name} stopped half-way in an earlier run, after {steps}"


class _Display:
    """A line for each migration; on a terminal a bar for several migrations or for many rows."""

    def __init__(self) -> None:
        self._bar: Progress | None = None
        self._rows_task: TaskID | None = None
        self._line_is_open = False
        self._name = ""
        self._activity: Activity | None = None
        self._rows_table: str | None = None
        self._rows_printed = 0.0
        self._rows_pause = _FIRST_ROWS_PAUSE

    def __call__(self, event: Event) -> None:
        from autodiff.runner.events import (
            BackfillProgress,
            HookCalled,
            MigrationFinished,
            MigrationResumed,
            MigrationRetried,
            MigrationSkipped,
            MigrationStarted,
            StatementRun,
            WaitingForLock,
        )

        if not isinstance(event, MigrationStarted | StatementRun):
            self._end_activity()
        match event:
            case HookCalled(hook=hook, function=function) if not hook.endswith("_migration"):
                self._print(f"{hook}: {function}")
            case WaitingForLock():
                self._print(waiting_line(event))
            case MigrationRetried(blockers=blockers):
                self._print(retried_line(event))
                for blocker in blockers:
                    self._print(f"  held by {blocker}")
            case MigrationResumed():
                self._print(resumed_line(event))
            case MigrationSkipped(name=name, database=database):
                self._print(f"{name} ... not for {database}")
            case MigrationStarted(name=name, position=position, total=total):
                self._start(name, position, total)
            case BackfillProgress() if sys.stderr.isatty():
                self._show_rows(event)
            case BackfillProgress():
                self._print_rows(event)
            case MigrationFinished(name=name, seconds=seconds):
                self._finish(name, seconds)

    def close(self) -> None:
        """Remove the bar, and end a line that is still open."""
        self._end_activity()
        if self._bar is not None:
            self._bar.stop()
        if self._line_is_open:
            self._write("stopped")

    def _print(self, line: str) -> None:
        if self._line_is_open:
            self._write("")
            self._line_is_open = False
        if self._bar is not None:
            print_above(self._bar, line)
            return
        self._write(one_line(line))

    def _write(self, text: str, end: str = "\n") -> None:
        print_lines([text], sys.stderr, end=end)

    def _start(self, name: str, position: int, total: int) -> None:
        self._name = name
        if self._bar is None and total > 1 and sys.stderr.isatty():
            self._bar = start_bar(total)
        if self._bar is not None:
            set_description(self._bar, self._bar.task_ids[0], name)
            self._bar.update(self._bar.task_ids[0], completed=position - 1)
            return
        self._write(f"{one_line(name)} ... ", end="")
        self._line_is_open = True
        self._activity = Activity(name, self._print, self._clear_open_line)
        self._activity.start()

    def _clear_open_line(self) -> None:
        """Make room for the spinner."""
        clear_line()
        self._line_is_open = False

    def _end_activity(self) -> None:
        activity, self._activity = self._activity, None
        if activity is not None:
            activity.stop()

    def _show_rows(self, event: BackfillProgress) -> None:
        """Show how many rows of a table are filled, in a bar that replaces an open line."""
        if self._bar is None:
            clear_line()
            self._line_is_open = False
            self._bar = start_bar(1)
            set_description(self._bar, self._bar.task_ids[0], self._name)
        if self._rows_task is None:
            self._rows_task = add_task(self._bar, f"rows of {event.table}", event.total)
        self._bar.update(self._rows_task, completed=event.done)
        if event.done >= event.total:
            self._end_rows(self._bar)

    def _print_rows(self, event: BackfillProgress) -> None:
        """Print a line now and then, so that a log shows that a long backfill goes on."""
        now = time.monotonic()
        if self._rows_table != event.table:
            self._rows_table, self._rows_printed = event.table, now
            self._rows_pause = _FIRST_ROWS_PAUSE
            return
        if now - self._rows_printed < self._rows_pause:
            return
        self._rows_printed = now
        self._rows_pause = min(self._rows_pause * 2, _LONGEST_ROWS_PAUSE)
        share = event.done * 100 // max(event.total, 1)
        self._print(f"  {event.table}: {event.done:,} of {event.total:,} rows ({share} %)")

    def _end_rows(self, bar: Progress) -> None:
        if self._rows_task is not None:
            bar.remove_task(self._rows_task)
            self._rows_task = None

    def _finish(self, name: str, seconds: float) -> None:
        if self._bar is not None:
            self._end_rows(self._bar)
            print_above(self._bar, f"{name} ... {format_duration(seconds)}")
            self._bar.advance(self._bar.task_ids[0])
            return
        start = "" if self._line_is_open else f"{one_line(name)} ... "
        self._write(f"{start}{format_duration(seconds)}")
        self._line_is_open = False


def start_bar(total: int) -> Progress:
    """Start a progress bar on stderr with one task and return it."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}", markup=False))
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    bar.add_task("", total=total)
    bar.start()
    return bar
