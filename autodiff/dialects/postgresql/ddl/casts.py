"""Write casts of a column's values to another type, for pairs of types without an implicit cast.

https://www.postgresql.org/docs/current/sql-createcast.html, and pg_cast of a new database.
"""

from __future__ import annotations

from autodiff.dialects.postgresql.types import split_collation
from autodiff.dialects.type_names import split_type

__all__ = ["cast", "cast_enum"]

_NUMBERS = frozenset(("smallint", "integer", "bigint", "numeric", "real", "double precision"))
_TIMES = frozenset(("timestamp without time zone", "timestamp with time zone"))
_JSON = frozenset(("json", "jsonb"))
_TEXTS = frozenset(("text", "character varying", "character", "bpchar", "citext", "name"))
_RANGES = ("int4", "int8", "num", "date", "ts", "tstz")
_PLAIN = (
    _NUMBERS
    | _TIMES
    | _JSON
    | {"boolean", "money", "date", "time without time zone", "time with time zone", "interval"}
    | {"uuid", "bytea", "hstore", "inet", "cidr", "macaddr", "macaddr8", "oid", "name"}
    | {"bit", "bit varying", "xml", "tsvector", "tsquery", "jsonpath", "pg_lsn"}
    | {"point", "line", "lseg", "box", "path", "polygon", "circle"}
    | {f"{name}{kind}" for name in _RANGES for kind in ("range", "multirange")}
)
"""Types whose casts are all listed in `_CASTS`: no other pair of them has a cast."""

_CASTS: dict[str, frozenset[str] | set[str]] = {
    "smallint": {"oid"},
    "integer": {"boolean", "money", "bit", "oid"},
    "bigint": {"money", "bit", "oid"},
    "oid": {"integer", "bigint"},
    "bit": {"integer", "bigint", "bit varying"},
    "bit varying": {"bit"},
    "point": {"box"},
    "lseg": {"point"},
    "path": {"polygon"},
    "box": {"point", "lseg", "polygon", "circle"},
    "polygon": {"point", "path", "box", "circle"},
    "circle": {"point", "box", "polygon"},
    **{f"{name}range": {f"{name}multirange"} for name in _RANGES},
    "numeric": {"money"},
    "money": {"numeric"},
    "boolean": {"integer"},
    "date": _TIMES,
    "timestamp without time zone": {"date", "time without time zone", *_TIMES},
    "timestamp with time zone": {"date", "time without time zone", "time with time zone", *_TIMES},
    "time without time zone": {"interval", "time with time zone"},
    "time with time zone": {"time without time zone"},
    "interval": {"time without time zone"},
    "jsonb": {"json", "boolean", *_NUMBERS},
    "json": {"jsonb"},
    "inet": {"cidr"},
    "cidr": {"inet"},
    "macaddr": {"macaddr8"},
    "macaddr8": {"macaddr"},
}
_BETWEEN = {"boolean": "integer", "money": "numeric"}
"""The number type that a type has casts for; casts to other number types go through it."""


def cast(column: str, before: str | None, after: str) -> str:
    """Return an expression for the column's values in the type `after`.

    Types without a cast are cast through text: the statement fails if a value does not fit, and
    succeeds on an empty table. `before` is None if the type is unknown.
    """
    new = split_collation(after)[0]
    if before is None:
        return f"{column}::{new}"
    source, target = _base(split_collation(before)[0]), _base(new)
    if target in _JSON and source not in _TEXTS | _JSON:
        return f"to_{target}({column})"
    if f"{source}[]" == target:
        return f"CASE WHEN {column} IS NOT NULL THEN ARRAY[{column}] END"
    if source == f"{target}[]" and target in _PLAIN - _JSON:
        return f"nullif(nullif(trim(both '{{}}' from {column}::text), ''), 'NULL')::{new}"
    if _is_direct(source, target):
        return f"{column}::{new}"
    if source in _JSON and not new.endswith("]"):
        return f"({column} #>> '{{}}')::{new}"
    if (bits := _cast_bits(column, source, target)) is not None:
        return f"{bits}::{new}"
    if source in _NUMBERS and target == "boolean":
        return f"{column} <> 0"
    for kind, between in _BETWEEN.items():
        if {source, target} & {kind} and {source, target} <= _NUMBERS | {kind}:
            return f"{column}::{between}::{new}"
    return f"{column}::text::{new}"


def cast_enum(column: str, before: str, after: str) -> str:
    """Return the same for two types of which one is an enum, or an array of it.

    An enum type has casts to and from texts only.
    """
    new = split_collation(after)[0]
    source, target = _base(split_collation(before)[0]), _base(new)
    if target in _JSON:
        return f"to_{target}({column})"
    text = f"({column} #>> '{{}}')" if source in _JSON and target[-1] != "]" else f"{column}::text"
    return f"{text}::{new}"


def _cast_bits(column: str, source: str, target: str) -> str | None:
    """Return an expression between bits and numbers, None for other types.

    As a text, bits are a number with decimal digits; casts to BIT add zeros on the right.
    """
    if source == "bit" and target in _NUMBERS:
        return f"{column}::bigint"
    if source == "bit varying" and target in _NUMBERS:
        return f"lpad({column}::text, 64, '0')::bit(64)::bigint"
    if source in _NUMBERS and target == "bit":
        return f"{column}::bigint"
    return f"{column}::bigint::bit(64)" if source in _NUMBERS and target == "bit varying" else None


def _is_direct(source: str, target: str) -> bool:
    """Return whether `source::target` is valid, or may be valid for types that are not listed."""
    if source.endswith("]") or target.endswith("]"):
        both = source.endswith("]") and target.endswith("]")
        return both and _is_direct(source[:-2], target[:-2])
    if source in ("character", "bpchar") and target not in _TEXTS:
        return False  # its spaces at the end are not a part of the value
    if not {source, target} <= _PLAIN:
        return True
    same = source == target or {source, target} <= _NUMBERS
    return same or target in _CASTS.get(source, ())


def _base(sql: str) -> str:
    """Return a type without its length: `timestamp with time zone`, `numeric[]`."""
    if sql.endswith("[]"):
        return f"{_base(sql[:-2])}[]"
    name, _, rest = split_type(sql)
    return f"{name} {rest}".strip()
