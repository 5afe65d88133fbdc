"""Defaults and names in expressions of SQLite."""

from __future__ import annotations

import re
from functools import lru_cache

from autodiff.dialects.sqlite.types import affinity_type
from autodiff.schema.sqltext import normalize, quote_literal, tokens

__all__ = ["normal_default", "plain_default", "standard_quotes"]

_WORDS = frozenset("null true false current_time current_date current_timestamp".split())
_NAME = re.compile(r'"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|[^\W\d]\w*')


def plain_default(default: str) -> str:
    """Return the default; an identifier, which SQLite reads as a string, becomes a string.

    https://www.sqlite.org/quirks.html#double_quoted_string_literals_are_accepted
    """
    text = default.strip()
    if _NAME.fullmatch(text) is None or text.lower() in _WORDS:
        return default
    if text[0] in '"`':
        return quote_literal(text[1:-1].replace(text[0] * 2, text[0]))
    return quote_literal(text.strip("[]"))


@lru_cache(4096)
def normal_default(default: str, type_sql: str) -> str:
    """Return the default of a column of that type in a normal form."""
    text = plain_default(default)
    numeric = affinity_type(type_sql, bare=True) in ("INTEGER", "NUMERIC", "REAL")
    return normalize(_unquoted_number(text) if numeric else text)


def _unquoted_number(default: str) -> str:
    """Return the default without the quotes of a number, which a numeric column converts."""
    match = re.fullmatch(r"'([+-]?\d+(?:\.\d+)?)'", default)
    return match[1] if match else default


def standard_quotes(sql: str) -> str:
    """Return the expression with names in double quotes instead of [brackets]."""
    parts: list[str] = []
    inside = False
    for kind, token in tokens(sql):
        opens, closes = token == "[" and not inside, token == "]" and inside
        inside = (inside or opens) and not closes
        parts.append('"' if kind == "other" and (opens or closes) else token)
    return "".join(parts)
