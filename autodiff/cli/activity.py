"""Show that a command is at work: a spinner at a terminal, or a line now and then in a log."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from autodiff.cli.terminal import format_duration, print_lines, set_live_output, start_spinner
from autodiff.utils.quoting import one_line

if TYPE_CHECKING:
    from rich.progress import Progress

__all__ = ["Activity", "show_activity"]

_SPINNER_AFTER = 1.0
"""Seconds. Most commands take less time, and a spinner that only flashes up is no help."""
_FIRST_PAUSE, _LONGEST_PAUSE = 5.0, 60.0
"""Seconds between two lines in a log; doubled each time, so that logs stay short."""


class Activity:
    """A thread that shows a text and the time while the main thread works.

    At a terminal it is a spinner, which disappears while something else is printed. Elsewhere it
    is a line on stderr now and then, which `write` prints. `make_room` is called before the spinner
    is shown.
    """

    def __init__(
        self,
        text: str,
        write: Callable[[str], None] | None = None,
        make_room: Callable[[], None] = lambda: None,
    ) -> None:
        self._text = text
        self._write = write or (lambda line: print_lines([line], sys.stderr))
        self._make_room = make_room
        self._is_terminal = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._spinner: Progress | None = None
        self._suspended = 0
        self._is_over = False
        self._since = self._quiet_since = time.monotonic()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin to watch the time."""
        if self._is_terminal:
            set_live_output(self)
        self._thread.start()

    def stop(self) -> None:
        """Remove the spinner."""
        with self._changed:
            self._is_over = True
            self.hide()
            self._changed.notify_all()
        self._thread.join()
        if self._is_terminal:
            set_live_output(None)

    def describe(self, text: str) -> None:
        """Show another text from now on."""
        with self._lock:
            self._text = text
            if self._spinner is not None:
                self._spinner.update(self._spinner.task_ids[0], description=one_line(text))

    def hide(self) -> None:
        """Remove the spinner before other output; show it again after a second without output."""
        with self._lock:
            self._quiet_since = time.monotonic()
            if self._spinner is not None:
                self._spinner.stop()
                self._spinner = None

    @contextmanager
    def suspended(self) -> Iterator[None]:
        """Show nothing in the block, because a person is asked something."""
        with self._lock:
            self._suspended += 1
            self.hide()
        try:
            yield
        finally:
            with self._lock:
                self._suspended -= 1
                self._quiet_since = time.monotonic()

    def _run(self) -> None:
        pause = _FIRST_PAUSE
        printed = self._since
        with self._changed:
            while not self._is_over:
                now = time.monotonic()
                if self._is_terminal:
                    self._spin(now)
                elif now - printed >= pause:
                    printed, pause = now, min(pause * 2, _LONGEST_PAUSE)
                    self._write(f"{one_line(self._text)}: {format_duration(now - self._since)}")
                self._changed.wait(0.1)

    def _spin(self, now: float) -> None:
        is_wanted = self._spinner is None and not self._suspended
        if is_wanted and now - self._quiet_since >= _SPINNER_AFTER:
            self._make_room()
            self._spinner = start_spinner(self._text, now - self._since)


@contextmanager
def show_activity(text: str, *, is_shown: bool = True) -> Iterator[Callable[[str], None]]:
    """Show a text while the block runs, and yield a function that changes the text.

    Inside another such block, the text of that one stays.
    """
    if not is_shown or _is_running.get():
        yield lambda text: None
        return
    activity = Activity(text)
    token = _is_running.set(True)
    activity.start()
    try:
        yield activity.describe
    finally:
        activity.stop()
        _is_running.reset(token)


_is_running = ContextVar("_is_running", default=False)
