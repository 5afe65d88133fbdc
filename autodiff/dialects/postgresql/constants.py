"""Compare defaults by their values, if they are only constants with casts or the current time.

PostgreSQL keeps the casts that a person writes: it stores `0::numeric` as `(0)::numeric`, which has
the value of `0`. A cast is left out only if it is certain to keep the value.

https://www.postgresql.org/docs/current/sql-expressions.html#SQL-SYNTAX-TYPE-CASTS
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeAlias

from autodiff.dialects.postgresql.types import (
    MAX_VALUES,
    canonical_type,
    plain_default,
    split_collation,
    type_family,
)
from autodiff.dialects.type_names import split_type
from autodiff.schema.sqltext import normal_number, normalize, quote_literal, tokens

__all__ = ["constant_value", "normal_default"]

_Kind: TypeAlias = Literal["number", "string", "text", "boolean", "json", "jsonb", "array"]
"""A string has no type yet; a text was cast to one, and another cast of it depends on settings."""

_NUMBER = re.compile(r"-?(\d+)\.?(\d*)")
_ARRAY = re.compile(r"\{(.*)\}", re.DOTALL)
_PLAIN_ITEM = re.compile(r"[\w.+-]+")
"""An item that needs no quotes in the text of an array."""
_BOOLEANS = {"0": "false", "f": "false", "false": "false", "1": "true", "t": "true", "true": "true"}
_NOW = ("now()", "transaction_timestamp()", "current_timestamp")
"""The time at which the transaction began, as `timestamp with time zone`.

https://www.postgresql.org/docs/current/functions-datetime.html#FUNCTIONS-DATETIME-CURRENT
"""
_NOW_IN = {"date": "current_date", "timestamp without time zone": "localtimestamp"}
"""What means the same as _NOW in a column of a type."""
_CAST_NOW = re.compile(r"(?:\((.+)\)|(.+))::([a-z ]+)")
_IN_ZONE = re.compile(
    r"timezone\((?P<zone>'[^']+')(?:::text)?, (?P<time>.+)\)"
    r"|(?P<other_time>.+) at time zone (?P<other_zone>'[^']+')(?:::text)?"
)
_MOST_TOKENS = 200
"""Longer defaults are compared as text: each bracket is a call of the parser."""
_FLOAT_DIGITS = {"real": 6, "double precision": 15}
"""Digits that a float keeps: https://www.postgresql.org/docs/current/datatype-numeric.html"""


class _NotConstantError(Exception):
    """The expression is no constant, or a cast may change its value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Value:
    kind: _Kind
    text: str = ""
    items: tuple[_Value, ...] = ()

    def __str__(self) -> str:
        """Return the value as a literal."""
        if self.kind in ("number", "boolean"):
            return self.text
        items = "{" + ",".join(item.text for item in self.items) + "}"
        text = items if self.kind == "array" else self.text
        return quote_literal(text)


@lru_cache(4096)
def normal_default(default: str, type_sql: str) -> str:
    """Return the default in a normal form, without casts that keep its value."""
    bare, _ = split_collation(type_sql)
    text = plain_default(normalize(default), type_sql)
    if "::" in text or bare.endswith("[]"):
        text = constant_value(text, bare) or text
    match type_family(bare):
        case "number":
            return normal_number(text)
        case "time":
            return _normal_time(text, canonical_type(bare))
        case _:
            return text


def _normal_time(text: str, column_type: str) -> str:
    """Return a default of a date or time in one spelling, if it is the current time.

    PostgreSQL spells `AT TIME ZONE` as a call before version 14, and a dump of it stays one.
    """
    cast = _CAST_NOW.fullmatch(text)
    if cast and canonical_type(cast[3]) == column_type:
        text = "now()" if cast[1] == "'now'::text" else cast[1] or cast[2]
    zoned = _IN_ZONE.fullmatch(text)
    if zoned and (zoned["time"] or zoned["other_time"]) in _NOW:
        return f"timezone({(zoned['zone'] or zoned['other_zone']).lower()}, current_timestamp)"
    is_now = text in _NOW or text == _NOW_IN.get(column_type)
    return "current_timestamp" if is_now else text


def constant_value(default: str, type_sql: str) -> str | None:
    """Return the literal with the value that a default has in a column of a type.

    None if the default is not a constant or is very long, or if a cast may change the value.
    """
    found = [(kind, token) for kind, token in tokens(default) if kind != "space"]
    if len(found) > _MOST_TOKENS:
        return None
    column_type = canonical_type(split_collation(type_sql)[0])
    try:
        parser = _Parser(found, column_type)
        value = parser.expression()
        parser.end()
        return str(_cast(value, column_type, column_type))
    except _NotConstantError:
        return None


class _Parser:
    """Reads an expression of literals, signs, brackets, casts and arrays."""

    def __init__(self, found: Sequence[tuple[str, str]], column_type: str) -> None:
        self._found = found
        self._column_type = column_type
        self._place = 0

    def expression(self) -> _Value:
        """Read an expression; a sign binds less tightly than a cast."""
        if self._next() in ("-", "+"):
            sign = self._take()
            value = self.expression()
            if value.kind != "number" or value.text.startswith("-"):
                raise _NotConstantError
            return _Value(kind="number", text="-" + value.text) if sign == "-" else value
        value = self._primary()
        while self._next() == "::":
            self._take()
            value = _cast(value, self._type(), self._column_type)
        return value

    def end(self) -> None:
        """Check that nothing follows."""
        if self._place < len(self._found):
            raise _NotConstantError

    def _primary(self) -> _Value:
        kind = self._found[self._place][0] if self._place < len(self._found) else ""
        token = self._take()
        match kind, token.lower():
            case "number", _:
                return _number(token)
            case "string", _ if token.startswith("'"):
                return _Value(kind="string", text=token[1:-1].replace("''", "'"))
            case "word", "true" | "false":
                return _Value(kind="boolean", text=token.lower())
            case "word", "array":
                return _Value(kind="array", items=tuple(self._items()))
            case _, "(":
                value = self.expression()
                self._expect(")")
                return value
        raise _NotConstantError

    def _items(self) -> list[_Value]:
        self._expect("[")
        items: list[_Value] = []
        while self._next() != "]":
            if items:
                self._expect(",")
            items.append(self.expression())
        self._take()
        return items

    def _type(self) -> str:
        """Read the name of a type, with its arguments and `[]`."""
        parts: list[str] = []
        while self._place < len(self._found):
            kind, token = self._found[self._place]
            if kind in ("word", "quoted") or token == ".":
                parts.append(self._take())
            elif token in ("(", "[") and parts:
                parts.append(self._bracketed())
            else:
                break
        return canonical_type(" ".join(parts).replace(" . ", ".").replace(" (", "("))

    def _bracketed(self) -> str:
        text = self._take()
        while not text.endswith((")", "]")):
            text += self._take()
        return text

    def _next(self) -> str:
        return self._found[self._place][1] if self._place < len(self._found) else ""

    def _take(self) -> str:
        if self._place == len(self._found):
            raise _NotConstantError
        self._place += 1
        return self._found[self._place - 1][1]

    def _expect(self, token: str) -> None:
        if self._take() != token:
            raise _NotConstantError


def _number(text: str) -> _Value:
    number = normal_number(text)
    if not _NUMBER.fullmatch(number):
        raise _NotConstantError
    return _Value(kind="number", text=number)


def _cast(value: _Value, type_: str, column_type: str) -> _Value:
    """Return a value in another type, if it is certain to be the same there."""
    if type_.endswith("[]"):
        items = value.items if value.kind == "array" else _items_of(value)
        kept = tuple(_cast(item, type_[:-2], column_type[:-2]) for item in items)
        return _Value(kind="array", items=tuple(map(_plain_item, kept)))
    name, arguments, _ = split_type(type_)
    match type_family(type_):
        case "number":
            return _as_number(value, name, arguments, column_type)
        case "text":
            return _as_text(value, name, arguments)
    if name == "boolean" and value.text in _BOOLEANS:
        return _Value(kind="boolean", text=_BOOLEANS[value.text])
    if name in ("json", "jsonb") and value.kind in ("string", "json", name):
        kind: _Kind = "json" if name == "json" else "jsonb"
        return _Value(kind=kind, text=value.text)
    if value.kind == "string" and type_ == column_type:
        return value
    raise _NotConstantError


def _items_of(value: _Value) -> list[_Value]:
    """Return the items in the text of an array."""
    match = _ARRAY.fullmatch(value.text.strip()) if value.kind == "string" else None
    if match is None:
        raise _NotConstantError
    texts = [text.strip() for text in match[1].split(",")] if match[1].strip() else []
    return [_plain_item(_Value(kind="string", text=text)) for text in texts]


def _plain_item(item: _Value) -> _Value:
    if not _PLAIN_ITEM.fullmatch(item.text) or item.text.lower() == "null":
        raise _NotConstantError
    return item


def _as_number(value: _Value, name: str, arguments: Sequence[str], column_type: str) -> _Value:
    """Return a number that a type neither rounds nor refuses.

    A REAL is exact only in a column of that type: elsewhere, 0.1 has more digits.
    """
    is_readable = value.kind in ("number", "string", "text")
    number = _number(value.text) if is_readable else None
    match = _NUMBER.fullmatch(number.text) if number is not None else None
    if number is None or match is None:
        raise _NotConstantError
    whole, decimals = match.groups()
    if name in _FLOAT_DIGITS:
        is_kept = len(whole + decimals) <= _FLOAT_DIGITS[name]
        is_kept = is_kept and not (decimals and name == "real" != column_type)
    elif name == "numeric":
        is_kept = not arguments[1:] or len(decimals) <= int(arguments[1])
    else:
        is_kept = not decimals and int(whole) <= MAX_VALUES[name]
    if not is_kept:
        raise _NotConstantError
    return number


def _as_text(value: _Value, name: str, arguments: Sequence[str]) -> _Value:
    """Return a text that a type neither cuts nor pads."""
    is_cut = bool(arguments) and len(value.text) > int(arguments[0])
    is_padded = name in ("character", "bpchar") and value.text.endswith(" ")
    if value.kind not in ("string", "text") or is_cut or is_padded:
        raise _NotConstantError
    return _Value(kind="text", text=value.text)
