"""Treat a unique index that becomes a constraint as the addition of the constraint.

The other direction of the migration drops or adds the constraint in one step.
https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-DESC-ADD-TABLE-CONSTRAINT-USING-INDEX
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from autodiff.schema.objects import PrimaryKey, Unique
from autodiff.schema.operations import AddConstraint, CreateIndex, DropIndex, Execute

__all__ = ["BuiltKey", "find_built_keys"]

_USING = re.compile(
    r'ADD\s+CONSTRAINT\s+(?P<name>"[^"]+"|\w+)\s+(?P<kind>UNIQUE|PRIMARY\s+KEY)\s+USING\s+INDEX\s+'
    r'(?P<index>"[^"]+"|\w+)(?P<rest>.*)',
    re.IGNORECASE | re.DOTALL,
)
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltKey:
    """The step that builds an index, and the one that makes a constraint of it."""

    index: CreateIndex
    using: Execute
    constraint: AddConstraint

    def joined(self, steps: Sequence[_T]) -> list[_T | AddConstraint]:
        """Return the steps with the addition of the constraint in the place of both."""
        return [
            self.constraint if step is self.using else step
            for step in steps
            if step is not self.index
        ]

    def removed_from(self, steps: Sequence[_T]) -> list[_T]:
        """Return the steps without both."""
        return [step for step in steps if step is not self.index and step is not self.using]

    @property
    def drop(self) -> DropIndex:
        """The step that undoes only the first of them."""
        return self.index.reverse()


def find_built_keys(steps: Sequence[object]) -> Iterator[BuiltKey]:
    """Yield the constraints that steps make of an index that they build before."""
    for at, step in enumerate(steps):
        found = _USING.search(step.sql) if isinstance(step, Execute) else None
        if found is None or not isinstance(step, Execute):
            continue
        index = next(
            (
                other
                for other in steps[:at]
                if isinstance(other, CreateIndex) and other.index.name == found["index"].strip('"')
            ),
            None,
        )
        if index is not None:
            yield BuiltKey(index=index, using=step, constraint=_constraint(index, found))


def _constraint(index: CreateIndex, found: re.Match[str]) -> AddConstraint:
    kind = Unique if found["kind"].upper() == "UNIQUE" else PrimaryKey
    rest = found["rest"].upper()
    included = ", ".join(index.index.include)
    return AddConstraint(
        table=index.table,
        constraint=kind(
            name=found["name"].strip('"'),
            columns=index.index.columns,
            deferrable="DEFERRABLE" in rest,
            initially_deferred="INITIALLY DEFERRED" in rest,
            options={"postgresql_include": included} if included else {},
        ),
    )
