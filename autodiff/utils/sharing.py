"""What does not change stays the very object that it was: quick to make, and quick to compare."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar

__all__ = ["altered", "collected_later", "kept", "mapped"]

T = TypeVar("T")


def altered(noun: T, **fields: Any) -> T:
    """The noun with other values; itself where it has these very values already."""
    for name, value in fields.items():
        if getattr(noun, name) is not value:
            return replace(noun, **fields)  # type: ignore[type-var]
    return noun


def kept(old: T, new: T) -> T:
    """The new value; the old one where they are equal."""
    return old if new == old else new


def mapped(items: tuple[T, ...], function: Callable[[T], T]) -> tuple[T, ...]:
    """Each item put through a function; the very tuple where that gave each item back."""
    found = tuple(map(function, items))
    for before, after in zip(items, found, strict=True):
        if before is not after:
            return found
    return items


@contextmanager
def collected_later() -> Iterator[None]:
    """No search for unreachable cycles meanwhile: a schema is many objects, none of them in one.

    Python would look through all of them again and again while they are made, for half of the
    time. At the end they count as old objects, which are looked through seldom.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            if not gc.get_freeze_count():  # else the program keeps objects frozen for itself
                gc.freeze()
                gc.unfreeze()
            gc.enable()
