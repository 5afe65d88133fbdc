"""Find tables that differ for certain, whatever the database makes of their SQL.

A server rewrites some texts: checks, expressions, predicates, rare types, and defaults that are no
plain literals. Everything else it reports as it was declared, so a difference there needs no
scratch database.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from autodiff.compare.tables import constraint_key
from autodiff.dialects.base import Dialect
from autodiff.schema.objects import (
    Check,
    Column,
    Constraint,
    Exclusion,
    Index,
    PrimaryKey,
    Table,
    Unique,
)

__all__ = ["certainly_differs"]

T = TypeVar("T")

_INTEGER = re.compile(r"-?\d{1,18}")
_STRING = re.compile(r"'(?:[^'\\]|'')*'")
_TEXT_TYPE = re.compile(r"(?:var)?char|character|(?:tiny|medium|long)?text", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sides(Generic[T]):
    """The unequal parts of two tables: on one side only, or on both under one name."""

    removed: list[T]
    added: list[T]
    pairs: list[tuple[T, T]]


def certainly_differs(current: Table, desired: Table, dialect: Dialect) -> bool:
    """Return whether two unequal normalized tables differ however the database describes them."""
    columns = _sides(current.columns, desired.columns, lambda column: column.name)
    constraints = _sides(current.constraints, desired.constraints, constraint_key)
    indexes = _sides(current.indexes, desired.indexes, lambda index: index.name)
    return (
        current.options == desired.options
        and all(_certainly_differ(old, new, dialect) for old, new in columns.pairs)
        and not any(_repeats(constraint, desired) for constraint in constraints.added)
        and _cannot_be_equal(constraints, _contains_sql)
        and _cannot_be_equal(indexes, _is_rewritable)
    )


def _sides(current: Iterable[T], desired: Iterable[T], key: Callable[[T], object]) -> _Sides[T]:
    before, after = {key(part): part for part in current}, {key(part): part for part in desired}
    both = before.keys() & after.keys()
    return _Sides(
        removed=[part for name, part in before.items() if name not in both],
        added=[part for name, part in after.items() if name not in both],
        pairs=[(before[name], after[name]) for name in both if before[name] != after[name]],
    )


def _certainly_differ(old: Column, new: Column, dialect: Dialect) -> bool:
    """Return whether columns differ in NULL, comment, literals and types reported as declared."""
    alike = {"type": new.type, "nullable": new.nullable, "comment": new.comment}
    if _are_different_literals(old.default, new.default, new.type.sql):
        alike["default"] = new.default
    otherwise_equal = replace(old, **alike) == new  # type: ignore[arg-type]
    is_generated = new.autoincrement or new.identity is not None or new.computed is not None
    return (
        otherwise_equal
        and not is_generated
        and dialect.is_canonical_type(old.type.sql)
        and dialect.is_canonical_type(new.type.sql)
    )


def _are_different_literals(old: str | None, new: str | None, type_sql: str) -> bool:
    """Return whether two defaults are literals of the same kind with different values.

    A default that only one side has is different from any literal, which is not NULL.
    """
    found = [default for default in (old, new) if default is not None]
    if old != new and all(map(_INTEGER.fullmatch, found)):
        return len(found) == 1 or int(found[0]) != int(found[1])
    if old != new and _TEXT_TYPE.match(type_sql) and all(map(_STRING.fullmatch, found)):
        return len({default.rstrip("' ") for default in found}) == len(found)
    return False


def _cannot_be_equal(sides: _Sides[T], is_rewritable: Callable[[T], bool]) -> bool:
    """Return whether no part can be a part of the other side that the database rewrote."""
    if any(is_rewritable(old) or is_rewritable(new) for old, new in sides.pairs):
        return False
    return not (any(map(is_rewritable, sides.removed)) and any(map(is_rewritable, sides.added)))


def _repeats(constraint: Constraint, table: Table) -> bool:
    """Return whether a unique constraint has the same columns as another key.

    The database may then not create it.
    """
    if not isinstance(constraint, Unique):
        return False
    keys = (key for key in table.constraints if isinstance(key, PrimaryKey | Unique))
    return any(key != constraint and set(key.columns) == set(constraint.columns) for key in keys)


def _contains_sql(constraint: Constraint) -> bool:
    if isinstance(constraint, Check | Exclusion):
        return True
    return bool(constraint.options)


def _is_rewritable(index: Index) -> bool:
    """Return whether an index has more than plain columns, which a server may shorten."""
    extras = (index.where, index.method, *index.include, *index.options)
    return any(extras) or any(
        part.is_expression or part.opclass or part.collation or part.length
        for part in index.elements
    )
