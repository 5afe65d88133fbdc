"""Constraints and indexes that have another name and are the same: renames, which lose nothing.

So nobody need be asked. Where several are alike, they are paired in the order of their names.
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

__all__ = ["paired"]

Part: TypeAlias = Constraint | Index


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pair:
    before: Part
    after: Part


def paired(changes: Sequence[Change], current: Table, desired: Table) -> list[Change]:
    """The changes of a table, where what goes and comes again under another name is renamed.

    `current` and `desired` are the normalised tables that the changes were found in. What differs
    under one name counts too: names may have changed places.
    """
    gone = [part for change in changes for part in _gone(change)]
    come = [part for change in changes for part in _come(change)]
    pairs: list[_Pair] = []
    for before in gone:
        taken = [pair.after for pair in pairs]
        for after in come:
            if not _is_in(after, taken) and _same(before, after, current, desired):
                pairs.append(_Pair(before=before, after=after))
                break
    return [found for change in changes for found in _with_pairs(change, pairs, current, desired)]


def _gone(change: Change) -> Iterator[Part]:
    match change:
        case ConstraintRemoved(constraint=part) | IndexRemoved(index=part):
            yield part
        case ConstraintAltered(before=part) | IndexAltered(before=part):
            if change.fields != ("comment",):
                yield part


def _come(change: Change) -> Iterator[Part]:
    match change:
        case ConstraintAdded(constraint=part) | IndexAdded(index=part):
            yield part
        case ConstraintAltered(after=part) | IndexAltered(after=part):
            if change.fields != ("comment",):
                yield part


def _is_in(part: Part, parts: Sequence[Part]) -> bool:
    return any(part is other for other in parts)


def _same(before: Part, after: Part, current: Table, desired: Table) -> bool:
    """Whether all is equal but the name, and the comment, which a rename leaves as it is."""
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
    """The change without the sides that are part of a rename, and the rename of what goes."""
    gone = next((p for p in pairs if any(p.before is part for part in _gone(change))), None)
    come = next((p for p in pairs if any(p.after is part for part in _come(change))), None)
    if gone is None and come is None:
        yield change
        return
    if gone is not None:
        yield from _renamed(gone, desired.name, current, desired)
    match change:
        case ConstraintAltered(table=table, before=before, after=after):
            if gone is None:
                yield ConstraintRemoved(table=table, constraint=before)
            if come is None:
                yield ConstraintAdded(table=table, constraint=after)
        case IndexAltered(table=table, before=old, after=new):
            if gone is None:
                yield IndexRemoved(table=table, index=old)
            if come is None:
                yield IndexAdded(table=table, index=new)


def _renamed(pair: _Pair, table: Name, current: Table, desired: Table) -> Iterator[Change]:
    """The rename, and a comment that is another one."""
    before, after = pair.before, pair.after
    old, new = _normal(before, current), _normal(after, desired)
    if isinstance(before, Index) and isinstance(after, Index):
        yield IndexRenamed(table=table, before=before, after=after)
        if new.comment not in (None, old.comment):
            moved = replace(before, name=after.name)
            yield IndexAltered(table=table, before=moved, after=after, fields=("comment",))
    elif not (isinstance(before, Index) or isinstance(after, Index)):
        yield ConstraintRenamed(table=table, before=before, after=after)
        if new.comment != old.comment:
            named = replace(before, name=after.name)
            yield ConstraintAltered(table=table, before=named, after=after, fields=("comment",))
