"""Interpret defaults and quoted names by the rules of SQLite.

SQLite accepts identifiers as string literals, and numbers in quotes, so one default has several
spellings. They are reduced to one before they are compared.
"""

from __future__ import annotations

import re
from functools import lru_cache

from autodiff.dialects.sqlite.types import affinity_type
from autodiff.schema.sqltext import (
    normal_number,
    normalize,
    quote_literal,
    split_top_level,
    strip_parentheses,
    tokens,
)

__all__ = ["normal_default", "normal_expression", "plain_default", "standard_quotes"]

_WORDS = frozenset("null true false current_time current_date current_timestamp".split())
"""Keywords that are values in a DEFAULT clause. SQLite takes any other word for a string."""
_NAME = re.compile(r'"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|[^\W\d]\w*')

_HEXADECIMAL = re.compile(r"([+-]?) ?(0x[0-9a-f]{1,16})", re.IGNORECASE)
_BYTES = re.compile(r"x'[0-9a-f]*'", re.IGNORECASE)


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
    text = normalize(plain_default(default))
    if _BYTES.fullmatch(text):
        return text.lower()
    if affinity_type(type_sql, bare=True) not in ("INTEGER", "NUMERIC", "REAL"):
        return text
    # A string is converted on insertion (https://www.sqlite.org/datatype3.html#type_affinity).
    # TRUE and FALSE are 1 and 0 (https://www.sqlite.org/lang_expr.html#boolean_expressions).
    number = _decimal(text) or normal_number(text)
    return {"true": "1", "false": "0"}.get(number, number)


def _decimal(text: str) -> str | None:
    """Return a hexadecimal number in decimal notation, None for any other text.

    It is a signed integer of 64 bits (https://www.sqlite.org/lang_expr.html#hexadecimal_integers).
    """
    match = _HEXADECIMAL.fullmatch(text)
    if match is None:
        return None
    value = int(match[2], 16)
    value -= 2**64 if value >= 2**63 else 0
    return f"{-value if match[1] == '-' else value}"


@lru_cache(4096)
def normal_expression(sql: str) -> str:
    """Return an expression in a normal form: one spelling of quotes, of = and of parentheses."""
    return normalize(_plain_conditions(normalize(_single_equals(standard_quotes(sql)))))


def _single_equals(text: str) -> str:
    """Return the expression with = instead of ==."""
    found: list[str] = []
    for _, token in tokens(text):
        if token != "=" or found[-1:] != ["="]:
            found.append(token)
    return "".join(found)


def _plain_conditions(text: str) -> str:
    """Return a condition without parentheses around the parts of AND and OR that need none."""
    words = {token for kind, token in tokens(text) if kind == "word"}
    if words & {"between", "case"}:  # their AND does not join conditions
        return text
    alternatives = split_top_level(text, "or")
    if len(alternatives) > 1:
        return " or ".join(_plain_conditions(strip_parentheses(part)) for part in alternatives)
    parts = [strip_parentheses(part) for part in split_top_level(text, "and")]
    if len(parts) == 1:
        return text
    inner = [_plain_conditions(part) for part in parts]
    return " and ".join(
        f"({part})" if len(split_top_level(part, "or")) > 1 else part for part in inner
    )


def standard_quotes(sql: str) -> str:
    """Return the expression with double quotes instead of [brackets] around names."""
    parts: list[str] = []
    in_brackets = False
    for kind, token in tokens(sql):
        opens, closes = token == "[" and not in_brackets, token == "]" and in_brackets
        in_brackets = (in_brackets or opens) and not closes
        parts.append('"' if kind == "other" and (opens or closes) else token)
    return "".join(parts)
