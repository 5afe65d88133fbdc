"""SQLite's types: any words, kept as they were written. https://www.sqlite.org/datatype3.html"""

from __future__ import annotations

import re

from autodiff.dialects.typenames import python_type, split_type

__all__ = ["canonical_type", "type_python"]

_PYTHON = {
    "INTEGER": "sa.Integer",
    "INT": "sa.INT",
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
