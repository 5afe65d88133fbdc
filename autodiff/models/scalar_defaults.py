"""Use the defaults that SQLAlchemy inserts as values for existing rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from autodiff.dialects.base import Dialect
from autodiff.models.expressions import Compiler
from autodiff.models.tables import name_of

__all__ = ["default_fills"]


def default_fills(metadata: Sequence[sa.MetaData], dialect: Dialect) -> Mapping[str, str]:
    """Return the defaults of NOT NULL columns, as fills by "table.column".

    Those are scalars and SQL expressions. A function of Python has no value to write down.
    """
    return _DefaultFills(metadata, dialect)


class _DefaultFills(Mapping[str, str]):
    """The fills, each built on access: most are never looked at."""

    def __init__(self, metadata: Sequence[sa.MetaData], dialect: Dialect) -> None:
        self._metadata = metadata
        self._dialect = dialect

    @cached_property
    def _columns(self) -> dict[str, sa.Column[Any]]:
        return {
            f"{name_of(table, self._dialect)}.{column.name}": column
            for one in self._metadata
            for table in one.tables.values()
            for column in table.columns
            if column.default is not None and not column.nullable
        }

    @cached_property
    def _compiler(self) -> Compiler:
        backslashes = self._dialect.features.backslash_escapes
        return Compiler(self._dialect.sqlalchemy, backslashes=backslashes)

    def __getitem__(self, key: str) -> str:
        sql = _default_sql(self._columns[key], self._compiler)
        if sql is None:
            raise KeyError(key)
        return f"sql:{sql}"

    def __iter__(self) -> Iterator[str]:
        return (key for key in self._columns if key in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _default_sql(column: sa.Column[Any], compiler: Compiler) -> str | None:
    default: Any = column.default
    try:
        if default.is_scalar:
            return compiler.expression(sa.literal(default.arg, column.type))
        if default.is_clause_element:
            return compiler.expression(default.arg)
    except (SQLAlchemyError, NotImplementedError, TypeError, ValueError, AttributeError, KeyError):
        return None  # a value that its type cannot write as a literal
    return None
