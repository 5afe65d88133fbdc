"""Find constraints and indexes that differ in their name only: renames, which lose nothing.

Nobody needs to be asked about them. If several have the same contents, they are paired in the
order of their names.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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


def with_part_renames(changes: Sequence[Change], current: Table, desired: Table) -> list[Change]:
    """Return the changes of a table, with renames in place of a drop and an add of the same part.

    `current` and `desired` are the normalized tables that were compared. Parts that differ under
    one name are considered too, because two parts can have swapped names.
    """
    removed = [part for change in changes for part in _removed_part(change)]
    added = [part for change in changes for part in _added_part(change)]
    pairs: list[_Pair] = []
    for before in removed:
        taken = [pair.after for pair in pairs]
        for after in added:
            if not _is_in(after, taken) and _same(before, after, current, desired):
                pairs.append(_Pair(before=before, after=after))
                break
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


def _is_in(part: Part, parts: Sequence[Part]) -> bool:
    return any(part is other for other in parts)


def _same(before: Part, after: Part, current: Table, desired: Table) -> bool:
    """Return whether two parts differ in name and comment at most; a rename keeps the comment."""
    old, new = _normal(before, current), _normal(after, desired)
    return replace(old, name=None, comment=None) == replace(new, name=None, comment=None)


def _normal(part: Part, table: Table) -> Part:
    if isinstance(part, Index):
        return table.index(part.name or "") or part
    if isinstance(part, PrimaryKey):
        return table.primary_key or part
    return table.constraint(part.name or "") or part


def _with_pairs(
    change: Change, pairs: Sequence[_Pair], current: Table, desired: Table
) -> Iterator[Change]:
    """Yield the change without the parts that are renamed, and the rename of the removed part."""
    removed = next(
        (p for p in pairs if any(p.before is part for part in _removed_part(change))), None
    )
    added = next((p for p in pairs if any(p.after is part for part in _added_part(change))), None)
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
