"""Write numbers of things."""

from __future__ import annotations

__all__ = ["counted"]


def counted(count: int, noun: str, plural: str = "") -> str:
    """Return a number and its noun: `1 row`, `2,000 rows`.

    Args:
        count: How many there are.
        noun: The word for one of them.
        plural: The word for several; without it, the noun with an "s".
    """
    return f"{count:,} {noun if count == 1 else plural or f'{noun}s'}"
