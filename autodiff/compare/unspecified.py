"""Take from the database what the models leave open: types of columns, and columns of indexes.

SQLAlchemy reflects a type it does not know as NullType, and accepts `sa.Index("name")`.
"""

from __future__ import annotations

from dataclasses import replace

from autodiff.dialects.base import Dialect
from autodiff.errors import ModelsError
from autodiff.schema.objects import Column, Index, Schema, Table

__all__ = ["adopt_unspecified"]


def adopt_unspecified(current: Schema, desired: Schema, dialect: Dialect) -> Schema:
    """Return the desired schema with the current type of columns and columns of indexes.

    Raises ModelsError for a column without a type and an index without columns that the database
    does not have, unless the database allows columns without a type.
    """
    tables = {
        name: _adopted(table, current.tables.get(name), dialect)
        for name, table in desired.tables.items()
    }
    return replace(desired, tables=tables)


def _adopted(table: Table, current: Table | None, dialect: Dialect) -> Table:
    if any(not column.type.sql for column in table.columns):
        columns = tuple(_with_type(column, table, current, dialect) for column in table.columns)
        table = replace(table, columns=columns)
    if any(not index.elements for index in table.indexes):
        indexes = tuple(_with_columns(index, table, current) for index in table.indexes)
        table = replace(table, indexes=indexes)
    return table


def _with_type(column: Column, table: Table, current: Table | None, dialect: Dialect) -> Column:
    if column.type.sql or dialect.features.typeless_columns:
        return column
    known = current.column(column.name) if current is not None else None
    if known is None:
        raise ModelsError(
            f"cannot declare column {table.name}.{column.name}: it has no type",
            hint="give the column a type",
        )
    return replace(column, type=known.type)


def _with_columns(index: Index, table: Table, current: Table | None) -> Index:
    if index.elements:
        return index
    known = current.index(index.name or "") if current is not None else None
    if known is None:
        raise ModelsError(
            f"cannot declare index {index.name} of table {table.name}: it has no columns",
            hint="name the columns, or remove the index from the models",
        )
    return known
