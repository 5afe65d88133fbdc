"""What a value loses when its column changes from one type to another.

Types are spelled as the catalogs of the databases spell them. The rules describe what the type
itself cannot represent; whether the database refuses such a value or changes it without a word
depends on the server and its settings.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Literal, TypeAlias

from autodiff.dialects.narrowing import Shape, shape
from autodiff.utils.counting import counted

__all__ = ["conversion_loss"]

_Family: TypeAlias = Literal[
    "text", "bytes", "integer", "decimal", "float", "enum", "boolean", "date", "time", "timestamp",
    "interval", "uuid", "json", "jsonb", "array", "other",
]  # fmt: skip
_NUMBERS = ("integer", "decimal", "float")
_MOMENTS = ("date", "time", "timestamp")
_WORDS: dict[str, _Family] = {
    "boolean": "boolean",
    "bool": "boolean",
    "date": "date",
    "time": "time",
    "timetz": "time",
    "timestamp": "timestamp",
    "timestamptz": "timestamp",
    "datetime": "timestamp",
    "interval": "interval",
    "uuid": "uuid",
    "json": "json",
    "jsonb": "jsonb",
    "bytea": "bytes",
    "blob": "bytes",
    "tinyblob": "bytes",
    "mediumblob": "bytes",
    "longblob": "bytes",
    "binary": "bytes",
    "citext": "text",
    "nvarchar": "text",
    "nchar": "text",
    "clob": "text",
}
_DEFAULT_DIGITS = {"postgresql": 6}
"""The digits of a second that a time without a precision has, by backend; otherwise 0.

https://www.postgresql.org/docs/current/datatype-datetime.html
https://dev.mysql.com/doc/refman/8.4/en/fractional-seconds.html
"""
_LONGEST_TEXT = {"boolean": 5, "date": 10, "time": 21, "timestamp": 35, "uuid": 36}
"""The number of characters of the longest value as text."""
_EXACT_INTEGERS = {"real": 2**24, "float": 2**24, "double": 2**53, "double precision": 2**53}
"""The largest integer up to which a float has every integer (IEEE 754)."""
_PRECISION = re.compile(r"\((\d+)\)")


def conversion_loss(
    before: str, after: str, *, backend: str, enforced: bool, sizes: Mapping[str, int]
) -> str | None:
    """Return what values lose if a column's type changes; None if every value survives.

    Args:
        before: The type as the catalog spells it.
        after: The new type.
        backend: The name of the database, such as `postgresql`.
        enforced: Whether the database enforces types. SQLite does not: it converts values only
            if a column's affinity is numeric (https://www.sqlite.org/datatype3.html#affinity).
        sizes: The number of bytes that types of texts hold, by name.
    """
    if before.lower() == after.lower():
        return None
    if not enforced:
        return _affinity_loss(before, after)
    old, new = _family(before), _family(after)
    old_shape, new_shape = shape(before, sizes), shape(after, sizes)
    if old in _NUMBERS and new in _NUMBERS:
        return _number_loss(before, after, old_shape, new_shape)
    if old in _MOMENTS and new in _MOMENTS:
        return _moment_loss(before, after, backend)
    if old == new:
        return _same_family_loss(before, after, old, old_shape, new_shape)
    if new == "text":
        return _as_text_loss(old, old_shape, new_shape)
    if old == "text" and new == "bytes":
        found = _shorter(_in_bytes(old_shape), new_shape, "bytes") or _padded(before, after)
        return found or _BYTES_NOTATIONS.get(backend)
    if old == "text":
        return _FROM_TEXT.get(new, _UNKNOWN)
    return _CROSSINGS.get((old, new), _UNKNOWN)


_UNKNOWN = "values that the new type cannot represent"
_FROM_TEXT: dict[str, str | None] = {
    "integer": "leading zeros and spaces, and texts that are not numbers",
    "decimal": "leading zeros, trailing zeros and spaces, and texts that are not numbers",
    "float": "leading zeros, trailing zeros and digits beyond the precision of the new type",
    "boolean": "every text but that of true and false",
    "date": "the spelling of dates, and texts that are not dates",
    "time": "the spelling of times, and texts that are not times",
    "timestamp": "the spelling of timestamps, and texts that are not timestamps",
    "interval": "the spelling of intervals, and texts that are not intervals",
    "uuid": "the case and punctuation of UUIDs, and texts that are not UUIDs",
    "json": "texts that are not JSON",
    "jsonb": "spacing, duplicate keys and the order of keys, and texts that are not JSON",
    "enum": "texts that are not values of the enum",
}
_BYTES_NOTATIONS = {
    "postgresql": "the notation of texts: a downgrade returns their bytes in hexadecimal"
}
"""What texts lose by becoming bytes, by backend: https://www.postgresql.org/docs/current/datatype-binary.html"""
_CROSSINGS: dict[tuple[str, str], str | None] = {
    ("json", "jsonb"): "spacing, duplicate keys and the order of keys",
    ("jsonb", "json"): None,
    ("boolean", "integer"): None,
    ("boolean", "decimal"): None,
    ("integer", "boolean"): "numbers other than 0 and 1",
    ("decimal", "boolean"): "numbers other than 0 and 1",
    ("uuid", "bytes"): None,
    ("time", "interval"): None,
    ("interval", "time"): "days, and everything above 24 hours",
}


@lru_cache(4096)
def _family(sql: str) -> _Family:
    text = sql.lower()
    if text.partition(" collate ")[0].endswith("[]"):
        return "array"
    if text == "tinyint(1)":  # MySQL's spelling of a boolean
        return "boolean"
    kind = shape(sql, {}).kind
    if kind != "other":
        return kind
    word = re.match(r"[a-z0-9_]+", text)
    return _WORDS.get(word[0], "other") if word is not None else "other"


def _number_loss(before: str, after: str, old: Shape, new: Shape) -> str | None:
    """Return what numbers lose: digits after the point, the highest numbers, or precision."""
    lost: list[str] = []
    match new.kind:
        case "integer":
            if old.kind != "integer":
                lost.append("digits after the decimal point")
            if old.kind != "integer" or old.low < new.low or old.high > new.high:
                lost.append(f"numbers outside of {new.low} to {new.high}")
        case "decimal" if new.digits is not None:
            old_digits = _digits(old)
            if old_digits is None or old_digits > new.digits:
                lost.append(f"numbers with more than {new.digits} digits before the decimal point")
            places = 0 if old.kind == "integer" else old.scale
            if places is None or places > (new.scale or 0):
                lost.append(f"more than {new.scale or 0} digits after the decimal point")
        case "float":
            if old.kind == "integer":
                exact = _EXACT_INTEGERS.get(_word(after), 2**24)
                if max(-old.low, old.high) > exact:
                    lost.append(f"exact numbers beyond {exact}")
            elif old.kind == "decimal" or _bits(before) > _bits(after):
                lost.append("digits beyond the precision of the new type")
    return " and ".join(lost) or None


def _digits(number: Shape) -> int | None:
    """Return the number of digits before the point; None if there is no limit."""
    if number.kind == "integer":
        return len(str(max(-number.low, number.high)))
    return number.digits


def _word(sql: str) -> str:
    return re.sub(r"\s*\(.*", "", sql.lower()).strip()


def _bits(sql: str) -> int:
    return 64 if _word(sql).startswith("double") else 32


def _moment_loss(before: str, after: str, backend: str) -> str | None:
    """Return what dates and times lose."""
    old, new = _family(before), _family(after)
    lost: list[str] = []
    if old == "timestamp" and new == "date":
        lost.append("the time of day")
    if old == "timestamp" and new == "time":
        lost.append("the date")
    if (old, new) in (("date", "time"), ("time", "date"), ("time", "timestamp")):
        return _UNKNOWN
    if new != "date" and old != "date":
        if _has_zone(before) and not _has_zone(after):
            lost.append("the time zone")
        elif _has_zone(after) and not _has_zone(before):
            lost.append("the meaning of the time: the migration decides which time zone it had")
        old_digits, new_digits = _second_digits(before, backend), _second_digits(after, backend)
        if old_digits > new_digits:
            lost.append(f"more than {new_digits} digits of a second")
    return " and ".join(lost) or None


def _has_zone(sql: str) -> bool:
    text = sql.lower()
    return "with time zone" in text or text.startswith(("timestamptz", "timetz"))


def _second_digits(sql: str, backend: str) -> int:
    match = _PRECISION.search(sql)
    return int(match[1]) if match else _DEFAULT_DIGITS.get(backend, 0)


def _same_family_loss(before: str, after: str, family: str, old: Shape, new: Shape) -> str | None:
    match family:
        case "text":
            return _shorter(old, new, "characters") or _trimmed(before, after)
        case "bytes":
            return _shorter(old, new, "bytes") or _padded(before, after)
        case "enum":
            gone = [value for value in old.values if value not in new.values]
            return f"rows with the values {', '.join(map(repr, gone))}" if gone else None
        case "array" | "other":
            return _UNKNOWN if _word(before) != _word(after) else None
        case _:
            return None


def _shorter(old: Shape, new: Shape, unit: str) -> str | None:
    if new.length is not None and (old.length is None or old.length > new.length):
        return f"everything after {new.length} {unit}"
    if new.size is not None and (old.size is None or old.size > new.size) and old.length is None:
        return f"everything after {counted(new.size, 'byte')}"
    return None


def _in_bytes(found: Shape) -> Shape:
    """Return the limits of a text, of which each character can have four bytes, in bytes."""
    return found if found.length is None else replace(found, length=4 * found.length)


def _padded(before: str, after: str) -> str | None:
    """Return what is lost by padding: BINARY fills shorter values with zero bytes."""
    if _word(after) == "binary" and _word(before) != "binary":
        return "the length of shorter values: they are filled with zero bytes"
    return None


def _trimmed(before: str, after: str) -> str | None:
    """Return what is lost by padding: CHAR does not keep spaces at the end."""
    fixed = ("char", "character", "nchar")
    if _word(after) in fixed and _word(before) not in fixed:
        return "spaces at the end"
    return None


def _as_text_loss(old: str, old_shape: Shape, new_shape: Shape) -> str | None:
    if new_shape.length is None:
        return None
    longest = _longest_text(old, old_shape)
    if longest is not None and longest <= new_shape.length:
        return None
    return f"everything after {counted(new_shape.length, 'character')}"


def _longest_text(family: str, found: Shape) -> int | None:
    """Return the number of characters of the longest value as text, None if there is no limit."""
    match family:
        case "integer":
            return max(len(str(found.low)), len(str(found.high)))
        case "decimal" if found.digits is not None:
            return found.digits + (found.scale or 0) + 2
        case "enum":
            return max(map(len, found.values), default=0)
        case _:
            return _LONGEST_TEXT.get(family)


def _affinity_loss(before: str, after: str) -> str | None:
    """Return what SQLite's conversion to a numeric affinity loses.

    Numbers are converted to integers only if that loses nothing, but large ones to REAL always.
    """
    if _is_numeric(after) and not _is_numeric(before):
        return "leading zeros, trailing zeros and spaces of texts that look like numbers"
    old, new = shape(before, {}), shape(after, {})
    if old.kind == "integer" and new.kind == "float" and old.high > _EXACT_INTEGERS["double"]:
        return f"exact numbers beyond {_EXACT_INTEGERS['double']}"
    return None


def _is_numeric(sql: str) -> bool:
    """Return whether the affinity of a type is INTEGER, REAL or NUMERIC.

    https://www.sqlite.org/datatype3.html#determination_of_column_affinity
    """
    text = sql.upper()
    if "INT" in text:
        return True
    if any(word in text for word in ("CHAR", "CLOB", "TEXT", "BLOB")):
        return False
    return bool(text)
