"""Types of SQLite, which accepts any words as a type and stores them unchanged.

A column's affinity depends on substrings of its type. https://www.sqlite.org/datatype3.html
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache

from sqlalchemy.dialects.sqlite.base import SQLiteDialect

from autodiff.dialects.type_names import compiled_type, is_rowid_type, python_type, split_type
from autodiff.schema.objects import Column, Table

__all__ = [
    "affinity_type",
    "canonical_type",
    "changed_texts",
    "equating_collation",
    "never_null",
    "normal_columns",
]
__all__ += ["reflected_types", "strict_type", "type_python"]

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

_SYNONYMS = {"INT": "INTEGER", "BOOL": "BOOLEAN"}
_SQLALCHEMY = SQLiteDialect()
_COLLATE = r'(?i) COLLATE "?(\w+)"?'
_AFFINITIES = (
    ("INTEGER", ("INT",)),
    ("TEXT", ("CHAR", "CLOB", "TEXT")),
    ("BLOB", ("BLOB",)),
    ("REAL", ("REAL", "FLOA", "DOUB")),
)
"""In the order in which SQLite checks the substrings: CHARINT has INTEGER affinity."""
_STRICT = ("INT", "INTEGER", "REAL", "TEXT", "BLOB", "ANY")


@lru_cache(4096)
def canonical_type(sql: str) -> str:
    """Return a type and its collation in capitals, with uniform spacing and without quotes."""
    base, arguments, rest = split_type(re.sub(_COLLATE, r" COLLATE \1", sql))
    rest = rest.upper()
    text = base.upper() + (f"({', '.join(arguments)})" if arguments else "")
    return f"{text} {rest}" if rest else text


@lru_cache(4096)
def type_python(sql: str) -> str:
    """Return Python for a type: `op.sql_type(...)` if SQLAlchemy has no class that writes it."""
    if not sql:
        return "sa.types.NullType()"
    bare, _, collation = re.sub(_COLLATE, r"\0\1", sql).partition("\0")
    names = _PYTHON if _is_written(bare, collation) else {}
    return python_type(bare, names, collation=collation or None)


def _is_written(sql: str, collation: str = "") -> bool:
    """Return whether a class of SQLAlchemy writes exactly this type: none writes INTEGER(11)."""
    base, arguments, _ = split_type(sql)
    if base not in _PYTHON or not all(argument.isdigit() for argument in arguments):
        return False
    if not arguments and not collation:
        return True
    name, numbers = _PYTHON[base].removeprefix("sa."), tuple(map(int, arguments))
    written = compiled_type(name, numbers, _SQLALCHEMY, collation=collation)
    whole = f"{sql} COLLATE {collation}" if collation else sql
    return written is not None and canonical_type(written) == canonical_type(whole)


@lru_cache(4096)
def reflected_types(sql: str) -> tuple[str, ...]:
    """Return the types that SQLAlchemy may reflect for one that none of its classes writes.

    SQLAlchemy drops the arguments that its class does not accept. SQLite ignores them too.
    """
    bare = _bare(sql)
    base = split_type(bare)[0]
    name = _SYNONYMS.get(base, base)
    by_affinity = (affinity_type(sql), affinity_type(sql, bare=True))
    if name not in _PYTHON:
        return by_affinity
    if name != base:
        return (name,)
    if bare != sql:
        return ()
    is_unknown = name not in _SQLALCHEMY.ischema_names
    same = () if _is_written(sql) else (name,)
    return (*same, *by_affinity) if is_unknown else same


@lru_cache(4096)
def affinity_type(sql: str, *, bare: bool = False) -> str:
    """Return the type that SQLAlchemy reflects for an unknown type, chosen by its affinity.

    The result keeps the arguments of the type unless `bare` is set. It is empty for the affinity
    BLOB. https://www.sqlite.org/datatype3.html#determination_of_column_affinity
    """
    base, arguments, _ = split_type(_bare(sql))
    name = next((name for name, words in _AFFINITIES if any(w in base for w in words)), "NUMERIC")
    if not base or name == "BLOB":
        return ""
    if bare or not arguments or name not in ("TEXT", "NUMERIC"):
        return canonical_type(name)
    return canonical_type(f"{name}({','.join(arguments)})")


def changed_texts(column: str, before: str, after: str) -> str | None:
    """Return a condition for texts that a column with another affinity stores as another number.

    Those are numbers with leading zeros, spaces or a plus sign. A text that is no number is stored
    as it is.
    """
    if affinity_type(before, bare=True) != "TEXT" or affinity_type(after, bare=True) in (
        "TEXT",
        "",
    ):
        return None
    plain = f"trim({column}) = {column} AND {column} NOT GLOB '+*'"
    zeros = f"{column} GLOB '0[0-9]*' OR {column} GLOB '-0[0-9]*'"
    number = f"{column} GLOB '*[0-9]*' AND {column} NOT GLOB '*[^-+.0-9eE ]*'"
    return f"{number} AND (NOT ({plain}) OR {zeros})"


def strict_type(sql: str) -> str:
    """Return the type that a STRICT table allows instead of this one, chosen by its affinity.

    That is ANY for the affinity NUMERIC: a STRICT table has no type for it, and ANY accepts all
    values.
    https://www.sqlite.org/stricttables.html
    """
    bare = _bare(sql)
    if bare in _STRICT:
        return sql
    name = affinity_type(bare, bare=True) or "BLOB"
    return ("ANY" if name == "NUMERIC" else name) + sql[len(bare) :]


def _bare(sql: str) -> str:
    """Return the type without its collation."""
    return re.sub(_COLLATE + ".*", "", sql)


def never_null(column: Column, table: Table) -> bool:
    """Return whether a column cannot be NULL because it belongs to the primary key.

    SQLite allows NULL in a primary key unless the key is the rowid, or the table is STRICT or
    WITHOUT ROWID.
    https://www.sqlite.org/lang_createtable.html#the_primary_key
    """
    key = table.primary_key
    if key is None or column.name.lower() not in map(str.lower, key.columns):
        return False
    is_rowid = len(key.columns) == 1 and is_rowid_type(column.type.sql)
    strict = bool(table.options.get("sqlite_strict"))
    return is_rowid or strict or table.options.get("sqlite_with_rowid") is False


def normal_columns(table: Table) -> tuple[Column, ...]:
    """Return the columns, with NOT NULL on those that cannot be NULL, for comparing."""
    if table.primary_key is None:
        return table.columns
    key = {name.lower() for name in table.primary_key.columns}
    nullable = [c for c in table.columns if c.nullable and c.name.lower() in key]
    implied = {column.name for column in nullable if never_null(column, table)}
    if not implied:
        return table.columns
    return tuple(replace(c, nullable=False) if c.name in implied else c for c in table.columns)


def equating_collation(before: str, after: str) -> str | None:
    """Return the collation of the new type if texts that differ can be equal in it, else None."""
    old, new = re.search(_COLLATE, before), re.search(_COLLATE, after)
    if new is None or new[1].upper() in ("BINARY", old[1].upper() if old else "BINARY"):
        return None
    return new[1]
