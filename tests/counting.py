"""Count what Python and a database execute, for tests of how work grows: times vary too much."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

import sqlalchemy as sa
from sqlalchemy import event

__all__ = ["counted_calls", "counted_instructions", "counted_statements"]


@contextmanager
def counted_calls(path: str = "") -> Iterator[list[int]]:
    """Count the calls of Python functions; the only item of the list is their number.

    path: the file or folder of the functions to count; by default all count.
    """
    found = [0]

    def count_call(frame: FrameType, event: str, argument: object) -> None:
        found[0] += event == "call" and frame.f_code.co_filename.startswith(path)

    previous = sys.getprofile()
    sys.setprofile(count_call)
    try:
        yield found
    finally:
        sys.setprofile(previous)


@contextmanager
def counted_instructions(paths: Sequence[str]) -> Iterator[list[int]]:
    """Count the instructions of some files and folders, each item of a comprehension included."""
    found = [0]
    prefixes = tuple(paths)

    def in_frame(frame: FrameType, event: str, argument: object) -> object:
        found[0] += event == "opcode"
        return in_frame

    def on_call(frame: FrameType, event: str, argument: object) -> object:
        if not frame.f_code.co_filename.startswith(prefixes):
            return None
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        return in_frame

    previous = sys.gettrace()
    sys.settrace(on_call)
    try:
        yield found
    finally:
        sys.settrace(previous)


@contextmanager
def counted_statements() -> Iterator[list[int]]:
    """Count the statements of all engines; those with many rows count once."""
    found = [0]

    def count_statement(*_: object) -> None:
        found[0] += 1

    event.listen(sa.Engine, "before_cursor_execute", count_statement)
    try:
        yield found
    finally:
        event.remove(sa.Engine, "before_cursor_execute", count_statement)
