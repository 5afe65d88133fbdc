"""The columns that the ORM sends for a row, and sample values for them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from autodiff.commands.against.python_values import UNKNOWN, Size, listed_values, sample_value
from autodiff.compare.enum_values import column_values
from autodiff.schema.objects import Table

__all__ = ["Column", "RowValues", "is_generated", "is_required"]

Column = sa.Column[Any]
_OWN = 50
"""Added to numbers of unique values, so that they differ from those of the sample rows."""


def is_generated(column: Column) -> bool:
    """Return whether the database makes the value, so that the ORM never sends one."""
    if column.computed is not None or (column.identity is not None and column.identity.always):
        return True
    return column.table.autoincrement_column is column


def is_required(column: Column) -> bool:
    """Return whether the application must set a value."""
    has_default = column.default is not None or column.server_default is not None
    return not (column.nullable or has_default or is_generated(column))


@dataclass(frozen=True, slots=True, kw_only=True)
class RowValues:
    """Makes values for the columns of a table.

    declared: the table as the models declare it; its checks list values.
    parents: returns rows of the columns that a foreign key refers to.
    """

    table: sa.Table
    declared: Table
    dialect: sa.engine.Dialect
    parents: Callable[[Sequence[Column]], Sequence[Sequence[Any]]]

    def of(
        self, columns: Iterable[Column], number: int = 0, size: Size = "usual"
    ) -> dict[Column, Any]:
        """Return a value for each column that has a known one.

        Only unique columns have other values for another number.
        """
        unique = self._unique()
        keys = self._foreign_keys(number)
        found: dict[Column, Any] = {}
        for column in columns:
            if column in keys:
                value = keys[column]
            else:
                value = self._value(column, _OWN + number if column in unique else 0, size)
            if value is not UNKNOWN:
                found[column] = value
        return found

    def listed(self, column: Column) -> tuple[str, ...]:
        """Return the values that a column may have by its Enum or a check, else nothing."""
        if values := listed_values(column):
            return values
        if not isinstance(column.type, sa.String):
            return ()
        return column_values(self.declared, column.name) or ()

    @property
    def has_unique_reference(self) -> bool:
        """Whether a foreign key is unique, so that other rows may use up all parents."""
        return any(column.foreign_keys for column in self._unique())

    def _value(self, column: Column, number: int, size: Size) -> Any:
        if values := self.listed(column):
            return values[number % len(values)]
        return sample_value(column, self.dialect, number, size)

    def _unique(self) -> Collection[Column]:
        found: set[Column] = set(self.table.primary_key)
        for constraint in self.table.constraints:
            if isinstance(constraint, sa.UniqueConstraint):
                found.update(constraint.columns)
        for index in self.table.indexes:
            if index.unique:
                found.update(column for column in index.columns if isinstance(column, sa.Column))
        return found

    def _foreign_keys(self, number: int) -> Mapping[Column, Any]:
        """Return a row of the parent for each foreign key; NULL if there is none."""
        found: dict[Column, Any] = {}
        for key in self.table.foreign_key_constraints:
            pairs = [(element.parent, _target(element)) for element in key.elements]
            targets = [target for _, target in pairs if target is not None]
            rows = self.parents(targets) if len(targets) == len(pairs) else ()
            for place, (column, _) in enumerate(pairs):
                if rows:
                    found[column] = rows[number % len(rows)][place]
                else:
                    value = UNKNOWN if column.nullable else self._value(column, number, "usual")
                    found[column] = value
        return found


def _target(element: sa.ForeignKey) -> Column | None:
    try:
        return element.column
    except sa.exc.InvalidRequestError:  # the table is in no MetaData of the models
        return None
