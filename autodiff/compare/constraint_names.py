"""Gives unnamed constraints of the models the names that the database chose for them.

An unnamed constraint matches any current one of the same contents. One that has no match gets
the name that PostgreSQL would choose.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, replace
from functools import cache
from operator import attrgetter

from autodiff.dialects.base import Dialect
from autodiff.schema.naming import name_constraints
from autodiff.schema.objects import Constraint, PrimaryKey, Table

__all__ = ["adopt_names", "rename_constraints", "same_contents"]


def adopt_names(
    desired: Table,
    current: Table | None,
    dialect: Dialect,
    *,
    first: Table | None = None,
    contents: Table | None = None,
) -> Table:
    """The desired table with a name for each constraint.

    `contents` is the same table as the database describes it, under the names of `first`, which
    this function gave before: its texts are compared instead of the models' own.
    """
    first = first or name_constraints(desired, dialect.features.max_name_length)
    if current is None or first is desired:
        return first
    described = {c.name or "": c for c in _constraints(contents or first, dialect)}
    present = _constraints(current, dialect)
    names: dict[str, str] = {}
    taken: set[str | None] = {c.name for c in desired.constraints if c.name}
    for declared, named in zip(desired.constraints, first.constraints, strict=True):
        wanted = described.get(named.name or "")
        if declared.name is None and wanted is not None:
            found = _same(wanted, present, taken)
            if found is not None and found != named.name:
                names[named.name or ""] = found
            taken.add(found or named.name)
    return rename_constraints(first, names)


def rename_constraints(table: Table, names: Mapping[str, str]) -> Table:
    """The table with constraints renamed, old name to new one."""
    if not names:
        return table
    renamed = tuple(replace(c, name=names.get(c.name or "", c.name)) for c in table.constraints)
    return replace(table, constraints=renamed)


def _constraints(table: Table, dialect: Dialect) -> tuple[Constraint, ...]:
    """The table's constraints, normalised."""
    bare = Table(name=table.name, constraints=table.constraints, options=table.options)
    return dialect.normalize(bare).constraints


def _same(wanted: Constraint, current: Iterable[Constraint], taken: set[str | None]) -> str | None:
    """The name of a current constraint of the same contents that is not taken yet."""
    for constraint in current:
        if isinstance(wanted, PrimaryKey) and isinstance(constraint, PrimaryKey):
            return constraint.name
        if constraint.name not in taken and same_contents(constraint, wanted):
            return constraint.name
    return None


def same_contents(constraint: Constraint, other: Constraint) -> bool:
    """Whether all is equal but the name and the comment."""
    if type(constraint) is not type(other):
        return False
    contents = _contents(type(constraint))  # type: ignore[arg-type]
    return bool(contents(constraint) == contents(other))


@cache
def _contents(cls: type[Constraint]) -> Callable[[Constraint], object]:
    names = (spec.name for spec in fields(cls) if spec.compare)
    return attrgetter(*(name for name in names if name not in ("name", "comment")))
