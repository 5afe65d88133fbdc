"""Share unchanged objects between versions of a schema: they are quick to copy and compare."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar

__all__ = ["keep_equal", "map_shared", "pause_garbage_collection", "replace_changed"]

T = TypeVar("T")


def replace_changed(item: T, **fields: Any) -> T:
    """Return the object with other values, or the object itself if it has these values already."""
    for name, value in fields.items():
        if getattr(item, name) is not value:
            return replace(item, **fields)  # type: ignore[type-var]
    return item


def keep_equal(old: T, new: T) -> T:
    """Return the old value if the two are equal, otherwise the new one."""
    return old if new == old else new


def map_shared(items: tuple[T, ...], function: Callable[[T], T]) -> tuple[T, ...]:
    """Apply a function to each item; return the same tuple if it returned each item itself."""
    found = tuple(map(function, items))
    for before, after in zip(items, found, strict=True):
        if before is not after:
            return found
    return items


@contextmanager
def pause_garbage_collection() -> Iterator[None]:
    """Pause garbage collection: building a schema allocates many objects and no cycles.

    Collection takes half of the time otherwise, because it scans all new objects again and again.
    At the end they count as old objects, which are scanned rarely.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            if not gc.get_freeze_count():  # otherwise the program has frozen objects itself
                gc.freeze()
                gc.unfreeze()
            gc.enable()
