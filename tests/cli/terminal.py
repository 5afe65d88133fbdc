"""A command that runs in a pseudo-terminal."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress

import pytest

from tests.cli.project import Folder

SECONDS = 30
_ESCAPE_SEQUENCES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
# On a busy machine, the output may contain a spinner that an idle machine does not show:
_SPINNER = re.compile(r"(?:\x1b\[32m)?[\u2800-\u28ff][^\r\n]*?\d:\d\d:\d\d")
_END_OF_SPINNER = re.compile(r"(?:\x1b\[0m)?\r\n\x1b\[\?25h\r\x1b\[1A\x1b\[2K")


def plain(text: str) -> str:
    """Return text without colors, cursor movements and spinners."""
    text = _END_OF_SPINNER.sub("", _SPINNER.sub("", text))
    return _ESCAPE_SEQUENCES.sub("", text).replace("\r\n", "\n")


class Terminal:
    """A process with a terminal as stdin and stderr, and as stdout unless that is a pipe."""

    def __init__(
        self,
        folder: Folder,
        *arguments: str,
        piped: bool = False,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        pty = pytest.importorskip("pty", reason="Windows has no pseudo-terminals")
        self._master, slave = pty.openpty()
        self.raw = ""
        variables = {"TERM": "xterm-256color", "COLUMNS": "80", **(environment or {})}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "autodiff", *arguments],
            cwd=folder.path,
            env=folder.environment(**variables),
            stdin=slave,
            stderr=slave,
            stdout=subprocess.PIPE if piped else slave,
            text=True,
        )
        os.close(slave)

    @property
    def text(self) -> str:
        """Return everything printed so far, without escape sequences."""
        return plain(self.raw)

    def expect(self, text: str) -> None:
        """Wait until this text was printed."""
        deadline = time.monotonic() + SECONDS
        while text not in self.text:
            assert time.monotonic() < deadline, f"{text!r} was not printed:\n{self.text}"
            assert self._read(), f"{text!r} was not printed:\n{self.text}"

    def type(self, line: str) -> None:
        """Type a line."""
        os.write(self._master, f"{line}\n".encode())

    def press_ctrl_d(self) -> None:
        """Close the input."""
        os.write(self._master, b"\x04")

    def press_ctrl_c(self) -> None:
        """Interrupt the command, and repeat it if the command does not end.

        A signal that arrives just before Python waits for input is noticed only after the next
        input.
        """
        for _ in range(SECONDS):
            self._process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(2)
                return

    def ends_with(self, code: int) -> None:
        """Wait until the process ends, and check its exit code."""
        deadline = time.monotonic() + SECONDS
        while self._read():
            assert time.monotonic() < deadline, self.text
        os.close(self._master)
        assert self._process.wait(SECONDS) == code, self.text

    def piped(self) -> str:
        """Return what was written to the pipe."""
        assert self._process.stdout is not None
        with self._process.stdout as stdout:
            return stdout.read()

    def _read(self) -> bool:
        """Read the output that is available; return False after the end of the output."""
        ready, _, _ = select.select([self._master], [], [], 1)
        if not ready:
            return True
        try:
            data = os.read(self._master, 65536)
        except OSError:  # Linux: the other side is closed
            return False
        self.raw += data.decode(errors="replace")
        return bool(data)
