"""Parse SQL types and spell them in Python: the code that all dialects share."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from autodiff.schema.sqltext import split_top_level
from autodiff.utils.quoting import python_string

if TYPE_CHECKING:
    from sqlalchemy.engine.interfaces import Dialect as SQLAlchemyDialect

__all__ = ["compiled_type", "is_rowid_type", "python_type", "split_type"]

_TYPE = re.compile(r"\s*([^(]*?)\s*(?:\((.*?)\)\s*(.*))?\Z", re.DOTALL)


def is_rowid_type(sql: str) -> bool:
    """Return whether a primary key over one column of this type makes it the number of the row.

    That is INTEGER in SQLite (https://www.sqlite.org/lang_createtable.html#rowid). No other
    dialect has a canonical type in capitals.
    """
    return sql == "INTEGER"


@lru_cache(4096)
def split_type(sql: str) -> tuple[str, tuple[str, ...], str]:
    """Split a type into name, arguments and the rest: ("numeric", ("10", "2"), "")."""
    match = _TYPE.match(sql)
    if match is None or (match[2] is None and "(" in sql):
        return " ".join(sql.split()), (), ""
    base, arguments, rest = match.groups()
    parts = tuple(split_top_level(arguments)) if arguments else ()
    return " ".join(base.split()), parts, " ".join((rest or "").split())


def python_type(sql: str, names: Mapping[str, str], *, collation: str | None = None) -> str:
    """Return the Python call for a type, with the name from `names` and the arguments kept.

    A type that is not in `names`, or has words after its arguments, becomes `op.sql_type(...)`.
    """
    base, arguments, rest = split_type(sql)
    name = names.get(base)
    if name is None or rest or not all(argument.isdigit() for argument in arguments):
        whole = f'{sql} COLLATE "{collation}"' if collation else sql
        return f"op.sql_type({python_string(whole)})"
    parts = list(arguments)
    if collation:
        parts.append(f"collation={python_string(collation)}")
    return f"{name}({', '.join(parts)})"


@lru_cache(4096)
def compiled_type(
    name: str, arguments: tuple[int, ...], dialect: SQLAlchemyDialect, *, collation: str = ""
) -> str | None:
    """Return the SQL of a type of SQLAlchemy with these arguments, None if there is none."""
    keywords = {"collation": collation} if collation else {}
    try:
        return str(getattr(sa, name)(*arguments, **keywords).compile(dialect=dialect))
    except (SQLAlchemyError, NotImplementedError, TypeError, AttributeError):
        return None
