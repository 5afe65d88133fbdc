"""Find constraints and indexes that differ in their name only: renames, which lose nothing.

Nobody needs to be asked about them. If several have the same contents, they are paired in the
order of their names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from autodiff.schema.changes import (
    Change,
    ConstraintAdded,
    ConstraintAltered,
    ConstraintRemoved,
    ConstraintRenamed,
    IndexAdded,
    IndexAltered,
    IndexRemoved,
    IndexRenamed,
)
from autodiff.schema.objects import Constraint, Index, Name, PrimaryKey, Table

__all__ = ["with_part_renames"]

Part: TypeAlias = Constraint | Index


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pair:
    before: Part
    after: Part


class _Pairs:
    """The pairs by their parts, which are recognized by identity: others can be equal to them."""

    def __init__(self) -> None:
        self._by_before: dict[int, _Pair] = {}
        self._by_after: dict[int, _Pair] = {}

    def add(self, pair: _Pair) -> None:
        """Add a pair, which keeps its parts alive."""
        self._by_before[id(pair.before)] = self._by_after[id(pair.after)] = pair

    def before(self, parts: Iterable[Part]) -> _Pair | None:
        """Return the pair whose first part is one of these."""
        return next((p for part in parts if (p := self._by_before.get(id(part)))), None)

    def after(self, parts: Iterable[Part]) -> _Pair | None:
        """Return the pair whose second part is one of these."""
        return next((p for part in parts if (p := self._by_after.get(id(part)))), None)


def with_part_renames(changes: Sequence[Change], current: Table, desired: Table) -> list[Change]:
    """Return the changes of a table, with renames in place of a drop and an add of the same part.

    `current` and `desired` are the normalized tables that were compared. Parts that differ under
    one name are considered too, because two parts can have swapped names.
    """
    removed = [part for change in changes for part in _removed_part(change)]
    added = [part for change in changes for part in _added_part(change)]
    unpaired = [(part, _nameless(part, desired)) for part in added] if removed else []
    pairs = _Pairs()
    for before in removed if added else ():
        old = _nameless(before, current)
        place = next((n for n, (_, new) in enumerate(unpaired) if new == old), None)
        if place is not None:
            pairs.add(_Pair(before=before, after=unpaired.pop(place)[0]))
    return [found for change in changes for found in _with_pairs(change, pairs, current, desired)]


def _removed_part(change: Change) -> Iterator[Part]:
    """Yield the part that a change removes or replaces."""
    match change:
        case ConstraintRemoved(constraint=part) | IndexRemoved(index=part):
            yield part
        case ConstraintAltered(before=part) | IndexAltered(before=part):
            if change.fields != ("comment",):
                yield part


def _added_part(change: Change) -> Iterator[Part]:
    """Yield the part that a change adds or puts in place of another."""
    match change:
        case ConstraintAdded(constraint=part) | IndexAdded(index=part):
            yield part
        case ConstraintAltered(after=part) | IndexAltered(after=part):
            if change.fields != ("comment",):
                yield part


def _nameless(part: Part, table: Table) -> Part:
    """Return a part without its name and its comment, which a rename keeps."""
    return replace(_normal(part, table), name=None, comment=None)


def _normal(part: Part, table: Table) -> Part:
    if isinstance(part, Index):
        return table.index(part.name or "") or part
    if isinstance(part, PrimaryKey):
        return table.primary_key or part
    return table.constraint(part.name or "") or part


def _with_pairs(change: Change, pairs: _Pairs, current: Table, desired: Table) -> Iterator[Change]:
    """Yield the change without the parts that are renamed, and the rename of the removed part."""
    removed, added = pairs.before(_removed_part(change)), pairs.after(_added_part(change))
    if removed is None and added is None:
        yield change
        return
    if removed is not None:
        yield from _renamed(removed, desired.name, current, desired)
    match change:
        case ConstraintAltered(table=table, before=before, after=after):
            if removed is None:
                yield ConstraintRemoved(table=table, constraint=before)
            if added is None:
                yield ConstraintAdded(table=table, constraint=after)
        case IndexAltered(table=table, before=old, after=new):
            if removed is None:
                yield IndexRemoved(table=table, index=old)
            if added is None:
                yield IndexAdded(table=table, index=new)


def _renamed(pair: _Pair, table: Name, current: Table, desired: Table) -> Iterator[Change]:
    """Yield the rename, and the change of the comment if it differs."""
    before, after = pair.before, pair.after
    old, new = _normal(before, current), _normal(after, desired)
    if isinstance(before, Index) and isinstance(after, Index):
        yield IndexRenamed(table=table, before=before, after=after)
        if new.comment not in (None, old.comment):
            renamed_index = replace(before, name=after.name)
            yield IndexAltered(table=table, before=renamed_index, after=after, fields=("comment",))
    elif not (isinstance(before, Index) or isinstance(after, Index)):
        if before.name != after.name:  # one side's name may be unknown to the comparison
            yield ConstraintRenamed(table=table, before=before, after=after)
        if new.comment != old.comment:
            named = replace(before, name=after.name)
            yield ConstraintAltered(table=table, before=named, after=after, fields=("comment",))
