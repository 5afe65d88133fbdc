"""Find tables that are the same on both sides at first sight: most of them, most of the time.

A table that is found here is left out of all other steps. One that is not found can still turn out
to be equal.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from operator import attrgetter

from autodiff.compare.constraint_names import same_contents
from autodiff.dialects.base import Dialect
from autodiff.schema.naming import default_name
from autodiff.schema.objects import Column, Constraint, Index, Name, Schema, Table, in_order
from autodiff.utils.sharing import replace_changed

__all__ = ["equal_tables", "with_tables", "without_tables"]

_by_name = attrgetter("name")


def _by_optional_name(constraint: Constraint) -> str:
    return constraint.name or ""


def equal_tables(current: Schema, desired: Schema, dialect: Dialect) -> dict[Name, Table]:
    """Return the desired tables that equal the current tables of the same name.

    Their constraints have the names that the database gave them.
    """
    equal, limit = _EqualColumns(dialect), dialect.features.max_name_length
    found: dict[Name, Table] = {}
    for name, table in desired.tables.items():
        present = current.tables.get(name)
        if present is None or not equal(present.columns, table.columns):
            continue
        named = _named_if_equal(present, table, limit)
        if named is None:
            named = _named_if_equal(dialect.catalog.align(present, table), table, limit)
        if named is not None:
            found[name] = named
    return found


def without_tables(schema: Schema, names: Collection[Name]) -> Schema:
    """Return the schema without the named tables."""
    tables = {name: table for name, table in schema.tables.items() if name not in names}
    return replace(schema, tables=tables)


def with_tables(schema: Schema, tables: Mapping[Name, Table]) -> Schema:
    """Return the schema with additional tables, sorted by name."""
    together = {**schema.tables, **tables}
    return replace(schema, tables={name: together[name] for name in in_order(together)})


class _EqualColumns:
    """Compares columns in any order, and each pair of objects once.

    Tables share the objects of equal columns (see `utils.sharing`), so that the id of two objects
    is a key for their comparison.
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


def _named_if_equal(current: Table, desired: Table, limit: int) -> Table | None:
    """Return the desired table with a name for each constraint, None if the tables seem to differ.

    Options, comments, constraints and indexes are compared here; columns before.
    """
    if current.options != desired.options or (current.comment or None) != (desired.comment or None):
        return None
    if not _same_indexes(current.indexes, desired.indexes):
        return None
    constraints = _named_constraints(current.constraints, desired, limit)
    return None if constraints is None else desired.with_constraints(constraints)


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
    """Return the desired constraints with the current names, None if the constraints differ.

    A primary key that has no name in the database gets the default one.
    """
    if len(current) != len(desired.constraints):
        return None
    # In the order in which `adopt_names` tries them, so that equal constraints get the same names.
    free = {id(constraint): constraint for constraint in sorted(current, key=_by_optional_name)}
    declared_names = {
        constraint.name for constraint in desired.constraints if constraint.name is not None
    }
    found: list[Constraint] = []
    for constraint in desired.constraints:
        same = next((c for c in free.values() if _is_same(c, constraint, declared_names)), None)
        if same is None:
            return None
        del free[id(same)]
        name = (
            same.name or constraint.name or default_name(desired, constraint, declared_names, limit)
        )
        is_whole = (same.name, same.comment) == (name, constraint.comment)
        found.append(same if is_whole else replace_changed(constraint, name=name))
    return tuple(found)


def _is_same(current: Constraint, desired: Constraint, declared_names: set[str]) -> bool:
    if desired.name is not None:
        return current == desired
    return (
        current.name not in declared_names
        and (current.comment or None) == (desired.comment or None)
        and same_contents(current, desired)
    )
