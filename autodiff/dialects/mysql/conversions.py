"""SQL conditions that find the values that MySQL and MariaDB cannot convert to another type.

ALTER TABLE stops at the first such value in strict mode, and the statements before it stay. A CAST
in a query returns NULL instead (https://mariadb.com/kb/en/cast/).
"""

from __future__ import annotations

import re

__all__ = ["changed_texts", "unconvertible"]

_BITS = {"tinyint": 8, "smallint": 16, "mediumint": 24, "int": 32, "bigint": 64}
_TEXTS = frozenset("char varchar tinytext text mediumtext longtext json".split())
_LISTS = frozenset(("enum", "set"))
"""Types whose values convert to numbers by their position, so that all of them convert."""
_TIMES = frozenset("date datetime timestamp time".split())
_NUMBERS = frozenset((*_BITS, "decimal", "float", "double", "year", "bit"))
"""Types whose ranges are compared elsewhere, apart from YEAR and BIT."""
_KEEPS_ALL = _TEXTS - {"json"} | _LISTS | {"binary", "varbinary"}
"""Types that take any value, apart from its length and from a list of values."""

_SPACE = "[[:space:]]*"
_INTEGER = f"^{_SPACE}[-+]?[0-9]+{_SPACE}$"
_DECIMAL = f"^{_SPACE}[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)(e[-+]?[0-9]+)?{_SPACE}$"
_CLOCK = "[0-9]{1,6}([.][0-9]*)?|[0-9]{1,3}:[0-9]{1,2}(:[0-9]{1,2}([.][0-9]*)?)?"
_TIME = f"^{_SPACE}[-+]?({_CLOCK}){_SPACE}$"
_PLAIN = "^-?(0|[1-9][0-9]*)([.][0-9]*)?$"
_UUID = "^[{]?[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}[}]?$"


def unconvertible(column: str, before: str, after: str) -> str | None:
    """Return a condition for values of the quoted column that ALTER TABLE refuses to convert."""
    source, target = _word(before), _word(after)
    if source == target or target in _KEEPS_ALL:
        return None
    if target in _TIMES:
        return _not_a_time(column, source, target)
    if target == "json":
        return f"NOT json_valid({column})" if source in _TEXTS | _LISTS | _TIMES else None
    if target == "uuid":
        return f"{column} NOT REGEXP '{_UUID}'" if source in _TEXTS else f"{column} IS NOT NULL"
    if source in _LISTS or (source in _NUMBERS and target not in ("bit", "year")):
        return None
    return _not_a_number(column, source, after)


def changed_texts(column: str, before: str, after: str) -> str | None:
    """Return a condition for numbers with leading zeros, spaces or a plus sign."""
    if _word(before) not in _TEXTS or _word(after) not in _NUMBERS:
        return None
    return f"{column} REGEXP '{_DECIMAL}' AND {column} NOT REGEXP '{_PLAIN}'"


def _not_a_time(column: str, source: str, target: str) -> str | None:
    """Return a condition for values that are no date or time; between those all values convert."""
    if source in _TIMES:
        return None
    type_sql = "datetime" if target == "timestamp" else target
    condition = f"{column} IS NOT NULL AND cast({column} AS {type_sql}) IS NULL"
    if target == "time" and source in _TEXTS:
        # A cast accepts a date without a time; ALTER TABLE does not.
        return f"{condition} OR ({column} NOT REGEXP '{_TIME}' AND {column} NOT LIKE '%:%')"
    return condition


def _not_a_number(column: str, source: str, after: str) -> str | None:
    """Return a condition for values that are no number, or outside of the range of a type."""
    target = _word(after)
    number = f"cast({column} AS decimal(65))" if source in _TEXTS else f"{column} + 0"
    match target:
        case "bit":
            outside = f"{number} NOT BETWEEN 0 AND {2 ** _numbers(after, 1)[0] - 1}"
        case "decimal":
            precision, scale = _numbers(after, 10, 0)
            outside = f"abs(round({column} + 0, {scale})) >= 1e{precision - scale}"
        case "year":
            number = f"{column} + 0"
            outside = f"{number} NOT BETWEEN 0 AND 99 AND {number} NOT BETWEEN 1901 AND 2155"
        case "float" | "double":
            return f"{column} NOT REGEXP '{_DECIMAL}'" if source in _TEXTS else None
        case _ if target in _BITS:
            outside = f"{number} NOT BETWEEN {_range(after)}"
        case _:
            return None
    if source not in _TEXTS | _TIMES | _NUMBERS:
        return None
    if source not in _TEXTS:
        return outside
    pattern = _INTEGER if target in _BITS or target == "bit" else _DECIMAL
    return f"CASE WHEN {column} NOT REGEXP '{pattern}' THEN true ELSE {outside} END"


def _word(sql: str) -> str:
    """Return the first word of a type: "varchar" for "varchar(10)"."""
    return re.split(r"[ (]", sql.lower())[0]


def _range(sql: str) -> str:
    """Return the lowest and the highest value of an integer type, for BETWEEN."""
    bits = _BITS[_word(sql)]
    if "unsigned" in sql:
        return f"0 AND {2**bits - 1}"
    return f"{-(2 ** (bits - 1))} AND {2 ** (bits - 1) - 1}"


def _numbers(sql: str, *defaults: int) -> tuple[int, ...]:
    """Return the numbers in the brackets of a type; missing ones have default values."""
    found = re.search(r"\(([\d, ]+)\)", sql)
    given = [int(part) for part in found[1].split(",")] if found else []
    return (*given, *defaults[len(given) :])
