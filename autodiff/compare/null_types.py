"""Columns without a type in the models: SQLAlchemy reflects a type it does not know as NullType."""

from __future__ import annotations

from dataclasses import replace

from autodiff.dialects.base import Dialect
from autodiff.errors import ModelsError
from autodiff.schema.objects import Column, Schema, Table

__all__ = ["adopt_types"]


def adopt_types(current: Schema, desired: Schema, dialect: Dialect) -> Schema:
    """Return the desired schema with the current type for columns that declare none.

    Raises ModelsError for such a column that the database does not have, unless the database allows
    columns without a type.
    """
    tables = {
        name: _adopted(table, current.tables.get(name), dialect)
        if any(not column.type.sql for column in table.columns)
        else table
        for name, table in desired.tables.items()
    }
    return replace(desired, tables=tables)


def _adopted(table: Table, current: Table | None, dialect: Dialect) -> Table:
    def typed(column: Column) -> Column:
        known = current.column(column.name) if current is not None else None
        if column.type.sql or dialect.features.typeless_columns:
            return column
        if known is None:
            raise ModelsError(
                f"cannot declare column {table.name}.{column.name}: it has no type",
                hint="give the column a type",
            )
        return replace(column, type=known.type)

    return replace(table, columns=tuple(typed(column) for column in table.columns))
