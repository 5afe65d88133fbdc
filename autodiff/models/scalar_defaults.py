"""Use the defaults that SQLAlchemy inserts as values for existing rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from autodiff.dialects.base import Dialect
from autodiff.models.expressions import Compiler
from autodiff.models.tables import name_of

__all__ = ["default_fills"]


def default_fills(metadata: Sequence[sa.MetaData], dialect: Dialect) -> dict[str, str]:
    """Return the defaults of NOT NULL columns, as fills by "table.column".

    Those are scalars and SQL expressions. A function of Python has no value to write down.
    """
    compiler = Compiler(dialect.sqlalchemy)
    found: dict[str, str] = {}
    for one in metadata:
        for table in one.tables.values():
            for column in table.columns:
                if column.default is not None and not column.nullable:
                    sql = _default_sql(column, compiler)
                    if sql is not None:
                        found[f"{name_of(table, dialect)}.{column.name}"] = f"sql:{sql}"
    return found


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
