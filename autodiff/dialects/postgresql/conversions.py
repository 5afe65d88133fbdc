"""SQL conditions that find the values that PostgreSQL cannot convert to another type."""

from __future__ import annotations

from collections.abc import Sequence

from autodiff.dialects.narrowing import NO_ENUMS, EnumSides, shape
from autodiff.dialects.postgresql.ddl.casts import cast, cast_enum
from autodiff.dialects.postgresql.types import split_collation, type_family
from autodiff.dialects.type_names import split_type
from autodiff.schema.sqltext import quote_literal

__all__ = ["changed_texts", "unconvertible"]

_INTEGERS = {"smallint": 16, "integer": 32, "bigint": 64}
_FLOATS = ("real", "double precision")
_INTEGER = r"^\s*[-+]?\d+\s*$"
_DECIMAL = r"^\s*([-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?|nan|[-+]?inf(inity)?)\s*$"
_PLAIN = r"^-?(0|[1-9]\d*)(\.\d*)?$"
_MONEY_DIGITS = 16
"""The digits before the decimal point that money, bits and floats always have room for."""
_LONGEST_TEXT = {"boolean": 5, "date": 13, "uuid": 36, "macaddr": 17, "macaddr8": 23, "inet": 43}
"""The number of characters of the longest value as text."""
_FIRST_WITH_INPUT_CHECK = 16
"""The first version with pg_input_is_valid(): https://www.postgresql.org/docs/release/16.0/"""


def unconvertible(
    column: str, before: str, after: str, version: str | None, enums: EnumSides = NO_ENUMS
) -> str | None:
    """Return a condition for values of the quoted column whose cast to another type fails.

    None if every value can be cast, or the version has no function that checks texts.
    """
    source, target = split_collation(before)[0], split_collation(after)[0]
    if type_family(target) == "text":
        return _too_long(column, source, target)
    if before == "jsonb" and (kind := _json_kind(target)):
        return f"jsonb_typeof({column}) <> '{kind}'"
    if source == f"{target}[]":
        return f"cardinality({column}) > 1"
    if source == "macaddr8" and target == "macaddr":
        return f"substr({column}::text, 10, 5) <> 'ff:fe'"
    if source == "bigint" and target == "oid":
        return f"{column} NOT BETWEEN 0 AND {2**32 - 1}"
    if (outside := _out_of_range(column, source, split_type(target)[0])) is not None:
        return outside
    text = _text(column, before, after, is_enum=enums.before or bool(enums.values))
    if text is None or target in ("citext", "name"):
        return None
    if enums.values:
        return _not_listed(text, enums.values, version, is_array=target.endswith("]"))
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


def _text(column: str, before: str, after: str, *, is_enum: bool) -> str | None:
    """Return the text that the cast of the column converts, None if the cast needs no text."""
    expression = (cast_enum if is_enum else cast)(column, before, after)
    source = expression.removesuffix(f"::{split_collation(after)[0]}")
    if source == column and type_family(before) == "text":
        return column
    if source == column and _holds_text(before):
        return f"{column}::text"
    return source if source.endswith(("::text", " #>> '{}')")) else None


def _out_of_range(column: str, source: str, target: str) -> str | None:
    """Return a condition for numbers that are too large, or too close to zero; NaN is large."""
    limits = shape(source, {})
    source = split_type(source)[0]
    is_small = limits.digits is not None and limits.digits <= _MONEY_DIGITS
    if source not in ("numeric", *_FLOATS) or is_small:
        return None
    match target:
        case "money":
            return f"abs({column}) >= {2**63 // 100}"
        case "bit" | "bit varying":
            return f"abs({column}) >= {2**63 - 1024}"
        case "real" if source != "real":
            large = f"abs({column}) > 3.4028235e38 AND abs({column}) < 'Infinity'"
            return f"{large} OR abs({column}) < 1e-45 AND {column} <> 0"
        case _:
            return None


def _holds_text(type_sql: str) -> bool:
    bare = split_collation(type_sql)[0]
    return bare == "citext" or (bare.endswith("[]") and type_family(bare[:-2]) == "text")


def _too_long(column: str, source: str, target: str) -> str | None:
    """Return a condition for values whose text is too long; texts are compared elsewhere."""
    limit = shape(target, {}).length
    if limit is None or type_family(source) == "text":
        return None
    found = shape(source, {})
    digits = max(len(str(found.low)), len(str(found.high)))
    longest = digits if found.kind == "integer" else _LONGEST_TEXT.get(source)
    return None if longest and longest <= limit else f"char_length({column}::text) > {limit}"


def _not_listed(
    text: str, values: Sequence[str], version: str | None, *, is_array: bool
) -> str | None:
    """Return a condition for texts that are no value of an enum, or no array of its values."""
    listed = ", ".join(map(quote_literal, values))
    if not is_array:
        return f"{text} NOT IN ({listed})"
    if _major(version) < _FIRST_WITH_INPUT_CHECK:
        return None
    others = f"NOT array_remove({text}::text[], NULL) <@ ARRAY[{listed}]"
    return f"CASE WHEN NOT pg_input_is_valid({text}, 'text[]') THEN true ELSE {others} END"


def _major(version: str | None) -> int:
    first = (version or "").partition(".")[0]
    return int(first) if first.isdigit() else 0
