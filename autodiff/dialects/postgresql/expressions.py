"""Simplify expressions that PostgreSQL prints, to the form that people write.

PostgreSQL prints `kind IN ('a', 'b')` with casts and an array:
`kind::text = ANY (ARRAY['a'::character varying, 'b'::character varying]::text[])`. If that text is
executed, the server prints a third form. The simple form gives the same result each time, so that
migrations can contain it.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from autodiff.schema.sqltext import split_top_level, strip_parentheses, tokens

__all__ = ["plain_text"]

_MATCHES = {"~~": "LIKE", "!~~": "NOT LIKE", "~~*": "ILIKE", "!~~*": "NOT ILIKE"}
_CASTS = (["text"], ["character", " ", "varying"], ["bpchar"])
_LISTS = {"= ANY": "IN", "<> ALL": "NOT IN"}
_ARRAY = re.compile(
    r"\(?ARRAY\[(?P<items>.*?)\]\)?(?:::(?:text|character varying)\[\])?", re.DOTALL
)
_PLAIN = re.compile(r"'(?:[^']|'')*'|-?\d+(?:\.\d+)?")


def plain_text(sql: str, varchars: Collection[str]) -> str:
    """Return the expression without implicit casts, and with IN and LIKE instead of operators.

    Casts to text are removed from literals and from the columns in `varchars`, those of the type
    character varying.
    """
    return _with_lists(_with_matches(_without_casts(sql, varchars)))


def _without_casts(sql: str, varchars: Collection[str]) -> str:
    found = list(tokens(sql))
    parts: list[str] = []
    place = 0
    while place < len(found):
        _, token = found[place]
        place += 1
        if token == "::" and parts and (width := _cast_width(found[place:])):
            is_text = found[place][1] == "text"
            if parts[-1].startswith("'"):
                place += width
                continue
            if is_text and (column := _column_width(parts, varchars)):
                place += width
                parts[-column:] = [part for part in parts[-column:] if part not in "()"]
                continue
        parts.append(token)
    return "".join(parts)


def _cast_width(rest: list[tuple[str, str]]) -> int:
    """Return how many tokens a cast to a text type without a length has; 0 for other casts."""
    for words in _CASTS:
        after = [token for _, token in rest[: len(words) + 1]]
        if after[: len(words)] == words:
            return 0 if after[len(words) :] in (["["], ["("]) else len(words)
    return 0


def _column_width(parts: list[str], varchars: Collection[str]) -> int:
    """Return how many parts at the end are a column of `varchars`: 1, 3 with brackets, or 0."""
    if _name(parts[-1]) in varchars:
        return 1
    enclosed = len(parts) > 2 and (parts[-3], parts[-1]) == ("(", ")")
    if enclosed and re.search(r"[\w\"]\Z", "".join(parts[-4:-3])):
        return 0  # the brackets belong to a function call
    return 3 if enclosed and _name(parts[-2]) in varchars else 0


def _name(token: str) -> str:
    return token[1:-1].replace('""', '"') if token.startswith('"') else token


def _with_matches(sql: str) -> str:
    """Return the expression with LIKE instead of ~~, which is one token or two.

    https://www.postgresql.org/docs/current/functions-matching.html#FUNCTIONS-LIKE
    """
    parts: list[str] = []
    operator = ""
    for kind, token in [*tokens(sql), ("space", "")]:
        if kind != "string" and token and set(token) <= set("~!*"):
            operator += token
            continue
        parts.append(_MATCHES.get(operator, operator))
        operator = ""
        parts.append(token)
    return "".join(parts)


def _with_lists(sql: str) -> str:
    """Return the expression with IN instead of = ANY over an array of literals."""
    found = [token for _, token in tokens(sql)]
    for place in range(len(found)):
        word = _LISTS.get("".join(found[place : place + 3]))
        if word is None:
            continue
        start = place + 3 + (found[place + 3 : place + 4] == [" "])
        end = _closing(found, start)
        inside = strip_parentheses("".join(found[start : end + 1]))
        items = _literals(inside)
        if items is not None and len(items) > 1:  # the server prints IN with one value as =
            head, tail = "".join(found[:place]), "".join(found[end + 1 :])
            return f"{head}{word} ({', '.join(items)}){_with_lists(tail)}"
    return sql


def _closing(found: list[str], start: int) -> int:
    depth = 0
    for place in range(start, len(found)):
        depth += (found[place] == "(") - (found[place] == ")")
        if depth == 0:
            return place
    return len(found) - 1


def _literals(array: str) -> list[str] | None:
    match = _ARRAY.fullmatch(array)
    items = split_top_level(match["items"]) if match else []
    return items if items and all(_PLAIN.fullmatch(item) for item in items) else None
