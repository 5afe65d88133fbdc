"""SQLite's types: any words, kept as they were written. https://www.sqlite.org/datatype3.html"""

from __future__ import annotations

import re
from dataclasses import replace

from autodiff.dialects.typenames import python_type, split_type
from autodiff.schema import Column, Table

__all__ = ["canonical_type", "never_null", "normal_column", "type_python"]

_PYTHON = {
    "INTEGER": "sa.Integer",
    "BIGINT": "sa.BigInteger",
    "SMALLINT": "sa.SmallInteger",
    "VARCHAR": "sa.String",
    "NVARCHAR": "sa.NVARCHAR",
    "CHAR": "sa.CHAR",
    "NCHAR": "sa.NCHAR",
    "TEXT": "sa.Text",
    "CLOB": "sa.CLOB",
    "BLOB": "sa.LargeBinary",
    "BINARY": "sa.BINARY",
    "VARBINARY": "sa.VARBINARY",
    "BOOLEAN": "sa.Boolean",
    "DATE": "sa.Date",
    "DATETIME": "sa.DateTime",
    "TIME": "sa.Time",
    "TIMESTAMP": "sa.TIMESTAMP",
    "FLOAT": "sa.Float",
    "DOUBLE": "sa.Double",
    "DOUBLE PRECISION": "sa.DOUBLE_PRECISION",
    "REAL": "sa.REAL",
    "NUMERIC": "sa.Numeric",
    "DECIMAL": "sa.DECIMAL",
    "JSON": "sa.JSON",
}


def canonical_type(sql: str) -> str:
    """A type in capitals, with one spacing."""
    base, arguments, rest = split_type(sql)
    text = base.upper() + (f"({', '.join(arguments)})" if arguments else "")
    return f"{text} {rest}" if rest else text


def type_python(sql: str) -> str:
    """How a script spells the type; what SQLAlchemy has no name for is `op.sql_type(...)`."""
    if not sql:
        return "sa.types.NullType()"
    bare, _, collation = re.sub(r'(?i) COLLATE "?(\w+)"?', r"\0\1", sql).partition("\0")
    return python_type(bare, _PYTHON, collation=collation or None)


def never_null(column: Column, table: Table) -> bool:
    """Whether a column of a primary key can't be NULL though nothing says NOT NULL.

    https://www.sqlite.org/lang_createtable.html#the_primary_key
    """
    key = table.primary_key
    if key is None or column.name.lower() not in map(str.lower, key.columns):
        return False
    alone = len(key.columns) == 1 and column.type.sql == "INTEGER"
    strict = bool(table.options.get("sqlite_strict"))
    return alone or strict or table.options.get("sqlite_with_rowid") is False


def normal_column(column: Column, table: Table) -> Column:
    """A column for comparing: a rowid is never NULL, and INT is INTEGER.

    INT is not INTEGER in a key of one column, where only the latter makes a rowid of it.
    """
    if never_null(column, table):
        return replace(column, nullable=False)
    key = table.primary_key
    if column.type.sql == "INT" and (key is None or key.columns != (column.name,)):
        return replace(column, type=replace(column.type, sql="INTEGER"))
    return column
