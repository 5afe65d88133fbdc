"""SQL conditions that find the values that do not fit a narrower type.

Types are spelled as the catalogs of PostgreSQL, MySQL and MariaDB spell them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from autodiff.schema.sqltext import split_top_level, unquote_literal

if TYPE_CHECKING:
    from autodiff.dialects.base import Dialect
    from autodiff.dialects.features import Features

__all__ = [
    "NO_ENUMS",
    "EnumSides",
    "Misfit",
    "Shape",
    "comparable",
    "misfit",
    "one_of",
    "shape",
]

_Kind: TypeAlias = Literal["text", "bytes", "integer", "decimal", "float", "enum", "other"]
_BITS = {"tinyint": 8, "smallint": 16, "mediumint": 24, "integer": 32, "int": 32, "bigint": 64}
_WORDS: dict[str, _Kind] = {
    "character varying": "text",
    "character": "text",
    "varchar": "text",
    "char": "text",
    "text": "text",
    "tinytext": "text",
    "mediumtext": "text",
    "longtext": "text",
    "binary": "bytes",
    "varbinary": "bytes",
    "tinyblob": "bytes",
    "blob": "bytes",
    "mediumblob": "bytes",
    "longblob": "bytes",
    "numeric": "decimal",
    "decimal": "decimal",
    "real": "float",
    "float": "float",
    "double": "float",
    "double precision": "float",
    "enum": "enum",
    **dict.fromkeys(_BITS, "integer"),
}
_TYPE = re.compile(
    r"(?P<word>[a-z]+(?: varying| precision)?)(?!\w)\s*(?:\((?P<inside>.*?)\))?(?P<rest>[ a-z]*)"
)
_NUMBERS = ("integer", "decimal", "float")
_BYTES_A_CHARACTER = 4
_LISTED = re.compile(r"enum\((?P<inside>.*)\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The limits of a type; None is no limit.

    length: in characters; in bytes for the kind "bytes".
    size: of a text, in bytes.
    low, high: of an integer.
    digits, scale: of a decimal, before and after its point.
    values: of an enum.
    """

    kind: _Kind
    length: int | None = None
    size: int | None = None
    low: int = 0
    high: int = 0
    digits: int | None = None
    scale: int | None = None
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EnumSides:
    """Which of two types are enum types, or arrays of them.

    before: whether the old type is one. values: those of the new type; empty if it is none.
    """

    before: bool = False
    values: tuple[str, ...] = ()


NO_ENUMS = EnumSides()


@dataclass(frozen=True, slots=True, kw_only=True)
class Misfit:
    """A condition for rows, and the words for it in a message: "is longer than 20"."""

    condition: str
    words: str


def shape(sql: str, sizes: Mapping[str, int]) -> Shape:
    """Return the limits of a type; `sizes` has the bytes that some types hold, by name."""
    if listed := _LISTED.match(sql):
        values = [unquote_literal(part) for part in split_top_level(listed["inside"])]
        return Shape(kind="enum", values=tuple(value or "" for value in values))
    match = _TYPE.match(sql.lower())
    is_array = sql.lower().partition(" collate ")[0].endswith("]")
    kind = _WORDS.get(match["word"], "other") if match and not is_array else "other"
    if match is None or kind == "other":
        return Shape(kind="other")
    numbers = [int(part) for part in re.findall(r"\d+", match["inside"] or "")]
    match kind:
        case "integer":
            bits = _BITS[match["word"]]
            if "unsigned" in match["rest"]:
                return Shape(kind=kind, high=2**bits - 1)
            return Shape(kind=kind, low=-(2 ** (bits - 1)), high=2 ** (bits - 1) - 1)
        case "decimal" if numbers:
            scale = numbers[1] if len(numbers) > 1 else 0
            return Shape(kind=kind, digits=numbers[0] - scale, scale=scale)
        case "text" | "bytes":
            length = numbers[0] if numbers else None
            return Shape(kind=kind, length=length, size=sizes.get(match["word"]))
        case _:
            return Shape(kind=kind)


def comparable(first: Shape, second: Shape) -> bool:
    """Return whether every database can compare values of the two types."""
    both_numbers = first.kind in _NUMBERS and second.kind in _NUMBERS
    return both_numbers or first.kind == second.kind != "other"


def misfit(
    column: str, before: Shape, after: Shape, type_sql: str, dialect: Dialect
) -> Misfit | None:
    """Return the condition for values that the new type refuses or cuts.

    None if all values fit, or no condition can find them. `column` is quoted; `type_sql` is the new
    type.
    """
    match after.kind:
        case "text" | "bytes" if before.kind == after.kind:
            return _longer(column, before, after, dialect.features)
        case "integer" | "decimal":
            conditions = [*_beyond(column, before, after), *_finer(column, before, after)]
            words = f"does not fit {type_sql}"
            return Misfit(condition=" OR ".join(conditions), words=words) if conditions else None
        case "enum":
            return _unlisted(column, before, after, dialect.literal)
        case _:
            return None


def _longer(column: str, before: Shape, after: Shape, features: Features) -> Misfit | None:
    limit, most, unit = after.length, before.length, " bytes" if after.kind == "bytes" else ""
    if limit is None:
        limit, unit = after.size, " bytes"
        most = before.size if before.length is None else before.length * _BYTES_A_CHARACTER
    if limit is None or (most is not None and most <= limit):
        return None
    measure = features.byte_length if unit else features.character_length
    condition = f"{measure}({column}) > {limit}"
    return Misfit(condition=condition, words=f"is longer than {limit}{unit}")


def _beyond(column: str, before: Shape, after: Shape) -> list[str]:
    """Return conditions for numbers outside of the range of the new type."""
    if after.kind == "decimal":
        if before.kind not in _NUMBERS or after.digits is None:
            return []
        if _digits(before) <= after.digits:
            return []
        return [f"abs({column}) >= {10**after.digits}"]
    if before.kind == "integer":
        low, high = before.low < after.low, before.high > after.high
    elif before.kind in ("decimal", "float"):
        low = high = 10 ** _digits(before) > after.high
    else:
        return []
    if low and high:
        return [f"{column} NOT BETWEEN {after.low} AND {after.high}"]
    return [f"{column} < {after.low}"] * low + [f"{column} > {after.high}"] * high


def _digits(number: Shape) -> int:
    """Return the number of digits before the point; a large number if there is no limit."""
    if number.kind == "integer":
        return len(str(max(-number.low, number.high)))
    return 1000 if number.digits is None else number.digits


def _finer(column: str, before: Shape, after: Shape) -> list[str]:
    """Return conditions for numbers with more decimal places, which would be rounded."""
    if before.kind == "float" and after.kind == "integer":
        return [f"{column} <> round({column})"]
    places = 0 if after.kind == "integer" else after.scale
    if before.kind != "decimal" or places is None:
        return []
    if before.scale is not None and before.scale <= places:
        return []
    return [f"{column} <> round({column}{f', {places}' if places else ''})"]


def _unlisted(
    column: str, before: Shape, after: Shape, literal: Callable[[str], str]
) -> Misfit | None:
    if before.kind == "text":
        listed = ", ".join(map(literal, after.values))
        return Misfit(condition=f"{column} NOT IN ({listed})", words=f"is none of {listed}")
    gone = [literal(value) for value in before.values if value not in after.values]
    return one_of(column, gone) if gone else None


def one_of(column: str, literals: Sequence[str]) -> Misfit:
    """Return the condition for values that equal one of the literals."""
    if len(literals) == 1:
        return Misfit(condition=f"{column} = {literals[0]}", words=f"is {literals[0]}")
    listed = ", ".join(literals)
    return Misfit(condition=f"{column} IN ({listed})", words=f"is one of {listed}")
