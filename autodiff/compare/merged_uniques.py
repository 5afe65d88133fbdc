"""Leave out unique constraints that the database merges with another one over the same columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from autodiff.compare.constraint_names import same_contents
from autodiff.dialects.base import Dialect
from autodiff.schema.objects import Name, Schema, Table, Unique

__all__ = ["without_merged_uniques"]


def without_merged_uniques(current: Schema, desired: Schema, dialect: Dialect) -> Schema:
    """Return the desired schema without unique constraints that repeat another one.

    CREATE TABLE of PostgreSQL keeps one of several that are equal, under the first name that one of
    them has; ALTER TABLE adds each. A constraint that the current table has is therefore kept.
    See transformIndexConstraints in PostgreSQL's src/backend/parser/parse_utilcmd.c.
    """
    if not dialect.features.merges_unique_constraints:
        return desired
    merged: dict[Name, Table] = {}
    for name, table in desired.tables.items():
        uniques = [item for item in table.constraints if isinstance(item, Unique)]
        if len(uniques) > 1:
            found = current.tables.get(name)
            present = found.constraints if found is not None else ()
            existing = [item for item in present if isinstance(item, Unique)]
            merged[name] = _merged(table, uniques, existing)
    return replace(desired, tables={**desired.tables, **merged}) if merged else desired


def _merged(table: Table, uniques: Sequence[Unique], existing: Sequence[Unique]) -> Table:
    kept: list[Unique] = []
    for unique in uniques:
        group = [other for other in uniques if same_contents(other, unique)]
        if group[0] is unique:
            kept += _kept(group, [item for item in existing if same_contents(item, unique)])
    if len(kept) == len(uniques):
        return table
    constraints = (c for c in table.constraints if not isinstance(c, Unique) or _is_in(c, kept))
    return replace(table, constraints=tuple(constraints))


def _kept(group: Sequence[Unique], existing: Sequence[Unique]) -> list[Unique]:
    """Return those of several equal constraints that the database has, or the one to create."""
    if len(group) == 1:
        return list(group)
    names = {item.name for item in existing}
    named = [item for item in group if item.name in names]
    unnamed = [item for item in group if item.name is None]
    kept = [*named, *unnamed[: len(existing) - len(named)]]
    return kept or [next((item for item in group if item.name is not None), group[0])]


def _is_in(unique: Unique, kept: Sequence[Unique]) -> bool:
    return any(item is unique for item in kept)
