"""Interpret defaults and quoted names by the rules of SQLite.

SQLite accepts identifiers as string literals, and numbers in quotes, so one default has several
spellings. They are reduced to one before they are compared.
"""

from __future__ import annotations

import re
from functools import lru_cache

from autodiff.dialects.sqlite.types import affinity_type
from autodiff.schema.sqltext import normalize, quote_literal, tokens

__all__ = ["normal_default", "plain_default", "standard_quotes"]

_WORDS = frozenset("null true false current_time current_date current_timestamp".split())
"""Keywords that are values in a DEFAULT clause. SQLite takes any other word for a string."""
_NAME = re.compile(r'"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|[^\W\d]\w*')


def plain_default(default: str) -> str:
    """Return the default, with a bare or quoted identifier as the string literal that it means.

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
    """Return the default of a column of that type in a normal form, for comparing."""
    text = plain_default(default)
    numeric = affinity_type(type_sql, bare=True) in ("INTEGER", "NUMERIC", "REAL")
    return normalize(_unquote_number(text) if numeric else text)


def _unquote_number(default: str) -> str:
    """Return the default without quotes if it is a number in quotes.

    A column with a numeric affinity converts such a string when a row is inserted.
    https://www.sqlite.org/datatype3.html#type_affinity
    """
    match = re.fullmatch(r"'([+-]?\d+(?:\.\d+)?)'", default)
    return match[1] if match else default


def standard_quotes(sql: str) -> str:
    """Return the expression with double quotes instead of [brackets] around names."""
    parts: list[str] = []
    in_brackets = False
    for kind, token in tokens(sql):
        opens, closes = token == "[" and not in_brackets, token == "]" and in_brackets
        in_brackets = (in_brackets or opens) and not closes
        parts.append('"' if kind == "other" and (opens or closes) else token)
    return "".join(parts)
