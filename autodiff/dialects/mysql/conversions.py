"""SQL conditions that find the values that MySQL and MariaDB cannot convert to another type.

ALTER TABLE stops at the first such value in strict mode, and the statements before it stay. A CAST
in a query returns NULL instead (https://mariadb.com/kb/en/cast/).
"""

from __future__ import annotations

import re

from autodiff.dialects.mysql.expressions import quote_string
from autodiff.dialects.mysql.features import FEATURES
from autodiff.dialects.mysql.types import canonical_type
from autodiff.dialects.narrowing import shape

__all__ = ["changed_texts", "needs_text", "unconvertible"]

_BITS = {"tinyint": 8, "smallint": 16, "mediumint": 24, "int": 32, "bigint": 64}
_TEXTS = frozenset("char varchar tinytext text mediumtext longtext json".split())
_BYTES = frozenset("binary varbinary tinyblob blob mediumblob longblob".split())
_LISTS = frozenset(("enum", "set"))
"""Types whose values convert to numbers by their position."""
_TIMES = frozenset("date datetime timestamp time".split())
_NUMBERS = frozenset((*_BITS, "decimal", "float", "double", "year", "bit"))
"""Types whose ranges are compared elsewhere, apart from YEAR and BIT."""
_OWN_RANGE = frozenset(("year", "bit"))
_GEOMETRIES = frozenset(
    "geometry point linestring polygon geometrycollection multipoint multilinestring "
    "multipolygon".split()
)
_SIZES_IN_BYTES = {"uuid": 16, "inet6": 16, "inet4": 4}
"""Types of MariaDB that convert to texts, bytes and lists only, with their size in bytes.

https://mariadb.com/kb/en/uuid-data-type/ and https://mariadb.com/kb/en/inet6/
"""
_SPECIAL = _GEOMETRIES | _SIZES_IN_BYTES.keys()
_KNOWN = _TEXTS | _BYTES | _LISTS | _TIMES | _NUMBERS | _SPECIAL
_LONGEST_TEXT = {
    "year": 4, "bit": 20, "date": 10, "datetime": 26, "timestamp": 26, "time": 17,
    "uuid": 36, "inet6": 39, "inet4": 15,
}  # fmt: skip
"""The number of characters of the longest value as text."""

_SPACE = "[[:space:]]*"
_INTEGER = f"^{_SPACE}[-+]?[0-9]+{_SPACE}$"
_DECIMAL = f"^{_SPACE}[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)(e[-+]?[0-9]+)?{_SPACE}$"
_CLOCK = "[0-9]{1,6}([.][0-9]*)?|[0-9]{1,3}:[0-9]{1,2}(:[0-9]{1,2}([.][0-9]*)?)?"
_TIME = f"^{_SPACE}[-+]?({_CLOCK}){_SPACE}$"
_PLAIN = "^-?(0|[1-9][0-9]*)([.][0-9]*)?$"
_UUID = "^[{]?[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}[}]?$"
_LAST_CLOCK = 8385959
"""The last number that is a time, 838:59:59; exact numbers beyond it can be datetimes."""
_LAST_SECOND = {False: 2**31 - 1, True: 2**32 - 1}
"""The highest TIMESTAMP of MySQL, and that of MariaDB since 11.5; lower ones are NULL there.

https://dev.mysql.com/doc/refman/8.4/en/datetime.html and https://mariadb.com/kb/en/timestamp/
"""


def needs_text(before: str, after: str) -> bool:
    """Return whether a server refuses the conversion between two types, even of no rows (4078).

    UUIDs, addresses and geometries can be converted to texts, bytes and lists of values only.
    """
    source, target = _word(before), _word(after)
    if source == target or not {source, target} & _SPECIAL:
        return False
    if {source, target} <= _GEOMETRIES:
        return False
    return not {source, target} & (_TEXTS | _LISTS | _BYTES)


def unconvertible(column: str, before: str, after: str, *, is_mariadb: bool) -> str | None:
    """Return a condition for values of the quoted column that ALTER TABLE refuses to convert."""
    source, target = _word(before), _word(after)
    if source == target != "set" or source not in _KNOWN:
        return None
    if {source, target} & _GEOMETRIES:
        return _not_a_geometry(column, before, after)
    if needs_text(before, after):
        return f"{column} IS NOT NULL"
    if target in _SIZES_IN_BYTES:
        return _not_special(column, source, target)
    if target in _TIMES:
        return _not_a_time(column, source, target, _LAST_SECOND[is_mariadb])
    if target == "json":
        return _not_json(column, source)
    if target in _TEXTS or target in _BYTES:
        return _too_long(column, before, after)
    if target in _LISTS:
        if source == target and set(_set_values(before)) <= set(_set_values(after)):
            return None
        return _not_listed(column, source, after)
    if source in _NUMBERS - _OWN_RANGE and target not in _OWN_RANGE:
        return None
    return _not_a_number(column, before, after)


def changed_texts(column: str, before: str, after: str) -> str | None:
    """Return a condition for numbers with leading zeros, spaces or a plus sign."""
    if _word(before) not in _TEXTS or _word(after) not in _NUMBERS:
        return None
    return f"{column} REGEXP '{_DECIMAL}' AND {column} NOT REGEXP '{_PLAIN}'"


def _not_a_geometry(column: str, before: str, after: str) -> str | None:
    """Return a condition for values that are no geometry of the kind, or that no bytes can hold."""
    source, target = _word(before), _word(after)
    if {source, target} <= _GEOMETRIES:
        is_any = target == "geometry"
        return None if is_any else f"ST_GeometryType({column}) <> '{target.upper()}'"
    return _too_long(column, before, after) if target in _BYTES else f"{column} IS NOT NULL"


def _not_special(column: str, source: str, target: str) -> str:
    """Return a condition for values that are no UUID or address."""
    if source in _BYTES:
        return f"octet_length({column}) <> {_SIZES_IN_BYTES[target]}"
    if target == "uuid":
        return f"{column} NOT REGEXP '{_UUID}'"
    return f"{column} IS NOT NULL AND cast({column} AS {target}) IS NULL"


def _not_a_time(column: str, source: str, target: str, last_second: int) -> str | None:
    """Return a condition for values that are no date or time."""
    if source in _TIMES:
        if target != "timestamp" or source in ("time", "timestamp"):
            return None
        seconds = f"coalesce(unix_timestamp({column}), 0)"
        return f"year({column}) > 0 AND {seconds} NOT BETWEEN 1 AND {last_second}"
    value = f"{column} + 0" if source in _OWN_RANGE else column
    type_sql = "datetime" if target == "timestamp" else target
    converted = f"cast({value} AS {type_sql})"
    conditions = [f"{converted} IS NULL"]
    if target == "timestamp":
        seconds = f"coalesce(unix_timestamp({converted}), 0)"
        is_zero = f" AND {value} <> 0" if source in _NUMBERS else ""
        conditions.append(f"({seconds} NOT BETWEEN 1 AND {last_second}{is_zero})")
    if source in _NUMBERS and target == "time":
        beyond = f"abs({value}) > {_LAST_CLOCK}"
        is_exact = source not in ("float", "double")
        moment = f" AND cast({value} AS datetime) IS NULL" if is_exact else ""
        conditions.append(f"({beyond}{moment})")
    elif source in ("float", "double"):
        conditions.append(f"{value} <> round({value})")
    elif source in _BYTES:
        conditions.append(f"locate(x'00', {column}) > 0")
    if target == "time" and source in _TEXTS | _BYTES:
        # A cast accepts a date without a time; ALTER TABLE does not.
        text = _as_text(column, source)
        conditions.append(f"({text} NOT REGEXP '{_TIME}' AND {text} NOT LIKE '%:%')")
    found = " OR ".join(conditions)
    return f"{column} IS NOT NULL AND {found if len(conditions) == 1 else f'({found})'}"


def _not_json(column: str, source: str) -> str | None:
    """Return a condition for values whose text is not JSON."""
    if source in _NUMBERS - {"bit"}:
        return None
    value = column if source in _TEXTS | _LISTS | _TIMES else _as_text(column, source)
    invalid = f"NOT json_valid({value})"
    return f"{_not_utf8(column, source)} OR {invalid}" if source in (*_BYTES, "bit") else invalid


def _too_long(column: str, before: str, after: str) -> str | None:
    """Return a condition for values that are too long for a type of texts or bytes.

    Bytes must also be valid in UTF-8, the usual charset, to become a text. The lengths of two types
    of texts, or of bytes, are compared elsewhere.
    """
    source, target = _word(before), _word(after)
    kinds = _BYTES if target in _BYTES else _TEXTS - {"json"}
    if source in kinds:
        return None
    # A BIT becomes a decimal number in CHAR and BINARY, and bytes in TEXT and BLOB.
    is_bytes = source in _BYTES or (source == "bit" and not after.endswith(")"))
    conditions: list[str] = []
    if is_bytes and target in _TEXTS and not _names_charset(after):
        conditions.append(_not_utf8(column, source))
    limit, measure = shape(after, FEATURES.text_sizes), "octet_length"
    most = limit.size if limit.length is None else limit.length
    if target in _TEXTS and limit.length is not None:
        measure = "char_length"
    if source in _SIZES_IN_BYTES and target in _BYTES:
        is_short = most is not None and most < _SIZES_IN_BYTES[source]
        return f"{column} IS NOT NULL" if is_short else None
    longest = _longest(before, measure)
    if most is not None and (longest is None or longest > most):
        plain = source in _TEXTS | _BYTES | _GEOMETRIES and target in _BYTES
        value = column if plain else _as_text(column, source, is_bytes=is_bytes)
        conditions.append(f"{measure}({value}) > {most}")
    return " OR ".join(conditions) or None


def _longest(before: str, measure: str) -> int | None:
    """Return the number of characters or bytes of the longest value as text, if it is limited."""
    limits, source = shape(before, FEATURES.text_sizes), _word(before)
    match limits.kind:
        case "integer":
            return max(len(str(limits.low)), len(str(limits.high)))
        case "decimal" if limits.digits is not None:
            return limits.digits + (limits.scale or 0) + 2
        case "text" if limits.length is not None:
            return limits.length * (4 if measure == "octet_length" else 1)
        case "text" | "bytes":
            return limits.size if limits.length is None else limits.length
        case _:
            return _LONGEST_TEXT.get(source)


def _not_listed(column: str, source: str, after: str) -> str | None:
    """Return a condition for values that an ENUM or a SET does not list.

    A number is the position of a value, or the bits of a SET.
    """
    is_set = _word(after) == "set"
    values = _set_values(after) if is_set else shape(after, {}).values
    if source in _NUMBERS:
        value = f"{column} + 0" if source in _OWN_RANGE else column
        highest = 2 ** len(values) - 1 if is_set else len(values)
        return f"round({value}) NOT BETWEEN {0 if is_set else 1} AND {highest}"
    text = column if source in _TEXTS | _LISTS else _as_text(column, source)
    if not is_set:
        return f"{text} NOT IN ({', '.join(map(quote_string, values))})"
    one = "|".join(re.sub(r"([^\w ])", r"[\1]", value) for value in values)
    pattern = quote_string(f"^(({one})(,({one}))*)?$")
    return f"{text} NOT REGEXP {pattern}"


def _not_a_number(column: str, before: str, after: str) -> str | None:
    """Return a condition for values that are no number, or outside of the range of a type."""
    source, target = _word(before), _word(after)
    is_text = source in _TEXTS | _BYTES
    text = f"convert({column} USING latin1)" if source in _BYTES else column
    number = f"cast({text} AS decimal(65))" if is_text else f"{column} + 0"
    match target:
        case "bit":
            outside = f"{number} NOT BETWEEN 0 AND {2 ** _numbers(after, 1)[0] - 1}"
        case "decimal":
            precision, scale = _numbers(after, 10, 0)
            outside = f"abs(round({text} + 0, {scale})) >= 1e{precision - scale}"
        case "year":
            number = f"{text} + 0"
            if source == "time":
                return f"{column} IS NOT NULL"
            outside = f"{number} NOT BETWEEN 0 AND 99 AND {number} NOT BETWEEN 1901 AND 2155"
        case "float" | "double":
            return f"{text} NOT REGEXP '{_DECIMAL}'" if is_text else None
        case _ if target in _BITS:
            outside = f"{number} NOT BETWEEN {_range(after)}"
        case _:
            return None
    if not is_text:
        highest = _highest(before)
        return None if highest is not None and highest <= _highest_of(after) else outside
    pattern = _INTEGER if target in _BITS or target == "bit" else _DECIMAL
    return f"CASE WHEN {text} NOT REGEXP '{pattern}' THEN true ELSE {outside} END"


def _highest(before: str) -> int | None:
    """Return the highest number that a value of a list, a BIT or a YEAR becomes."""
    match _word(before):
        case "enum":
            return len(shape(before, {}).values)
        case "set":
            return (1 << len(_set_values(before))) - 1
        case "bit":
            return (1 << _numbers(before, 1)[0]) - 1
        case "year":
            return 2155
        case _:
            return None


def _highest_of(after: str) -> int:
    """Return a number up to which a type holds all, from 0 on."""
    match _word(after):
        case "bit":
            return _highest(after) or 0
        case "decimal":
            precision, scale = _numbers(after, 10, 0)
            return int("9" * (precision - scale) or "0")
        case "year":
            return 99
        case _:
            return shape(canonical_type(after), {}).high


def _set_values(sql: str) -> tuple[str, ...]:
    return shape(sql.replace("set(", "enum(", 1), {}).values


def _as_text(column: str, source: str, *, is_bytes: bool = True) -> str:
    """Return an expression for the text that a value becomes."""
    if source == "bit":
        return f"convert(cast({column} AS binary) USING utf8mb4)" if is_bytes else f"{column} + 0"
    return f"convert({column} USING utf8mb4)" if source in _BYTES else f"concat({column})"


def _not_utf8(column: str, source: str) -> str:
    """Return a condition for bytes that are not valid: converting them replaces some by "?"."""
    value = f"cast({column} AS binary)" if source == "bit" else column
    return f"cast({_as_text(column, source)} AS binary) <> {value}"


def _names_charset(sql: str) -> bool:
    """Return whether a type has another charset than UTF-8, in which other bytes are valid."""
    named = re.search(r"(?:COLLATE|CHARACTER SET) (\w+)", sql)
    return named is not None and not named[1].startswith("utf8")


def _word(sql: str) -> str:
    """Return the first word of a type: "varchar" for "varchar(10)"."""
    return re.split(r"[ (]", canonical_type(sql))[0]


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
