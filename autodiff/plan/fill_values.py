"""Check that a value for existing rows fits the type of its column."""

from __future__ import annotations

import datetime as dt
import json
import re
import uuid
from collections.abc import Callable

from autodiff.dialects.narrowing import shape
from autodiff.schema.objects import Column, EnumType

__all__ = ["fill_problem"]

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\Z", re.IGNORECASE)
_BOOLEANS = frozenset("true false 0 1".split())
_NOW = frozenset("now today".split())


def fill_problem(column: Column, value: str, enum: EnumType | None = None) -> str | None:
    """Return why a value cannot be stored in a column, None if it can or that is unknown.

    `value` is what a user gives: now, a number, a text, or "sql:" and an expression, which is not
    checked. `enum` is the type of the column if it is an enum type.
    """
    type_sql, text = column.type.sql.lower(), value.strip()
    if value.startswith("sql:") or type_sql.endswith("]"):
        return None
    if enum is not None:
        return None if value in enum.values else f"is none of {', '.join(enum.values)}"
    kind = shape(type_sql, {})
    if kind.kind in ("integer", "decimal", "float"):
        is_flag = type_sql.startswith("tinyint(1)") and text.lower() in _BOOLEANS
        return None if is_flag or _NUMBER.match(text) else "is no number"
    if kind.kind == "enum":
        return None if value in kind.values else f"is none of {', '.join(kind.values)}"
    if kind.kind == "text" and kind.length is not None and len(value) > kind.length:
        return f"is longer than {kind.length}"
    if type_sql.startswith("bool"):
        return None if text.lower() in _BOOLEANS else "is not true or false"
    return _parse_problem(type_sql, text)


_PARSERS: tuple[tuple[str, Callable[[str], object], str], ...] = (
    ("timestamp", dt.datetime.fromisoformat, "is no date and time such as 2001-02-03 04:05:06"),
    ("datetime", dt.datetime.fromisoformat, "is no date and time such as 2001-02-03 04:05:06"),
    ("date", dt.datetime.fromisoformat, "is no date such as 2001-02-03"),
    ("time", dt.time.fromisoformat, "is no time such as 04:05:06"),
    ("uuid", uuid.UUID, "is no UUID"),
    ("json", json.loads, "is no JSON"),
)


def _parse_problem(type_sql: str, text: str) -> str | None:
    for word, parse, problem in _PARSERS:
        if type_sql.startswith(word):
            if text.lower() in _NOW and word not in ("uuid", "json"):
                return None
            try:
                parse(text)
            except ValueError:
                return problem
            return None
    return None
