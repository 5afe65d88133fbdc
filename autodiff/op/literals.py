"""Mark names, values and types that are used exactly as written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from autodiff.op._arguments import checked
from autodiff.schema.sqltype import SQLType

if TYPE_CHECKING:
    from autodiff.op.keywords import ColumnType

__all__ = ["f", "inline_literal", "sql_type"]


@checked
def f(name: str) -> str:
    """Mark a name as final, so that no naming convention changes it.

    Args:
        name: The name of a constraint or an index.

    Returns:
        The same name.
    """
    return sa.schema.conv(name)


@checked
def inline_literal(value: str | int, type_: ColumnType | None = None) -> sa.BindParameter[Any]:
    """Return a value that is written into the SQL, not sent as a parameter.

    Args:
        value: The value.
        type_: The type of the value; it is inferred if it is None.

    Returns:
        A SQLAlchemy expression.
    """
    return sa.literal(value, type_, literal_execute=True)


@checked
def sql_type(sql: str) -> SQLType:
    """Return a column type that SQLAlchemy has no class for.

    Args:
        sql: The type in SQL, such as "tsvector".

    Returns:
        A SQLAlchemy type.
    """
    return SQLType(sql)
