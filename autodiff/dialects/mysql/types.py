"""Convert the types of MySQL and MariaDB into one spelling for both, and into Python.

The spelling is the one of information_schema.columns without display widths. Types of models and of
migrations must be converted too: otherwise they would differ from the types of the database.

https://dev.mysql.com/doc/refman/en/data-types.html and https://mariadb.com/kb/en/data-types/
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from autodiff.dialects.mysql.expressions import quote_string, string_value
from autodiff.utils.quoting import python_string

__all__ = [
    "canonical_type",
    "equating_collation",
    "is_canonical_type",
    "is_text",
    "split_collation",
    "type_python",
]

_ALIASES = {
    "integer": "int",
    "int1": "tinyint",
    "int2": "smallint",
    "int3": "mediumint",
    "int4": "int",
    "int8": "bigint",
    "middleint": "mediumint",
    "numeric": "decimal",
    "dec": "decimal",
    "fixed": "decimal",
    "double precision": "double",
    "float8": "double",
    "float4": "float",
    "real": "double",
    "character": "char",
    "character varying": "varchar",
    "char varying": "varchar",
    "varcharacter": "varchar",
    "char byte": "binary",
    "long": "mediumtext",
    "long varchar": "mediumtext",
    "long varbinary": "mediumblob",
    "geomcollection": "geometrycollection",
}
_NATIONAL = {"nchar": "char", "nvarchar": "varchar"}
"""The types of NATIONAL characters, which have the charset utf8mb3.

https://dev.mysql.com/doc/refman/en/charset-national.html
"""
_WIDTHS = {"tinyint": "3", "smallint": "5", "mediumint": "8", "int": "10", "bigint": "20"}
"""The default display width of integers with ZEROFILL, which are always unsigned.

https://dev.mysql.com/doc/refman/en/numeric-type-attributes.html
"""
_ONE_BY_DEFAULT = ("char", "binary", "bit")
_TIMES = ("datetime", "timestamp", "time")
_TEXTS = ("char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set")
_CHARSETS = {"latin1": "latin1_swedish_ci", "ascii": "ascii_general_ci"}
"""Charsets that have the same default collation in all versions of both servers."""

_STRING = r"(?:'(?:[^'\\]|\\.|'')*'|\"(?:[^\"\\]|\\.|\"\")*\")"
_VALUES = re.compile(rf"(enum|set)\s*\(((?:\s*{_STRING}\s*,?)+)\)(.*)", re.I | re.S)
_SHAPE = re.compile(
    r"((?:(?:national|long)\s+(?=(?:var)?char|varbin))?\w+(?:\s+(?:varying|precision|byte)\b)?)"
    r"\s*(?:\(([\d\s,]*)\))?(.*)",
    re.I | re.S,
)
_COLLATE = re.compile(r"(.*) COLLATE (\w+)\Z", re.S)

_CANONICAL_TYPE = re.compile(
    r"(tinyint(\(1\))?|smallint|mediumint|int|bigint)( unsigned)?|double|float|date"
    r"|datetime(\([1-6]\))?|decimal\(\d+,\d+\)|(var)?char\(\d+\)|text|mediumtext|longtext|blob|longblob"
)


@dataclass(frozen=True, slots=True)
class _Attributes:
    """The attributes after the name and arguments of a type; `unknown` has unrecognized ones."""

    unsigned: bool
    zerofill: bool
    charset: str | None
    collation: str | None
    srid: str | None
    unknown: str

    @property
    def text(self) -> str:
        """The attributes as SQL, each after a space."""
        parts = []
        collation = self.collation or _CHARSETS.get(self.charset or "")
        if self.unsigned:
            parts.append("unsigned")
        if self.zerofill:
            parts.append("zerofill")
        if collation:
            parts.append(f"COLLATE {collation}")
        elif self.charset:
            parts.append(f"CHARACTER SET {self.charset}")
        if self.unknown:
            parts.append(self.unknown)
        if self.srid:
            parts.append(f"SRID {self.srid}")
        return "".join(f" {part}" for part in parts)


def _attributes(text: str) -> _Attributes:
    """Parse the attributes of a type; they can be in any order."""
    found: dict[str, str | None] = {}

    def take(name: str, pattern: str) -> None:
        nonlocal text
        match = re.search(rf"(?:^|\s){pattern}(?=\s|$)", text, re.I)
        found[name] = match and match[1]
        if match:
            text = text[: match.start()] + text[match.end() :]

    take("collation", r"collate\s+['\"`]?(\w+)['\"`]?")
    take("charset", r"(?:character\s+set|charset)\s+['\"`]?(\w+)['\"`]?")
    take("srid", r"srid\s+(\d+)")
    take("zerofill", r"(zerofill)")
    take("unsigned", r"(unsigned)")
    take("signed", r"(signed)")
    return _Attributes(
        unsigned=bool(found["unsigned"] or found["zerofill"]),
        zerofill=bool(found["zerofill"]),
        charset=(found["charset"] or "").lower() or None,
        collation=(found["collation"] or "").lower() or None,
        srid=found["srid"],
        unknown=text.strip(),
    )


def split_collation(sql: str) -> tuple[str, str | None]:
    """Return a canonical type without its collation, and the collation or None."""
    match = _COLLATE.match(sql)
    return (match[1], match[2]) if match else (sql, None)


@lru_cache(4096)
def is_text(sql: str) -> bool:
    """Return whether values of the type have a collation."""
    return re.split(r"[ (]", sql)[0] in _TEXTS


@lru_cache(4096)
def canonical_type(sql: str) -> str:
    """Return a type as the catalog spells it; keep a size whose effect depends on the charset."""
    sql = sql.strip()
    if values := _VALUES.fullmatch(sql):
        found = re.findall(_STRING, values[2], re.S)
        listed = ",".join(quote_string(string_value(value)) for value in found)
        return f"{values[1].lower()}({listed}){_attributes(values[3]).text}"
    match = _SHAPE.fullmatch(sql)
    if match is None:
        return " ".join(sql.split())
    name = " ".join(match[1].lower().split())
    arguments = tuple(part.strip() for part in (match[2] or "").split(",") if part.strip())
    return _canonical(name, arguments, _attributes(match[3]))


def _canonical(name: str, arguments: tuple[str, ...], attributes: _Attributes) -> str:
    base_name = _NATIONAL.get(name, name.removeprefix("national "))
    is_national = base_name != name
    charset = " CHARACTER SET utf8mb3" if is_national and not attributes.collation else ""
    name = _ALIASES.get(base_name, base_name)
    if name in ("bool", "boolean"):
        return "tinyint(1)"
    if name in _WIDTHS:
        return name + _width(name, arguments, attributes) + attributes.text
    name, arguments = _sized(name, arguments)
    inside = f"({','.join(arguments)})" if arguments else ""
    return f"{name}{inside}{charset}{attributes.text}"


def _width(name: str, arguments: tuple[str, ...], attributes: _Attributes) -> str:
    """Return the display width if it has a meaning, otherwise an empty string.

    It has one with ZEROFILL, and in tinyint(1), which represents a boolean. MySQL 8 does not report
    other display widths. https://dev.mysql.com/doc/refman/en/numeric-type-attributes.html
    """
    if attributes.zerofill:
        return f"({arguments[0] if arguments else _WIDTHS[name]})"
    boolean = name == "tinyint" and arguments == ("1",) and not attributes.unsigned
    return "(1)" if boolean else ""


def _sized(name: str, arguments: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """Add the arguments that the server adds to a type, and remove those that it drops.

    FLOAT with a precision of more than 24 bits is a DOUBLE.
    https://dev.mysql.com/doc/refman/en/floating-point-types.html
    """
    first = int(arguments[0]) if arguments else None
    if name == "decimal":
        return name, (*(arguments or ("10",)), "0")[:2]
    if name in ("float", "double"):
        only_precision = len(arguments) == 1
        is_double = name == "float" and only_precision and first is not None and first > 24
        return ("double" if is_double else name), (() if only_precision else arguments)
    if name in _ONE_BY_DEFAULT:
        return name, arguments or ("1",)
    if name == "year" or (name in _TIMES and first == 0):
        return name, ()
    if name in ("text", "blob") and first is not None:
        return _by_size(name, first)
    return name, arguments


def _by_size(name: str, size: int) -> tuple[str, tuple[str, ...]]:
    """Return the smallest type for `size` characters of TEXT or bytes of BLOB, as the server does.

    A character has one to four bytes, depending on the charset. If the type depends on it, the size
    is kept. https://dev.mysql.com/doc/refman/en/string-type-syntax.html
    """
    bytes_per_character = 4 if name == "text" else 1
    for prefix, limit in (("tiny", 2**8), ("", 2**16), ("medium", 2**24), ("long", 2**32)):
        if size * bytes_per_character < limit:
            return prefix + name, ()
        if size < limit:
            return name, (str(size),)
    return name, (str(size),)


# Types in Python

_PYTHON = {
    "tinyint": "mysql.TINYINT",
    "smallint": "sa.SmallInteger",
    "mediumint": "mysql.MEDIUMINT",
    "int": "sa.Integer",
    "bigint": "sa.BigInteger",
    "decimal": "sa.Numeric",
    "float": "sa.Float",
    "double": "sa.Double",
    "bit": "mysql.BIT",
    "char": "sa.CHAR",
    "varchar": "sa.String",
    "tinytext": "mysql.TINYTEXT",
    "text": "sa.Text",
    "mediumtext": "mysql.MEDIUMTEXT",
    "longtext": "mysql.LONGTEXT",
    "binary": "sa.BINARY",
    "varbinary": "sa.VARBINARY",
    "tinyblob": "mysql.TINYBLOB",
    "blob": "sa.LargeBinary",
    "mediumblob": "mysql.MEDIUMBLOB",
    "longblob": "mysql.LONGBLOB",
    "date": "sa.Date",
    "time": "sa.Time",
    "datetime": "sa.DateTime",
    "timestamp": "sa.TIMESTAMP",
    "year": "mysql.YEAR",
    "json": "sa.JSON",
    "uuid": "sa.UUID",
}
_MYSQL_CLASSES = {
    "smallint": "mysql.SMALLINT",
    "int": "mysql.INTEGER",
    "bigint": "mysql.BIGINT",
    "decimal": "mysql.DECIMAL",
    "float": "mysql.FLOAT",
    "double": "mysql.DOUBLE",
    "time": "mysql.TIME",
    "datetime": "mysql.DATETIME",
    "timestamp": "mysql.TIMESTAMP",
}
"""SQLAlchemy's classes for MySQL, for attributes that the general classes do not support."""


@lru_cache(4096)
def type_python(sql: str) -> str:
    """Return the Python code of a type, `op.sql_type(...)` if SQLAlchemy has no class for it."""
    other = f"op.sql_type({python_string(sql)})"
    if sql == "tinyint(1)":
        return "sa.Boolean()"
    if values := _VALUES.fullmatch(sql):
        return _values_python(values) or other
    match = _SHAPE.fullmatch(sql)
    if match is None:
        return other
    attributes = _attributes(match[3])
    name, arguments = match[1], (match[2] or "").split(",") if match[2] else []
    if name not in _PYTHON or attributes.unknown or attributes.srid:
        return other
    if attributes.charset or (attributes.collation and not is_text(name)):
        return other
    return _call(name, arguments, attributes)


def _call(name: str, arguments: list[str], attributes: _Attributes) -> str:
    python = _PYTHON[name]
    needs_mysql = attributes.unsigned or (arguments and name in _TIMES)
    if needs_mysql or (arguments and name in ("float", "double")):
        python = _MYSQL_CLASSES.get(name, python)
    if name in _TIMES:
        parts = [f"fsp={argument}" for argument in arguments]
    elif name in _WIDTHS:
        parts = [f"display_width={argument}" for argument in arguments]
    else:
        parts = list(arguments)
    parts += ["unsigned=True"] if attributes.unsigned else []
    parts += ["zerofill=True"] if attributes.zerofill else []
    if attributes.collation:
        parts.append(f"collation={python_string(attributes.collation)}")
    return f"{python}({', '.join(parts)})"


def _values_python(match: re.Match[str]) -> str | None:
    """Return the Python code of an ENUM or SET, None if SQLAlchemy would change its values.

    SQLAlchemy does not escape backslashes and NUL characters in values. Its SET does not support an
    empty value.
    """
    kind, attributes = match[1], _attributes(match[3])
    values = [string_value(value) for value in re.findall(_STRING, match[2], re.S)]
    needs_escape = any(re.search(r"[\\\0]", value) for value in values)
    if needs_escape or attributes.unknown or attributes.charset or (kind == "set" and "" in values):
        return None
    parts = [python_string(value) for value in values]
    if attributes.collation:
        parts.append(f"collation={python_string(attributes.collation)}")
    if kind == "set":
        return f"mysql.SET({', '.join(parts)})"
    name = "mysql.ENUM" if attributes.collation else "sa.Enum"
    return f"{name}({', '.join(parts)})"


def is_canonical_type(sql: str) -> bool:
    """Return whether a type is spelled as in the catalog.

    Only common types without a collation are recognized: this saves `canonical_type` for most
    columns.
    """
    return _CANONICAL_TYPE.fullmatch(sql) is not None


def equating_collation(before: str, after: str) -> str | None:
    """Return the collation of the new type if texts that differ can be equal in it, else None.

    Both types must name a collation of the same character set. In a binary one, no texts are equal
    that were not before.
    """
    old, new = split_collation(before)[1], split_collation(after)[1]
    if not old or not new or old == new or new.endswith("_bin"):
        return None
    return new if old.partition("_")[0] == new.partition("_")[0] else None
