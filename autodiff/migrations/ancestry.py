"""Walk from revisions to those that come before them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

__all__ = ["lineage_of"]


def lineage_of(revisions: Iterable[str], before: Callable[[str], Iterable[str]]) -> set[str]:
    """Return the revisions and all their ancestors.

    before: returns the revisions directly before one.
    """
    found: set[str] = set()
    waiting = list(revisions)
    while waiting:
        revision = waiting.pop()
        if revision not in found:
            found.add(revision)
            waiting += before(revision)
    return found
