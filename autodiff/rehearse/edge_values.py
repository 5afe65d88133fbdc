"""Values for sample rows that a conversion to another type can change.

Leading zeros, spaces around a text, mixed case, many digits, fractions of seconds, time zones, NUL
bytes, and texts as long as their type allows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache

from autodiff.schema.sqltext import quote_literal

__all__ = ["edge_literal", "is_text_type", "type_length"]

_TEXT = re.compile(r"(var|n|nvar)?char|character|.*text|clob|citext|name$", re.IGNORECASE)
_LONGEST = 300
"""The length of a text without a limit; longer than the VARCHAR(255) that it may become."""
_DIGITS = "12345678901234567"
"""More digits than a double precision number has: 17 instead of 15."""

_Make = Callable[[int, Sequence[int]], str]
"""Returns a literal for the number of a row and the numbers in the brackets of a type."""


@lru_cache(1024)
def is_text_type(type_sql: str) -> bool:
    """Return whether a type holds texts."""
    return _TEXT.match(type_sql) is not None


@lru_cache(1024)
def type_length(type_sql: str) -> int:
    """Return the length in the brackets of a type; a large number if there is none."""
    numbers = _numbers(type_sql)
    return numbers[0] if numbers else 1 << 30


def edge_literal(before: str, after: str, name: str, number: int) -> str | None:
    """Return a literal of the type `before` that can change if it is converted to `after`.

    A different one for each number of a row. None if the type has no such value.
    """
    of_text = is_text_type(before)
    if not of_text or not is_text_type(after):
        make = _edge_maker(after if of_text else before, of_text=of_text)
        return None if make is None else make(number)
    length = min(type_length(before), type_length(after), _LONGEST)
    if length < len(f" A{number} "):
        return None
    middle = f"Aa {name}".ljust(length, "x")[: length - len(f" {number} ")]
    return quote_literal(f" {middle}{number} ")


@lru_cache(1024)
def _edge_maker(type_sql: str, *, of_text: bool = False) -> Callable[[int], str] | None:
    """Return what makes a value of a type, or a text that becomes one, from a row's number."""
    text = type_sql.lower()
    if text.endswith("]"):
        return None
    for pattern, make in _TEXT_EDGES if of_text else _EDGES:
        if re.match(pattern, text):
            sizes = _numbers(type_sql)
            return lambda number: make(number, sizes)
    return None


def _numbers(type_sql: str) -> list[int]:
    found = re.search(r"\(([\d, ]+)\)", type_sql)
    return [int(part) for part in found[1].split(",")] if found else []


def _decimal(number: int, sizes: Sequence[int]) -> str:
    """Return a number with all digits that the type has room for."""
    precision, scale = (*sizes, 0)[:2] if sizes else (len(_DIGITS) + 3, 3)
    digits = _DIGITS.rjust(precision, "1")[-precision:]
    digits = f"{digits[:-1]}{number % 9 + 1}"
    return f"{digits[: precision - scale] or '0'}.{digits[precision - scale :]}".rstrip(".")


_EDGES: Sequence[tuple[str, _Make]] = (
    (r"bigint", lambda n, _: str(2**53 + 2 * n + 1)),
    (r"integer|int\b(?!\(1\))", lambda n, _: str(2**24 + 2 * n + 1)),
    (r"numeric|decimal", _decimal),
    (r"double|float|real", lambda n, _: f"{n}.30000000000000004"),
    (r"timestamp.*with time zone", lambda n, _: f"'2001-02-0{n + 1} 23:05:06.789123-02'"),
    (r"timestamp|datetime", lambda n, _: f"'2001-02-0{n + 1} 23:05:06.789123'"),
    (r"time.*with time zone", lambda n, _: f"'0{n}:05:06.789123-02'"),
    (r"time", lambda n, _: f"'0{n}:05:06.789123'"),
    (r"interval", lambda n, _: f"'1 month {n + 1} days 03:04:05.678912'"),
    (r"bytea", lambda n, _: f"'\\x0{n}0020'"),
    (r".*blob|varbinary", lambda n, _: f"x'0{n}0020'"),
)
"""Values by the type that a column has before."""

_TEXT_EDGES: Sequence[tuple[str, _Make]] = (
    (r"(tiny|small|medium|big)?int|integer", lambda n, _: f"'00{n + 1}'"),
    (r"numeric|decimal|real|float|double|money", lambda n, _: f"'0{n}.50'"),
    (r"bool", lambda n, _: "'yes'" if n % 2 else "'no'"),
    (r"timestamp.*with time zone", lambda n, _: f"'2001-02-0{n + 1} 04:05:06.789123+02'"),
    (r"date|timestamp", lambda n, _: f"'2001-02-0{n + 1} 04:05:06.789123'"),
    (r"time", lambda n, _: f"'0{n}:05:06.789123'"),
    (r"interval", lambda n, _: f"'{n + 25}:00:00'"),
    (r"uuid", lambda n, _: f"'00000000-0000-4000-8000-00000000ABC{n}'"),
    (r"jsonb", lambda n, _: f"'{{\"n\":{n}}}'"),
)
"""Texts by the type that they become."""
