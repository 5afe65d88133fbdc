"""Copy and compare large dictionaries in little time: copies share what is not changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any, TypeVar

__all__ = ["SharedDict", "differing_keys"]

K = TypeVar("K")
V = TypeVar("V")
_MOST_CHANGES = 64
"""The largest number of changes that a copy shares; with more, it gets its own dictionary."""
_GONE: Any = object()


class SharedDict(MutableMapping[K, V]):
    """A dictionary that keeps its changes apart from the mapping that it was made of.

    Args:
        items: What it contains at first. Nobody may change it afterwards, except another
            SharedDict, which is copied.
    """

    def __init__(self, items: Mapping[K, V]) -> None:
        self._changes: dict[K, V] = {}
        self._base: Mapping[K, V] = items
        self._length = len(items)
        if isinstance(items, SharedDict):
            self._base, self._changes = items._base, dict(items._changes)
            if len(self._changes) > _MOST_CHANGES:
                self._base, self._changes = _flat(items), {}

    def __getitem__(self, key: K) -> V:
        found: V = self._changes.get(key, _GONE)
        if found is not _GONE:
            return found
        if key in self._changes:
            raise KeyError(key)
        return self._base[key]

    def __setitem__(self, key: K, value: V) -> None:
        before = self.get(key, _GONE)
        if before is not value:
            self._length += before is _GONE
            self._changes[key] = value

    def __delitem__(self, key: K) -> None:
        if key not in self:
            raise KeyError(key)
        self._length -= 1
        self._changes[key] = _GONE

    def __contains__(self, key: object) -> bool:
        if key in self._changes:
            return self._changes[key] is not _GONE
        return key in self._base

    def __iter__(self) -> Iterator[K]:
        """Yield the keys: first those of the mapping that it was made of, then new ones."""
        yield from (key for key in self._base if self._changes.get(key) is not _GONE)
        yield from (
            key
            for key, value in self._changes.items()
            if key not in self._base and value is not _GONE
        )

    def __len__(self) -> int:
        return self._length

    def __eq__(self, other: object) -> bool:
        """Compare only what was changed, if both were made of the same mapping."""
        if not isinstance(other, SharedDict) or self._base is not other._base:
            return super().__eq__(other)
        keys = differing_keys(self, other)
        return all(self.get(key, _GONE) == other.get(key, _GONE) for key in keys)


def differing_keys(before: Mapping[K, Any], after: Mapping[K, Any]) -> list[K]:
    """Return the keys whose values are not the same object in both mappings, in no given order."""
    if (
        isinstance(before, SharedDict)
        and isinstance(after, SharedDict)
        and before._base is after._base
    ):
        found = _differing(before._changes, after._changes)
        return [key for key in found if before.get(key, _GONE) is not after.get(key, _GONE)]
    return _differing(_flat(before), _flat(after))


def _differing(before: dict[K, Any], after: dict[K, Any]) -> list[K]:
    """Return the keys whose values are not the same object, or that only one of them has."""
    missing = object()
    differing = [key for key, value in after.items() if before.get(key, missing) is not value]
    return differing + [key for key in before if key not in after]


def _flat(items: Mapping[K, V]) -> dict[K, V]:
    """Return a dictionary with the same items; faster than `dict()`."""
    if not isinstance(items, SharedDict):
        return items if isinstance(items, dict) else dict(items)
    flat = {**items._base, **items._changes}
    for key, value in items._changes.items():
        if value is _GONE:
            del flat[key]
    return flat
