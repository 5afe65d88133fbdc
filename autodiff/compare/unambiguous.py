"""Differences that no database need be asked about: those in which it has nothing to reword.

A server tells texts in words of its own: defaults, checks, expressions, predicates, rare types.
All else is told as it was said.
"""

from __future__ import annotations

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

__all__ = ["differs_for_sure"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sides(Generic[T]):
    """The parts of two tables that are unequal: on one side alone, or on both under one name."""

    gone: list[T]
    new: list[T]
    pairs: list[tuple[T, T]]


def differs_for_sure(current: Table, desired: Table, dialect: Dialect) -> bool:
    """Whether two normalised tables that are unequal are so in whatever words they are told."""
    columns = _sides(current.columns, desired.columns, lambda column: column.name)
    constraints = _sides(current.constraints, desired.constraints, constraint_key)
    indexes = _sides(current.indexes, desired.indexes, lambda index: index.name)
    return (
        current.options == desired.options
        and all(_are_sure(old, new, dialect) for old, new in columns.pairs)
        and not any(_repeats(constraint, desired) for constraint in constraints.new)
        and _are_told_apart(constraints, _has_text)
        and _are_told_apart(indexes, _is_worded)
    )


def _sides(current: Iterable[T], desired: Iterable[T], key: Callable[[T], object]) -> _Sides[T]:
    before, after = {key(part): part for part in current}, {key(part): part for part in desired}
    both = before.keys() & after.keys()
    return _Sides(
        gone=[part for name, part in before.items() if name not in both],
        new=[part for name, part in after.items() if name not in both],
        pairs=[(before[name], after[name]) for name in both if before[name] != after[name]],
    )


def _are_sure(old: Column, new: Column, dialect: Dialect) -> bool:
    """Whether columns differ in nothing but NULL, comment and types that are told as said."""
    alike = replace(old, type=new.type, nullable=new.nullable, comment=new.comment) == new
    counts = new.autoincrement or new.identity is not None or new.computed is not None
    return (
        alike
        and not counts
        and dialect.is_canonical_type(old.type.sql)
        and dialect.is_canonical_type(new.type.sql)
    )


def _are_told_apart(sides: _Sides[T], is_worded: Callable[[T], bool]) -> bool:
    """Whether none of the parts may be one of the other side in other words."""
    if any(is_worded(old) or is_worded(new) for old, new in sides.pairs):
        return False
    return not (any(map(is_worded, sides.gone)) and any(map(is_worded, sides.new)))


def _repeats(constraint: Constraint, table: Table) -> bool:
    """Whether a unique constraint is over the columns of another key, which may make it go."""
    if not isinstance(constraint, Unique):
        return False
    keys = (key for key in table.constraints if isinstance(key, PrimaryKey | Unique))
    return any(key != constraint and set(key.columns) == set(constraint.columns) for key in keys)


def _has_text(constraint: Constraint) -> bool:
    if isinstance(constraint, Check | Exclusion):
        return True
    return bool(constraint.options)


def _is_worded(index: Index) -> bool:
    """Whether an index has more than plain columns; a server may shorten those by itself."""
    said = (index.where, index.method, *index.include, *index.options)
    return any(said) or any(
        part.is_expression or part.opclass or part.collation or part.length
        for part in index.elements
    )
