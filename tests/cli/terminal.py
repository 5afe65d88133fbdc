"""A command run at a terminal, as a person does it."""

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
_CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def plain(text: str) -> str:
    """What a person reads: without colours and cursor movements."""
    return _CODES.sub("", text).replace("\r\n", "\n")


class Terminal:
    """A process whose stdin and stderr are a terminal; its stdout too, unless it is a pipe."""

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
        """All that was on the screen so far."""
        return plain(self.raw)

    def expect(self, text: str) -> None:
        """Waits until a text was printed."""
        deadline = time.monotonic() + SECONDS
        while text not in self.text:
            assert time.monotonic() < deadline, f"{text!r} did not come:\n{self.text}"
            assert self._read(), f"{text!r} did not come:\n{self.text}"

    def type(self, line: str) -> None:
        """Types a line."""
        os.write(self._master, f"{line}\n".encode())

    def press_ctrl_d(self) -> None:
        """Ends the input."""
        os.write(self._master, b"\x04")

    def press_ctrl_c(self) -> None:
        """Interrupts the command; again, where that came in the moment before it began to listen,
        which Python notices only when the input goes on."""
        for _ in range(SECONDS):
            self._process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(2)
                return

    def ends_with(self, code: int) -> None:
        """Waits for the end, which must have this exit code."""
        deadline = time.monotonic() + SECONDS
        while self._read():
            assert time.monotonic() < deadline, self.text
        os.close(self._master)
        assert self._process.wait(SECONDS) == code, self.text

    def piped(self) -> str:
        """What went into the pipe."""
        assert self._process.stdout is not None
        with self._process.stdout as stdout:
            return stdout.read()

    def _read(self) -> bool:
        """Takes what has come; False once nothing more can come."""
        ready, _, _ = select.select([self._master], [], [], 1)
        if not ready:
            return True
        try:
            found = os.read(self._master, 65536)
        except OSError:  # Linux: the other side is closed
            return False
        self.raw += found.decode(errors="replace")
        return bool(found)
