"""Types of a database, in the spelling of its SQLAlchemy dialect."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from autodiff.dialects.type_names import compiled_type, split_type
from autodiff.utils.quoting import python_string

if TYPE_CHECKING:
    from sqlalchemy.engine.interfaces import Dialect as SQLAlchemyDialect

__all__ = ["type_python", "type_sql"]

_NAMES = (
    *("Integer BigInteger SmallInteger Numeric Float Double Boolean String Text Unicode").split(),
    *("UnicodeText Date DateTime Time LargeBinary JSON Uuid Interval").split(),
    *("INTEGER BIGINT SMALLINT NUMERIC DECIMAL FLOAT REAL DOUBLE DOUBLE_PRECISION").split(),
    *("BOOLEAN VARCHAR NVARCHAR CHAR NCHAR TEXT CLOB DATE DATETIME TIME TIMESTAMP").split(),
    *("BLOB BINARY VARBINARY UUID").split(),
)
"""The types of SQLAlchemy that a script can name, the general ones first."""


def type_sql(type_: Any, dialect: SQLAlchemyDialect) -> str:
    """Return the SQL of a type that was reflected; "" for a type that SQLAlchemy does not know."""
    if isinstance(type_, sa.types.NullType):
        return ""
    if isinstance(type_, sa.Enum) and not type_.name:
        values = ", ".join("'" + value.replace("'", "''") + "'" for value in type_.enums)
        return f"ENUM({values})"
    try:
        return str(type_.compile(dialect=dialect))
    except (SQLAlchemyError, NotImplementedError, AttributeError):
        return str(type_)


@lru_cache(4096)
def type_python(sql: str, dialect: SQLAlchemyDialect) -> str:
    """Return the call of a SQLAlchemy type with exactly this SQL, else `op.sql_type(...)`."""
    if not sql:
        return "sa.types.NullType()"
    _, arguments, _ = split_type(sql)
    if all(argument.isdigit() for argument in arguments):
        numbers = tuple(map(int, arguments))
        for name in _NAMES:
            if compiled_type(name, numbers, dialect) == sql:
                return f"sa.{name}({', '.join(arguments)})"
    return f"op.sql_type({python_string(sql)})"
