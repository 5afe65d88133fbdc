"""Prepare the standard streams of a process: each of them can be closed, or a full disk."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

__all__ = ["OutputError", "prepare_streams"]


class OutputError(OSError):
    """Nothing can be written to stdout."""


class _Results(io.FileIO):
    """Stdout: a result that cannot be written ends the command."""

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            # Python writes the rest of its buffer at exit, which would fail again:
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())
            if isinstance(error, BrokenPipeError):
                raise
            raise OutputError(error.errno, error.strerror) from error


class _Notes(io.FileIO):
    """Stderr: a note that cannot be written is lost, and ends no command half-way."""

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            raise
        except OSError:
            return memoryview(data).nbytes


class _Unbuffered(io.BufferedWriter):
    """Keeps nothing after a write, and repeats a raw write that took only a part."""

    def write(self, data: ReadableBuffer, /) -> int:
        written = super().write(data)
        self.flush()
        return written


def prepare_streams() -> None:
    """Replace the standard streams of this process by streams that are open.

    Python sets a stream to None if the process was started without it. A result cannot be written
    to a closed stdout.
    """
    if sys.stdin is None:
        sys.stdin = Path(os.devnull).open(encoding="utf-8")  # noqa: SIM115
    if _can_fail(sys.stdout, sys.__stdout__):
        number = os.open(os.devnull, os.O_RDONLY) if sys.stdout is None else sys.stdout.fileno()
        sys.stdout = _text(sys.stdout, _Results(number, "w", closefd=False))
    if _can_fail(sys.stderr, sys.__stderr__):
        number = os.open(os.devnull, os.O_WRONLY) if sys.stderr is None else sys.stderr.fileno()
        sys.stderr = _text(sys.stderr, _Notes(number, "w", closefd=False))


def _can_fail(stream: TextIO | None, original: TextIO | None) -> bool:
    """Return whether a stream is closed, or one of the process that is not a terminal."""
    return stream is None or (stream is original and not stream.isatty())


def _text(stream: TextIO | None, raw: io.FileIO) -> TextIO:
    """Return a text stream with the settings of the one that it replaces."""
    if not isinstance(stream, io.TextIOWrapper):
        return io.TextIOWrapper(io.BufferedWriter(raw), encoding="utf-8", errors="backslashreplace")
    return io.TextIOWrapper(
        # PYTHONUNBUFFERED sets it:
        _Unbuffered(raw) if stream.write_through else io.BufferedWriter(raw),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
