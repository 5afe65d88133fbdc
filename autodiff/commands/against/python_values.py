"""Sample values for the columns of models, as an application would pass them."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

__all__ = ["UNKNOWN", "Size", "listed_values", "sample_value"]

Size = Literal["usual", "high", "low"]
"""Usual values, or those at the upper or lower limit of a type."""

UNKNOWN: Any = object()
"""Marks a type for which no values are known."""

_DAY = dt.datetime(2001, 2, 3, 4, 5, 6)
_LONG_TEXT = 2000
"""The length of a text if its type has no limit: longer than usual limits of VARCHAR."""


def listed_values(column: sa.Column[Any]) -> tuple[str, ...]:
    """Return the values of an Enum, as the database stores them; empty for another type."""
    type_ = column.type
    return tuple(type_.enums) if isinstance(type_, sa.Enum) else ()


def sample_value(
    column: sa.Column[Any], dialect: Dialect, number: int, size: Size = "usual"
) -> Any:
    """Return a value for a column, a different one for each number if the size is usual.

    The value of a TypeDecorator is a bound parameter of the type that it decorates: only the
    application knows which objects its own type accepts.
    """
    if values := listed_values(column):
        return values[number % len(values)]
    type_: Any = column.type.dialect_impl(dialect)
    if not isinstance(type_, TypeDecorator):
        return _plain(type_, column.name, number, size)
    inner: Any = type_
    while isinstance(inner, TypeDecorator):
        inner = inner.load_dialect_impl(dialect)
    if isinstance(inner, sa.Enum):
        return sa.literal(inner.enums[number % len(inner.enums)], inner)
    value = _plain(inner, column.name, number, size)
    return value if value is UNKNOWN or column.primary_key else sa.literal(value, inner)


def _plain(type_: Any, name: str, number: int, size: Size) -> Any:
    if (make := _BY_NAME.get(type(type_).__visit_name__.lower())) is not None:
        return make(number)
    for kind, make_sized in _BY_CLASS.items():
        if isinstance(type_, kind):
            return make_sized(type_, name, number, size)
    return UNKNOWN


def _integer(type_: Any, name: str, number: int, size: Size) -> int:
    bits = 15 if isinstance(type_, sa.SmallInteger) else 31
    bits = 62 if isinstance(type_, sa.BigInteger) else bits
    values: dict[Size, int] = {"usual": number + 1, "high": (1 << bits) - 1, "low": 1 - (1 << bits)}
    return values[size]


def _numeric(type_: Any, name: str, number: int, size: Size) -> Any:
    scale = type_.scale or 0
    digits = (type_.precision or scale + 12) - scale
    high = Decimal("9" * digits + ("." + "9" * scale if scale else ""))
    value = {"usual": Decimal(number + 1), "high": high, "low": -high}[size]
    return value if type_.asdecimal else float(value)


def _float(type_: Any, name: str, number: int, size: Size) -> float:
    return {"usual": number + 0.5, "high": 1e30, "low": -1e30}[size]


def _text(type_: Any, name: str, number: int, size: Size) -> str:
    length = getattr(type_, "length", None)
    usual = f"{name} {number}"
    if length is not None and len(usual) > length:
        usual = str(number)[:length]
    return {"usual": usual, "high": "x" * (length or _LONG_TEXT), "low": ""}[size]


def _bytes(type_: Any, name: str, number: int, size: Size) -> bytes:
    return {"usual": bytes([number % 256]), "high": b"x" * (type_.length or 9), "low": b""}[size]


def _moment(type_: Any, name: str, number: int, size: Size) -> dt.datetime:
    zone = dt.UTC if type_.timezone else None
    return (_DAY + dt.timedelta(days=number)).replace(tzinfo=zone)


def _time(type_: Any, name: str, number: int, size: Size) -> dt.time:
    zone = dt.UTC if type_.timezone else None
    return dt.time(number % 24, 5, 6, tzinfo=zone)


def _uuid(type_: Any, name: str, number: int, size: Size) -> Any:
    value = uuid.UUID(int=number + 1, version=4)
    return value if type_.as_uuid else str(value)


_BY_CLASS: Mapping[Any, Callable[[Any, str, int, Size], Any]] = {
    sa.Boolean: lambda type_, name, number, size: number % 2 == 0,
    sa.Integer: _integer,
    sa.Float: _float,
    sa.Numeric: _numeric,
    sa.DateTime: _moment,
    sa.Date: lambda type_, name, number, size: (_DAY + dt.timedelta(days=number)).date(),
    sa.Time: _time,
    sa.Interval: lambda type_, name, number, size: dt.timedelta(days=number + 1),
    sa.Uuid: _uuid,
    sa.JSON: lambda type_, name, number, size: {"n": number},
    sa.ARRAY: lambda type_, name, number, size: [],
    sa.LargeBinary: _bytes,
    sa.String: _text,
}
"""Values by the class of a type. A class comes before those that it is derived from."""

_BY_NAME: Mapping[str, Callable[[int], Any]] = {
    "inet": lambda number: f"10.0.0.{number % 256}",
    "cidr": lambda number: f"10.0.{number % 256}.0/24",
    "macaddr": lambda number: f"08:00:2b:01:02:{number % 256:02x}",
    "tsvector": lambda number: f"word{number}",
    "money": lambda number: str(number),
    "hstore": lambda number: {"n": str(number)},
    "interval": lambda number: dt.timedelta(days=number + 1),
    "year": lambda number: 2001 + number % 50,
    "bit": lambda number: number % 2,
    "citext": lambda number: f"word {number}",
}
"""Values of types that belong to one database, by the name with which a type is compiled."""
