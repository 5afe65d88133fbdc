"""Types of PostgreSQL, in the spelling of format_type().

https://www.postgresql.org/docs/current/datatype.html
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from autodiff.dialects.type_names import python_type, split_type
from autodiff.schema.objects import Name
from autodiff.schema.sqltext import (
    normalize,
    quote_identifier,
    tokens,
    unquote_identifier,
)
from autodiff.utils.quoting import python_string

__all__ = [
    "MAX_VALUES",
    "canonical_type",
    "enum_python",
    "is_canonical_type",
    "is_next_value",
    "is_serial_default",
    "key_family",
    "plain_default",
    "split_collation",
    "type_family",
    "type_python",
    "without_default_precision",
]

MAX_VALUES = {"smallint": 2**15 - 1, "integer": 2**31 - 1, "bigint": 2**63 - 1}
_ALIASES = {
    "int": "integer",
    "int4": "integer",
    "int2": "smallint",
    "int8": "bigint",
    "bool": "boolean",
    "decimal": "numeric",
    "varchar": "character varying",
    "char varying": "character varying",
    "char": "character",
    "float4": "real",
    "float8": "double precision",
    "timestamp": "timestamp without time zone",
    "timestamptz": "timestamp with time zone",
    "time": "time without time zone",
    "timetz": "time with time zone",
    "varbit": "bit varying",
}
_KNOWN = frozenset(
    "smallint integer bigint numeric real boolean text bytea date interval uuid json jsonb inet "
    "cidr macaddr macaddr8 money oid xml tsvector tsquery point line lseg box path polygon circle "
    "bit character bpchar name citext hstore int4range int8range numrange tsrange tstzrange "
    "daterange int4multirange int8multirange nummultirange tsmultirange tstzmultirange "
    "datemultirange regclass regconfig jsonpath".split()
) | {"double precision", "character varying", "bit varying"}
_LENGTH_ONE_BY_DEFAULT = ("character", "bit")
"""Types that mean length 1 without a length: https://www.postgresql.org/docs/current/datatype.html"""
_STANDARD_ARRAY = re.compile(r"(.*\S)\s+ARRAY(\s*\[\d*\])?", re.IGNORECASE | re.DOTALL)
"""The SQL standard's spelling: https://www.postgresql.org/docs/current/arrays.html"""
_INTERNAL_ARRAY = re.compile(
    r"_(int[248]|float[48]|bool|text|varchar|bpchar|bytea|numeric|date|timestamp|timestamptz|time"
    r"|timetz|interval|uuid|jsonb?|xml|inet|cidr|macaddr8?|name|oid|money|bit|varbit)",
    re.IGNORECASE,
)
"""The names of array types in pg_type: https://www.postgresql.org/docs/current/xtypes.html"""
_COLLATE = re.compile(r'\s+COLLATE\s+((?:"(?:[^"]|"")+"|\w+)(?:\."(?:[^"]|"")+")?)\Z', re.I)
_COLLATION_PART = re.compile(r'"(?:[^"]|"")+"|\w+')
_NEXTVAL = re.compile(r"nextval\('((?:[^']|'')+)'(?:::regclass|::text)?\)", re.IGNORECASE)
_CANONICAL_TYPE = re.compile(
    r"smallint|integer|bigint|real|double precision|boolean|text|bytea|date|uuid|json|jsonb|inet"
    r"|numeric(\(\d+,\d+\))?|character varying(\(\d+\))?|character\(\d+\)"
    r"|(time|timestamp)(\([0-5]\))? (with|without) time zone"
)
_DEFAULT_PRECISION = re.compile(r"(time|timestamp|interval(?: [a-z ]+)?)\((?:[6-9]|\d\d+)\)")
"""Six digits is the default and the greatest precision, to which a greater one is reduced.

https://www.postgresql.org/docs/current/datatype-datetime.html
"""
_ZONES = ("with time zone", "without time zone")
_PYTHON = {
    "smallint": "sa.SmallInteger",
    "integer": "sa.Integer",
    "bigint": "sa.BigInteger",
    "numeric": "sa.Numeric",
    "real": "sa.REAL",
    "double precision": "sa.Double",
    "boolean": "sa.Boolean",
    "text": "sa.Text",
    "character varying": "sa.String",
    "character": "sa.CHAR",
    "bytea": "sa.LargeBinary",
    "date": "sa.Date",
    "uuid": "sa.Uuid",
    "json": "sa.JSON",
    "jsonb": "postgresql.JSONB",
    "inet": "postgresql.INET",
    "cidr": "postgresql.CIDR",
    "macaddr": "postgresql.MACADDR",
    "macaddr8": "postgresql.MACADDR8",
    "money": "postgresql.MONEY",
    "oid": "postgresql.OID",
    "tsvector": "postgresql.TSVECTOR",
    "tsquery": "postgresql.TSQUERY",
    "bit": "postgresql.BIT",
    "hstore": "postgresql.HSTORE",
    "citext": "postgresql.CITEXT",
    "regclass": "postgresql.REGCLASS",
    "int4range": "postgresql.INT4RANGE",
    "int8range": "postgresql.INT8RANGE",
    "numrange": "postgresql.NUMRANGE",
    "tsrange": "postgresql.TSRANGE",
    "tstzrange": "postgresql.TSTZRANGE",
    "daterange": "postgresql.DATERANGE",
    "int4multirange": "postgresql.INT4MULTIRANGE",
    "int8multirange": "postgresql.INT8MULTIRANGE",
    "nummultirange": "postgresql.NUMMULTIRANGE",
    "tsmultirange": "postgresql.TSMULTIRANGE",
    "tstzmultirange": "postgresql.TSTZMULTIRANGE",
    "datemultirange": "postgresql.DATEMULTIRANGE",
}
_FAMILIES = {
    "text": "text",
    "character varying": "text",
    "character": "text",
    "bpchar": "text",
    "smallint": "number",
    "integer": "number",
    "bigint": "number",
    "numeric": "number",
    "real": "number",
    "double precision": "number",
    "date": "time",
    "timestamp without time zone": "time",
    "timestamp with time zone": "time",
}

_NUMBERS = {
    **dict.fromkeys(("smallint", "integer", "bigint"), "integer"),
    **dict.fromkeys(("real", "double", "double precision"), "float"),
    "numeric": "decimal",
}
"""The operator family of each type of number, by its first words."""


def split_collation(sql: str) -> tuple[str, str | None]:
    """Return a type without its collation, and the quoted collation, None if it has none."""
    match = _COLLATE.search(sql)
    return (sql[: match.start()], _quoted_collation(match[1])) if match else (sql, None)


def _quoted_collation(text: str) -> str:
    """Return the name of a collation as the catalog has it, with quotes."""
    parts = [
        unquote_identifier(part) if part.startswith('"') else part.lower()
        for part in _COLLATION_PART.findall(text)
    ]
    if parts[0] == "pg_catalog":
        parts = parts[1:] or parts
    return ".".join(map(quote_identifier, parts))


def _collation_name(quoted: str) -> str | None:
    """Return the name of a quoted collation, None if it has a schema."""
    match = _COLLATION_PART.fullmatch(quoted)
    return None if match is None else unquote_identifier(quoted)


@lru_cache(4096)
def canonical_type(sql: str) -> str:
    """Return the type in the spelling of format_type(); an unknown type is unchanged."""
    bare, collation = split_collation(sql)
    text = without_default_precision(_canonical(bare))
    return f"{text} COLLATE {collation}" if collation else text


def without_default_precision(sql: str) -> str:
    """Return a type in the spelling of format_type(), without the precision that it has anyway."""
    match = _DEFAULT_PRECISION.match(sql)
    return match[1] + sql[match.end() :] if match else sql


def _canonical(sql: str) -> str:
    if array := _STANDARD_ARRAY.fullmatch(sql) or _INTERNAL_ARRAY.fullmatch(sql):
        return _canonical(array[1]) + "[]"
    if sql.endswith("]"):
        element = re.sub(r"(\s*\[\d*\])+\Z", "", sql)
        return _canonical(element) + "[]"
    if sql.startswith('"'):
        return sql
    base, arguments, rest = split_type(sql)
    base, rest = base.lower(), rest.lower()
    for zone in _ZONES:
        if base.endswith(zone):
            base, rest = base[: -len(zone)].strip(), zone
    if base == "interval" and rest:
        return _interval(rest, arguments)
    if base in ("timestamp", "time") and rest:
        return _with_arguments(base, arguments, rest)
    if base == "float":
        # https://www.postgresql.org/docs/current/datatype-numeric.html#DATATYPE-FLOAT
        return "real" if arguments and int(arguments[0]) <= 24 else "double precision"
    name = "character" if base == "bpchar" and arguments else _ALIASES.get(base, base)
    if name not in _KNOWN:
        zoned = name.split(" ", 1)
        if zoned[0] == "interval":
            return _interval(zoned[1], arguments)
        if zoned[0] in ("timestamp", "time"):
            rest = zoned[1] if len(zoned) > 1 else rest
            return _with_arguments(zoned[0], arguments, rest)
        return sql
    if name == "numeric" and len(arguments) == 1:
        arguments = (*arguments, "0")
    if name in _LENGTH_ONE_BY_DEFAULT and not arguments:
        arguments = ("1",)
    return _with_arguments(name, arguments, rest)


def _interval(fields: str, arguments: tuple[str, ...]) -> str:
    """Return an interval; its precision follows the fields: `interval day to second(3)`."""
    return _with_arguments(f"interval {fields}", arguments, "")


def _with_arguments(name: str, arguments: tuple[str, ...], rest: str) -> str:
    text = f"{name}({','.join(arguments)})" if arguments else name
    return f"{text} {rest}" if rest else text


def type_family(sql: str) -> str | None:
    """Return the family of a type: text, number, time, or None.

    PostgreSQL has implicit or assignment casts between the types of a family, so changing a column
    within it needs no USING. https://www.postgresql.org/docs/current/typeconv.html
    """
    bare, _ = split_collation(sql)
    base, _, rest = split_type(bare)
    return _FAMILIES.get(f"{base} {rest}".strip())


def key_family(sql: str) -> str | None:
    """Return the family of a type within which columns of any types can refer to each other.

    The casts between integers, decimals and floats are implicit in one direction only.
    https://www.postgresql.org/docs/current/btree.html#BTREE-FAMILIES
    """
    family = type_family(sql)
    return _NUMBERS[split_type(sql)[0]] if family == "number" else family


def enum_python(sql: str, values: Sequence[str], name: Name) -> str:
    """Return the Python expression for an enum type, or for an array of it."""
    labels = ", ".join(map(python_string, values))
    schema = f", schema={python_string(name.schema)}" if name.schema else ""
    python = f"sa.Enum({labels}, name={python_string(name.name)}{schema})"
    return f"postgresql.ARRAY({python})" if sql.endswith("[]") else python


@lru_cache(4096)
def type_python(sql: str) -> str:
    """Return Python for a type: `op.sql_type(...)` if SQLAlchemy has no class for it."""
    bare, collation = split_collation(sql)
    if bare.endswith("[]"):
        item = type_python(f"{bare[:-2]} COLLATE {collation}" if collation else bare[:-2])
        is_sql = collation and item.startswith("op.")
        return f"op.sql_type({python_string(sql)})" if is_sql else f"postgresql.ARRAY({item})"
    if collation is None and (zoned := _time_python(bare)):
        return zoned
    base, arguments, _ = split_type(bare)
    if base == "bit varying":
        length = f"{arguments[0]}, " if arguments else ""
        return f"postgresql.BIT({length}varying=True)"
    if base == "numeric" and arguments[1:] == ("0",):
        bare = f"numeric({arguments[0]}, 0)"
    name = _collation_name(collation) if collation else None
    if collation and (name is None or base not in ("text", "character varying", "character")):
        return f"op.sql_type({python_string(sql)})"
    return python_type(bare, _PYTHON, collation=name)


def _time_python(sql: str) -> str | None:
    base, arguments, rest = split_type(sql)
    if not arguments and base.startswith(("timestamp", "time")):
        base, _, rest = base.partition(" ")
    precision = f"precision={arguments[0]}" if arguments else ""
    zone = "timezone=True" if rest == "with time zone" else ""
    inside = ", ".join(part for part in (zone, precision) if part)
    match base:
        case "timestamp":
            return f"postgresql.TIMESTAMP({inside})" if precision else f"sa.DateTime({inside})"
        case "time":
            return f"postgresql.TIME({inside})" if precision else f"sa.Time({inside})"
        case "interval":
            return f"postgresql.INTERVAL({precision})"
    if base.startswith("interval "):
        parts = [f'fields="{base[9:].upper()}"', precision]
        return f"postgresql.INTERVAL({', '.join(part for part in parts if part)})"
    return None


@lru_cache(4096)
def plain_default(default: str, type_sql: str) -> str:
    """Return the default without a cast to the column's own type: `'x'` for `'x'::text`.

    A cast to another text or number type is removed too: it remains from a previous type of the
    column.
    """
    found = [token for token in tokens(default) if token[0] != "space"]
    if len(found) < 3 or found[0][0] not in ("string", "number") or found[1][1] != "::":
        return default
    bare, _ = split_collation(type_sql)
    base, _, rest = split_type(bare)
    cast = normalize(" ".join(token for _, token in found[2:]))
    own = {normalize(f"{base} {rest}"), normalize(bare)}
    family = type_family(bare)
    previous = family in ("text", "number") and family == type_family(cast) and "(" not in cast
    return found[0][1] if cast in own or previous else default


def is_serial_default(default: str, table: str, column: str) -> bool:
    """Return whether a default takes from the sequence that SERIAL creates: table_column_seq.

    https://www.postgresql.org/docs/current/datatype-numeric.html#DATATYPE-SERIAL
    """
    match = _NEXTVAL.fullmatch(default.strip()) if "(" in default else None
    if match is None:
        return False
    sequence = match[1].rpartition(".")[2].strip('"')
    return sequence == f"{table}_{column}_seq"


def is_next_value(default: str) -> bool:
    """Return whether a default is nextval() of a sequence, and nothing else."""
    return _NEXTVAL.fullmatch(default.strip()) is not None


def is_canonical_type(sql: str) -> bool:
    """Return whether format_type() is known to spell the type this way: common types only."""
    return _CANONICAL_TYPE.fullmatch(sql) is not None
