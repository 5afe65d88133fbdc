"""Check values of settings, and describe values in messages briefly and without secrets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = ["MAX_SECONDS", "first_names", "limit_of", "value_kind"]

MAX_SECONDS = 2_147_483
"""The longest time limit: PostgreSQL stores milliseconds as integers of 32 bits. 24 days."""


def limit_of(value: Any) -> float | None:
    """Return a number of seconds or attempts that every database accepts; None for anything else.

    That excludes NaN, infinity and negative numbers.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= MAX_SECONDS else None


def first_names(names: Sequence[str], most: int = 5) -> str:
    """Return the first names, and how many more there are: there may be thousands."""
    listed, more = ", ".join(names[:most]), len(names) - most
    return f"{listed} and {more} more" if more > 0 else listed


def value_kind(value: Any) -> str:
    """Return a number or a boolean unchanged, and only the kind of any other value.

    A value in the wrong place may be a URL with a password.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"{value}" if abs(value) < 10**30 or value != value else "a large number"
    if isinstance(value, list | tuple):
        others = [value_kind(item) for item in value if not isinstance(item, str)]
        return f"a list with {others[0]}" if others else "a list"
    if isinstance(value, dict):
        return "a table"
    return "a string" if isinstance(value, str) else f"a {type(value).__name__}"
