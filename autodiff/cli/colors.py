"""Color text on a terminal, unless NO_COLOR is set."""

from __future__ import annotations

import os
from typing import TextIO

import typer

__all__ = ["color_by_sign", "color_text", "has_colors"]

_COLOR_BY_SIGN = {"+": "green", "-": "red", "~": "yellow"}


def has_colors(stream: TextIO) -> bool:
    """Return whether text for a stream is colored.

    NO_COLOR switches colors off if it is not empty, as https://no-color.org demands.
    """
    wanted = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return wanted and stream.isatty()


def color_by_sign(line: str) -> str:
    """Return a line in the color of its sign (+ green, - red, ~ yellow), any other unchanged."""
    sign, _, rest = line.lstrip().partition(" ")
    color = _COLOR_BY_SIGN.get(sign) if rest else None
    return typer.style(line, fg=color) if color else line


def color_text(text: str, color: str, stream: TextIO) -> str:
    """Return the text in a bold color if the stream has colors, otherwise unchanged."""
    return typer.style(text, fg=color, bold=True) if has_colors(stream) else text
