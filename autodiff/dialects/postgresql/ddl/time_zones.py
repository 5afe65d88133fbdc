"""Conversions between types with and without a time zone, which depend on the session's time zone.

https://www.postgresql.org/docs/current/datatype-datetime.html#DATATYPE-TIMEZONES
"""

from __future__ import annotations

from autodiff.dialects.type_names import split_type

__all__ = ["utc_conversion"]

_LOCAL, _ZONED = "timestamp without time zone", "timestamp with time zone"
_CONVERSIONS = {
    (_LOCAL, _ZONED): "{column} AT TIME ZONE 'UTC'",
    (_ZONED, _LOCAL): "{column} AT TIME ZONE 'UTC'",
    ("date", _ZONED): "{column}::timestamp AT TIME ZONE 'UTC'",
    (_ZONED, "date"): "({column} AT TIME ZONE 'UTC')::date",
    (_ZONED, "time without time zone"): "({column} AT TIME ZONE 'UTC')::time",
    (_ZONED, "time with time zone"): "(({column} AT TIME ZONE 'UTC')::time || '+00')::timetz",
    ("time without time zone", "time with time zone"): "({column} || '+00')::timetz",
    ("time with time zone", "time without time zone"): "({column} AT TIME ZONE 'UTC')::time",
}


def utc_conversion(column: str, before: str, after: str) -> str | None:
    """Return an expression that converts a quoted column with UTC as the time zone.

    None if the conversion between the two types does not depend on the time zone of the session.
    """
    found = _CONVERSIONS.get((_without_precision(before), _without_precision(after)))
    return None if found is None else found.format(column=column)


def _without_precision(sql: str) -> str:
    name, _, rest = split_type(sql)
    return f"{name} {rest}".strip()
