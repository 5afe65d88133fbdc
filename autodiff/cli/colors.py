"""Colours, where a person looks: on a terminal, unless NO_COLOR says otherwise."""

from __future__ import annotations

import os
from typing import TextIO

import typer

__all__ = ["colored", "painted", "styled"]

_BY_SIGN = {"+": "green", "-": "red", "~": "yellow"}


def colored(stream: TextIO) -> bool:
    """Whether a stream gets colours; NO_COLOR counts when it is not empty (no-color.org)."""
    wanted = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return wanted and stream.isatty()


def painted(line: str) -> str:
    """A line in the colour of its sign: + green, - red, ~ yellow; any other as it is."""
    sign, _, rest = line.lstrip().partition(" ")
    color = _BY_SIGN.get(sign) if rest else None
    return typer.style(line, fg=color) if color else line


def styled(text: str, color: str, stream: TextIO) -> str:
    """The text in a colour, bold, where the stream gets colours."""
    return typer.style(text, fg=color, bold=True) if colored(stream) else text
