"""Parse and normalize literals, defaults and names in the SQL of MySQL and MariaDB.

Each server stores expressions in its own spelling. The functions in this module return one spelling
for both: strings have single quotes, quotes in them are doubled, and backslashes are escaped.
https://dev.mysql.com/doc/refman/en/string-literals.html
"""

from __future__ import annotations

import re
from functools import lru_cache

from autodiff.dialects.type_names import split_type
from autodiff.schema.sqltext import normal_number, normalize, strip_parentheses, tokens

__all__ = [
    "canonical_now",
    "canonical_strings",
    "is_literal",
    "is_string",
    "mentions",
    "normal_default",
    "normal_text",
    "qualified_names",
    "quote_identifier",
    "quote_string",
    "rename_in",
    "split_on_update",
    "string_value",
    "unescape",
    "without_database",
]

_SINGLE = r"'(?:[^'\\]|\\.|'')*'"
_DOUBLE = r'"(?:[^"\\]|\\.|"")*"'
_NAME = r"`(?:[^`]|``)*`"
_STRINGS = re.compile(
    rf"(?P<name>{_NAME})|(?:(?<![\w$])_utf8mb4\s*)?(?P<string>{_SINGLE}|{_DOUBLE})", re.I | re.S
)
_NAMES = re.compile(
    rf"(?P<string>{_SINGLE}|{_DOUBLE})|(?P<quoted>{_NAME})|(?P<word>[^\W\d][\w$]*)(?!\s*\(|[\w$])",
    re.S,
)
_QUALIFIED = re.compile(r"`((?:[^`]|``)+)`\s*\.\s*`((?:[^`]|``)+)`")
_LITERAL = re.compile(
    rf"[+-]?\s*(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|(?:[xbn]|_\w+\s*)?{_SINGLE}|0x[\da-f]+|0b[01]+"
    r"|null|true|false",
    re.I | re.S,
)
_BINDING, _TIGHTEST = {"or": 0, "and": 1}, 3
_BINDING_INSIDE = {",": -1, "||": 0, **_BINDING}
"""How tightly operators bind; || is OR unless the sql_mode has PIPES_AS_CONCAT."""
_OTHER_ANDS = frozenset("between case select values with xor".split())
"""Words of texts in which AND and OR may be other than the loosest operators."""
_NOW = re.compile(
    r"(?:now|current_timestamp|localtime|localtimestamp)(?:\s*\(\s*(\d*)\s*\))?", re.I
)
_ON_UPDATE = re.compile(r"(.*?)\s*\bon\s+update\s+(\S.*)", re.I | re.S)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "0": "\0", "Z": "\x1a"}
_NUMBERS = (
    *("tinyint", "smallint", "mediumint", "int", "bigint"),
    *("decimal", "float", "double", "year"),
)


def string_value(literal: str) -> str:
    """Return the value of a string literal in single or double quotes.

    A backslash before % or _ is part of the value, because these are patterns for LIKE.
    """
    quote = literal[0]

    def unescaped(match: re.Match[str]) -> str:
        character = match[1]
        if character is None:
            return quote
        kept = "\\" + character if character in "%_" else character
        return _ESCAPES.get(character, kept)

    return re.sub(rf"\\(.)|{quote}{quote}", unescaped, literal[1:-1], flags=re.S)


def quote_identifier(name: str) -> str:
    """Return a name in backticks, which every sql_mode accepts."""
    return f"`{name.replace('`', '``')}`"


def quote_string(value: str) -> str:
    """Return a string literal for the default sql_mode, in which backslashes are escapes."""
    escaped = value.replace("\\", "\\\\").replace("'", "''").replace("\0", "\\0")
    return f"'{escaped}'"


@lru_cache(4096)
def canonical_strings(sql: str) -> str:
    """Return the SQL with its string literals in one spelling, without the introducer _utf8mb4."""
    return _STRINGS.sub(
        lambda match: match["name"] or quote_string(string_value(match["string"])), sql
    )


def unescape(sql: str) -> str:
    """Return an expression from MySQL's information_schema without the backslash escapes in it."""
    return re.sub(r"\\(.)", r"\1", sql, flags=re.S)


def without_database(sql: str, database: str) -> str:
    """Return the SQL without the qualifier `database` in front of names."""
    if "`" not in sql:
        return sql
    quoted = re.escape("`" + database.replace("`", "``") + "`")
    pattern = rf"(?<!\.){quoted}\s*\.\s*(?=`)|({_SINGLE}|{_NAME})"
    return re.sub(pattern, lambda match: match[1] or "", sql, flags=re.S)


def qualified_names(sql: str) -> set[tuple[str, str]]:
    """Return the pairs of quoted names with a dot between them.

    The server stores the definition of a view with the database before the name of each table.
    """
    return {
        (first.replace("``", "`"), second.replace("``", "`"))
        for first, second in _QUALIFIED.findall(sql)
    }


def mentions(sql: str, column: str) -> bool:
    """Return whether the expression contains the name of the column, quoted or not.

    Names of columns are case-insensitive.
    https://dev.mysql.com/doc/refman/en/identifier-case-sensitivity.html
    """
    return any(_unquoted(match) == column.lower() for match in _NAMES.finditer(sql))


def rename_in(sql: str, before: str, after: str) -> str:
    """Return the expression with the new name of a column, in backticks."""
    quoted = "`" + after.replace("`", "``") + "`"
    return _NAMES.sub(lambda match: quoted if _unquoted(match) == before.lower() else match[0], sql)


def _unquoted(match: re.Match[str]) -> str | None:
    """Return a matched name in lower case without quotes, None if a string was matched."""
    if match["quoted"]:
        return match["quoted"][1:-1].replace("``", "`").lower()
    return match["word"].lower() if match["word"] else None


# Defaults


def is_string(sql: str) -> bool:
    """Return whether the SQL is one string literal."""
    return re.fullmatch(_SINGLE, sql.strip(), re.S) is not None


def is_literal(sql: str) -> bool:
    """Return whether the SQL is one literal, which needs no parentheses as a default."""
    return _LITERAL.fullmatch(sql.strip()) is not None


def split_on_update(default: str) -> tuple[str | None, str | None]:
    """Return the value of a default and the value of its ON UPDATE clause, None if missing."""
    match = None if is_literal(default) else _ON_UPDATE.fullmatch(default)
    if match is None:
        return default, None
    return match[1] or None, match[2]


@lru_cache(4096)
def canonical_now(sql: str, type_sql: str) -> str | None:
    """Return CURRENT_TIMESTAMP if the SQL is a synonym for it with the precision of the type.

    Return None otherwise. NOW() and other synonyms need no parentheses as a default.
    https://dev.mysql.com/doc/refman/en/timestamp-initialization.html
    """
    match = _NOW.fullmatch(strip_parentheses(sql))
    base, arguments, _ = split_type(type_sql)
    if match is None or base not in ("datetime", "timestamp"):
        return None
    precision = int(match[1] or 0)
    if precision != int(arguments[0] if arguments else 0):
        return None
    return f"CURRENT_TIMESTAMP({precision})" if precision else "CURRENT_TIMESTAMP"


@lru_cache(4096)
def normal_text(sql: str) -> str:
    """Return an expression in one spelling, without help from the server."""
    return _without_needless_brackets(normalize(canonical_strings(sql)))


def _without_needless_brackets(text: str) -> str:
    """Return a normalized condition without the brackets that AND and OR do not need.

    MariaDB stores none of them. Texts in which AND may be part of something else are unchanged.
    """
    if "(" not in text or not ("and" in text or "or" in text):
        return text
    found = [part for part in tokens(text) if part[0] != "space"]
    words = {token for kind, token in found if kind == "word"}
    if words & _OTHER_ANDS or not words & {"and", "or"}:
        return text
    opened: list[int] = []
    needless: set[int] = set()
    for place, (kind, token) in enumerate(found):
        if (kind, token) == ("other", "("):
            opened.append(place)
        elif (kind, token) == ("other", ")") and opened:
            start = opened.pop()
            if _is_needless(found, start, place):
                needless |= {start, place}
    if not needless:
        return text
    kept = (token for place, (_, token) in enumerate(found) if place not in needless)
    return _without_needless_brackets(normalize(" ".join(kept)))


def _is_needless(found: list[tuple[str, str]], start: int, end: int) -> bool:
    """Return whether the operators on both sides bind no tighter than those in the brackets."""
    sides = (token for _, token in found[:start][-1:] + found[end + 1 : end + 2])
    outer = [_BINDING.get(token, _TIGHTEST) for token in sides if token not in ("(", ")")]
    depth, inner = 0, _TIGHTEST - 1
    for _, token in found[start + 1 : end]:
        depth += (token == "(") - (token == ")")
        if depth == 0:
            inner = min(inner, _BINDING_INSIDE.get(token, inner))
    return bool(outer) and max(outer) <= inner


@lru_cache(4096)
def normal_default(default: str, type_sql: str) -> str:
    """Return a default in one spelling.

    Synonyms of CURRENT_TIMESTAMP get one spelling, and so do numbers if the type is numeric.
    """
    value, on_update = split_on_update(canonical_strings(default))
    text = "" if value is None else _normal_value(normalize(value), type_sql)
    return text if on_update is None else f"{text} on update {_normal_now(normalize(on_update))}"


def _normal_value(text: str, type_sql: str) -> str:
    base = re.split(r"[ (]", type_sql)[0]
    if base == "bit" and (bits := re.fullmatch(r"b'([01]+)'|0b([01]+)", text)):
        return str(int(bits[1] or bits[2], 2))
    if base in _NUMBERS:
        return normal_number({"true": "1", "false": "0"}.get(text, text))
    return _normal_now(text)


def _normal_now(text: str) -> str:
    match = _NOW.fullmatch(text)
    if match is None:
        return text
    precision = int(match[1] or 0)
    return f"current_timestamp({precision})" if precision else "current_timestamp"
