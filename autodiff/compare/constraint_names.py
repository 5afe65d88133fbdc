"""Give unnamed constraints of the models the names that the database chose for them.

An unnamed constraint matches any current constraint with the same contents. Without a match it gets
the name that PostgreSQL would choose.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
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
    """Return the desired table with a name for each constraint.

    first: the result of an earlier call, with names but without `contents`.
    contents: the same table as the database describes it, under the names of `first`. Its SQL texts
        are compared instead of those of the models.
    """
    first = first or name_constraints(desired, dialect.features.max_name_length)
    if current is None or first is desired:
        return first
    described = {c.name or "": c for c in _constraints(contents or first, dialect)}
    present = _constraints(current, dialect)
    names: dict[str, str] = {}
    taken: set[tuple[type[Constraint], str | None]] = {
        (type(c), c.name) for c in desired.constraints if c.name
    }
    for declared, named in zip(desired.constraints, first.constraints, strict=True):
        wanted = described.get(named.name or "")
        if declared.name is None and wanted is not None:
            found = _same(wanted, present, taken)
            if found is not None and found != named.name:
                names[named.name or ""] = found
            taken.add((type(wanted), found or named.name))
    return rename_constraints(first, names)


def rename_constraints(table: Table, names: Mapping[str, str]) -> Table:
    """Return the table with constraints renamed, from old to new names."""
    if not names:
        return table
    renamed = tuple(replace(c, name=names.get(c.name or "", c.name)) for c in table.constraints)
    return replace(table, constraints=renamed)


def _constraints(table: Table, dialect: Dialect) -> tuple[Constraint, ...]:
    """Return the normalized constraints of a table."""
    bare = Table(name=table.name, constraints=table.constraints, options=table.options)
    return dialect.normalize(bare).constraints


def _same(
    wanted: Constraint,
    current: Iterable[Constraint],
    taken: Collection[tuple[type[Constraint], str | None]],
) -> str | None:
    """Return the name of a current constraint with the same contents that is not used yet.

    On MySQL and MariaDB, constraints of different kinds can have the same name.
    """
    for constraint in current:
        if isinstance(wanted, PrimaryKey) and isinstance(constraint, PrimaryKey):
            return constraint.name
        is_taken = (type(constraint), constraint.name) in taken
        if not is_taken and same_contents(constraint, wanted):
            return constraint.name
    return None


def same_contents(constraint: Constraint, other: Constraint) -> bool:
    """Return whether two constraints differ in name and comment at most."""
    if type(constraint) is not type(other):
        return False
    contents = _contents(type(constraint))  # type: ignore[arg-type]
    return bool(contents(constraint) == contents(other))


@cache
def _contents(cls: type[Constraint]) -> Callable[[Constraint], object]:
    names = (spec.name for spec in fields(cls) if spec.compare)
    return attrgetter(*(name for name in names if name not in ("name", "comment")))
