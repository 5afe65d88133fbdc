"""How alike the types and names of two columns are, to find renames that change the type too."""

from __future__ import annotations

import re
from difflib import SequenceMatcher

from autodiff.dialects.narrowing import shape

__all__ = ["related_types", "similar_names"]

_MIN_RATIO = 0.6
"""The share of letters that two names must have in common, if neither contains the other."""
_KINDS = {"integer": "number", "decimal": "number", "float": "number", "enum": "text"}
_WORDS = {
    **dict.fromkeys(("date", "datetime", "timestamp", "timestamptz"), "moment"),
    **dict.fromkeys(("json", "jsonb"), "json"),
    **dict.fromkeys(("nchar", "nvarchar", "clob", "citext"), "text"),
    **dict.fromkeys(("blob", "binary", "bytea", "tinyblob", "mediumblob", "longblob"), "bytes"),
}


def related_types(first: str, second: str) -> bool:
    """Return whether two types hold the same kind of values: numbers, texts, dates, JSON."""
    kind = _kind(first)
    return kind is not None and kind == _kind(second)


def _kind(type_sql: str) -> str | None:
    kind = shape(type_sql, {}).kind
    if kind != "other":
        return _KINDS.get(kind, kind)
    return _WORDS.get(re.split(r"[ (]", type_sql.lower())[0])


def similar_names(first: str, second: str) -> bool:
    """Return whether one name contains the other, or most of their letters are the same."""
    old, new = first.lower(), second.lower()
    shorter, longer = sorted((old, new), key=len)
    if len(shorter) > 1 and shorter in longer.split("_"):
        return True
    return SequenceMatcher(None, old, new).ratio() >= _MIN_RATIO
