"""Tables that are the same on both sides at first sight: most of them, most of the time.

What is found here needs no other step of comparing; what is not may still turn out to be equal.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from operator import attrgetter

from autodiff.compare.constraint_names import same_contents
from autodiff.dialects.base import Dialect
from autodiff.schema.naming import default_name
from autodiff.schema.objects import Column, Constraint, Index, Name, Schema, Table, in_order
from autodiff.utils.sharing import altered

__all__ = ["tables_alike", "with_tables", "without_tables"]

_by_name = attrgetter("name")


def tables_alike(current: Schema, desired: Schema, dialect: Dialect) -> dict[Name, Table]:
    """The desired tables that are equal to the current ones of their names.

    Their constraints have the names that the database gave them.
    """
    equal, limit = _EqualColumns(dialect), dialect.features.max_name_length
    found: dict[Name, Table] = {}
    for name, table in desired.tables.items():
        now = current.tables.get(name)
        if now is None or not equal(now.columns, table.columns):
            continue
        named = _named_alike(now, table, limit)
        if named is None:
            named = _named_alike(dialect.catalog.align(now, table), table, limit)
        if named is not None:
            found[name] = named
    return found


def without_tables(schema: Schema, names: Collection[Name]) -> Schema:
    """The schema without the tables of these names."""
    tables = {name: table for name, table in schema.tables.items() if name not in names}
    return replace(schema, tables=tables)


def with_tables(schema: Schema, tables: Mapping[Name, Table]) -> Schema:
    """The schema with these tables too, all in the order of their names."""
    together = {**schema.tables, **tables}
    return replace(schema, tables={name: together[name] for name in in_order(together)})


class _EqualColumns:
    """Whether columns are equal, in whatever order; two objects are looked at once.

    Tables share the objects of columns that are said alike.
    """

    def __init__(self, dialect: Dialect) -> None:
        self._normal = dialect.normalize_column
        self._known: dict[tuple[int, int], bool] = {}

    def __call__(self, current: tuple[Column, ...], desired: tuple[Column, ...]) -> bool:
        if len(current) != len(desired):
            return False
        if self._in_order(current, desired):
            return True
        return self._in_order(sorted(current, key=_by_name), sorted(desired, key=_by_name))

    def _in_order(self, current: Sequence[Column], desired: Sequence[Column]) -> bool:
        known = self._known
        for old, new in zip(current, desired, strict=True):
            pair = (id(old), id(new))
            same = known.get(pair)
            if same is None:
                same = known[pair] = old == new or self._normal(old) == self._normal(new)
            if not same:
                return False
        return True


def _named_alike(current: Table, desired: Table, limit: int) -> Table | None:
    """The desired table with a name for each constraint; None where the tables' options, comments,
    constraints or indexes differ, or seem to."""
    if current.options != desired.options or (current.comment or None) != (desired.comment or None):
        return None
    if not _same_indexes(current.indexes, desired.indexes):
        return None
    constraints = _named_constraints(current.constraints, desired, limit)
    return None if constraints is None else altered(desired, constraints=constraints)


def _same_indexes(current: tuple[Index, ...], desired: tuple[Index, ...]) -> bool:
    if current == desired:
        return True
    if len(current) != len(desired):
        return False
    named = {index.name: index for index in current}
    return all(named.get(index.name) == index for index in desired)


def _named_constraints(
    current: tuple[Constraint, ...], desired: Table, limit: int
) -> tuple[Constraint, ...] | None:
    """The desired constraints under the names of the current ones; None where these are others.

    Where the database has no name for its primary key, the key gets the usual one.
    """
    if len(current) != len(desired.constraints):
        return None
    free = {id(constraint): constraint for constraint in current}
    said = {constraint.name for constraint in desired.constraints if constraint.name is not None}
    found: list[Constraint] = []
    for constraint in desired.constraints:
        same = next((c for c in free.values() if _is_same(c, constraint, said)), None)
        if same is None:
            return None
        del free[id(same)]
        name = same.name or constraint.name or default_name(desired, constraint, said, limit)
        is_whole = (same.name, same.comment) == (name, constraint.comment)
        found.append(same if is_whole else altered(constraint, name=name))
    return tuple(found)


def _is_same(current: Constraint, desired: Constraint, said: set[str]) -> bool:
    if desired.name is not None:
        return current == desired
    return (
        current.name not in said
        and (current.comment or None) == (desired.comment or None)
        and same_contents(current, desired)
    )
