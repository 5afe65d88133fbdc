"""SQL conditions that find the values that PostgreSQL cannot convert to another type."""

from __future__ import annotations

from autodiff.dialects.postgresql.ddl.casts import cast
from autodiff.dialects.postgresql.types import split_collation, type_family
from autodiff.dialects.type_names import split_type
from autodiff.schema.sqltext import quote_literal

__all__ = ["changed_texts", "unconvertible"]

_INTEGERS = {"smallint": 16, "integer": 32, "bigint": 64}
_FLOATS = ("real", "double precision")
_INTEGER = r"^\s*[-+]?\d+\s*$"
_DECIMAL = r"^\s*([-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?|nan|[-+]?inf(inity)?)\s*$"
_PLAIN = r"^-?(0|[1-9]\d*)(\.\d*)?$"
_FIRST_WITH_INPUT_CHECK = 16
"""The first version with pg_input_is_valid(): https://www.postgresql.org/docs/release/16.0/"""


def unconvertible(column: str, before: str, after: str, version: str | None) -> str | None:
    """Return a condition for values of the quoted column whose cast to another type fails.

    None if every value can be cast, or the version has no function that checks texts.
    """
    target = split_collation(after)[0]
    if before == "jsonb" and (kind := _json_kind(target)):
        return f"jsonb_typeof({column}) <> '{kind}'"
    text = _text(column, before, after)
    if text is None or type_family(target) == "text" or target == "citext":
        return None
    base, arguments, _ = split_type(target)
    if base in _INTEGERS:
        limit = 2 ** (_INTEGERS[base] - 1)
        outside = f"{text}::numeric NOT BETWEEN {-limit} AND {limit - 1}"
        return f"CASE WHEN {text} !~ '{_INTEGER}' THEN true ELSE {outside} END"
    if base == "numeric" and arguments:
        precision, scale = (*map(int, arguments), 0)[:2]
        outside = f"abs(round({text}::numeric, {scale})) >= 1e{precision - scale}"
        return f"CASE WHEN {text} !~* '{_DECIMAL}' THEN true ELSE {outside} END"
    if base == "numeric" or base in _FLOATS:
        return f"{text} !~* '{_DECIMAL}'"
    if _major(version) < _FIRST_WITH_INPUT_CHECK:
        return None
    return f"NOT pg_input_is_valid({text}, {quote_literal(target)})"


def changed_texts(column: str, before: str, after: str) -> str | None:
    """Return a condition for numbers with leading zeros, spaces or a plus sign."""
    if type_family(before) != "text" or type_family(after) != "number":
        return None
    return f"{column} ~* '{_DECIMAL}' AND {column} !~ '{_PLAIN}'"


def _json_kind(type_sql: str) -> str | None:
    """Return the kind of JSON values that can be cast to a type, None if the cast reads a text."""
    base = split_type(type_sql)[0]
    if base in _INTEGERS or base in _FLOATS or base == "numeric":
        return "number"
    return "boolean" if base == "boolean" else None


def _text(column: str, before: str, after: str) -> str | None:
    """Return the text that the cast of the column converts, None if the cast needs no text."""
    source = cast(column, before, after).removesuffix(f"::{split_collation(after)[0]}")
    if type_family(before) == "text" or before == "citext":
        return column
    return source if source.endswith(("::text", " #>> '{}')")) else None


def _major(version: str | None) -> int:
    first = (version or "").partition(".")[0]
    return int(first) if first.isdigit() else 0
