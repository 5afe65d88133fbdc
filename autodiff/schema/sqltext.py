"""Read SQL texts as far as comparing them requires: tokens, brackets, cheap normalization.

Two texts that normalize to the same string mean the same. Two that do not can still mean the same,
which a scratch database decides.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from functools import cache, lru_cache
from itertools import pairwise

__all__ = [
    "bare_expression",
    "end_comment",
    "ends_in_comment",
    "first_word",
    "in_few_words",
    "is_constant",
    "is_null",
    "mentions",
    "names_in",
    "normal_number",
    "normalize",
    "quote_identifier",
    "quote_literal",
    "reads_column",
    "rename_identifier",
    "rename_identifiers",
    "rename_in_default",
    "split_top_level",
    "strip_parentheses",
    "terminate_statement",
    "tokens",
    "unquote_identifier",
    "unquote_literal",
    "without_schema",
    "without_trailing_spaces",
]

_COMMENT_TEXT = r"[^*/]+|\*(?!/)|/(?!\*)"
_COMMENT = rf"/\*(?>(?:{_COMMENT_TEXT})*)\*/"
for _ in range(4):
    _COMMENT = rf"/\*(?>(?:{_COMMENT_TEXT}|{_COMMENT})*)\*/"
_NESTED_PATTERN = rf"""
      (?P<nested>{_COMMENT})
    | """
"""Comments in comments, as on PostgreSQL; other databases do not end an inner and an outer one."""
_PATTERN = r"""
      (?P<space>\s+|--[^\n]*(?:\n|$)|/\*.*?\*/)
    | (?P<dollar>\$(?P<tag>(?:[^\W\d]\w*)?)\$.*?\$(?P=tag)\$)
    | (?P<string>[eE]'(?:[^'\\]|\\.|'')*'|[xXbBnN]?'(?:[^']|'')*')
    | (?P<quoted>"(?:[^"]|"")*"|`(?:[^`]|``)*`)
    | (?P<word>[^\W\d][\w$]*)
    | (?P<number>0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
    | (?P<operator>::|<=>|<=|>=|<>|!=|\|\||->>|->|\#>>|\#>|@>|<@|&&|!~\*|!~|~\*|:=)
    | (?P<other>.)
"""
_MYSQL_PATTERN = r"""
      (?P<hash>\#[^\n]*(?:\n|$))
    | (?P<minus>-(?=-[^\s\x00-\x1f]))
    | (?P<escaped>[xXbBnN]?'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*")
    | """
_FLAGS = re.VERBOSE | re.DOTALL
_LEADING = re.compile(
    rf"(?:\s+|(?:--|\#)[^\n]*(?:\n|$)|(?!/\*[!+])(?:{_COMMENT}|/\*.*?\*/))*", _FLAGS
)
"""Spaces and comments at the start of a text of any database; /*! and /*+ are not comments."""
_TOKEN = re.compile(_NESTED_PATTERN + _PATTERN, _FLAGS)
_MYSQL_TOKEN = re.compile(_MYSQL_PATTERN + _PATTERN, _FLAGS)
_KINDS = {
    "tag": "dollar",
    "nested": "space",
    "hash": "space",
    "minus": "other",
    "escaped": "string",
}
_PLAIN = re.compile(r"[\w\s,]*")
_NULL = re.compile(r"[\s(]*(?:cast\s*\(\s*)?null\b", re.IGNORECASE)
_SIMPLE_NAME = re.compile(r"[a-z_][a-z0-9_]*\Z")
_KEYWORDS = frozenset(
    "current_timestamp current_date current_time current_user localtime localtimestamp user "
    "session_user null true false not and or in is like between case when then else end cast "
    "collate exists select from where".split()
)
_MORE_RESERVED = frozenset(
    "add alter autoincrement collation commit concurrently current_catalog current_schema delete "
    "drop escape exists fetch index insert lateral nothing raise returning system_user tablesample "
    "transaction update values variadic window with".split()
)
"""Words that PostgreSQL or SQLite reserve, and that SQLAlchemy has in no list for all databases."""
_CONSTANT_WORDS = frozenset(
    "null true false now current_timestamp current_date current_time localtime localtimestamp "
    "date time timestamp interval".split()
)
_NO_SPACE_BEFORE = frozenset((",", ")", ".", "::", "[", "]"))
_MAX_DIGITS = 20
"""Longer numbers are compared as text.

Decimal.normalize() rounds to 28 digits, so that two different numbers could look equal.
"""
_CACHE_SIZE = 2**14
"""How many normalized texts to keep: most defaults and checks of a schema occur many times."""


def tokens(text: str, *, backslashes: bool = False) -> Iterator[tuple[str, str]]:
    """Yield each token as (kind, text): space, string, quoted, word, number, operator, other.

    With `backslashes`, a string can contain \\', # starts a comment, and -- does so only before a
    space, as on MySQL. Otherwise comments can be nested, as on PostgreSQL.
    """
    for match in (_MYSQL_TOKEN if backslashes else _TOKEN).finditer(text):
        kind = match.lastgroup or "other"
        yield _KINDS.get(kind, kind), match.group()


def first_word(sql: str, *, backslashes: bool = False) -> str:
    """Return the first word of a statement in upper case, "" if it has none."""
    found = tokens(sql, backslashes=backslashes)
    return next((token.upper() for kind, token in found if kind == "word"), "")


def without_trailing_spaces(text: str) -> str:
    """Return SQL without spaces at the ends of lines, which mean nothing outside of quotes."""
    return "".join(
        re.sub(r"[ \t]+(?=\n)", "", token) if kind == "space" else token
        for kind, token in tokens(text)
    )


def in_few_words(text: str, length: int = 60) -> str:
    """Return the start of an SQL text on one line, without the comments before its first word."""
    comments = _LEADING.match(text)
    code = text[comments.end() :] if comments is not None else text
    return " ".join((code or text).split())[:length]


@lru_cache(_CACHE_SIZE)
def normalize(text: str) -> str:
    """Return the text with uniform spacing and case outside of quotes, and no outer parentheses."""
    parts: list[str] = []
    for kind, token in tokens(strip_parentheses(text)):
        if kind != "space":
            parts.append(_normal_token(kind, token))
    return _join(parts)


def normal_number(text: str) -> str:
    """Return a normalized SQL number, in quotes or not, in one spelling: 5 for 5.0 and '+5'.

    Any other text is unchanged.
    """
    match = re.fullmatch(r"(')?([+-]?) ?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?(?(1)')", text)
    if match is None or len(match[3]) > _MAX_DIGITS:
        return text
    number = Decimal(match[2] + match[3] + (match[4] or "")).normalize()
    return f"{number + 0:f}" if abs(number.adjusted()) < _MAX_DIGITS else text


def _normal_token(kind: str, token: str) -> str:
    if kind == "quoted":
        name = token[1:-1]
        plain = _SIMPLE_NAME.match(name) and name not in _KEYWORDS
        return name if plain else '"' + name.replace("``", "`").replace('""', '"') + '"'
    if kind == "word":
        return token.lower()
    return "<>" if token == "!=" else token


def _join(parts: list[str]) -> str:
    text = ""
    for part in parts:
        tight = not text or part in _NO_SPACE_BEFORE or text[-1] in "(.[" or text.endswith("::")
        opens_call = part == "(" and bool(re.search(r"\w\Z", text))
        text += part if tight or (opens_call and not _ends_in_keyword(text)) else " " + part
    return text


def _ends_in_keyword(text: str) -> bool:
    return re.split(r"\W", text)[-1] in ("in", "and", "or", "not", "then", "else", "when", "like")


def strip_parentheses(text: str) -> str:
    """Return the text without surrounding spaces and parentheses."""
    text = text.strip()
    while text.startswith("(") and _closing(text) == len(text) - 1:
        text = text[1:-1].strip()
    return text


def _closing(text: str) -> int:
    """Return the position of the bracket that closes the first one, or -1."""
    depth = position = 0
    for _, token in tokens(text):
        depth += (token == "(") - (token == ")")
        if depth == 0:
            return position
        position += len(token)
    return -1


def split_top_level(text: str, separator: str = ",") -> list[str]:
    """Return the parts between separators outside of all brackets and quotes."""
    if separator == "," and _PLAIN.fullmatch(text):
        return [part.strip() for part in text.split(separator)]
    parts, start, depth, position = [], 0, 0, 0
    for _, token in tokens(text):
        if token in "([" and len(token) == 1:
            depth += 1
        elif token in ")]" and len(token) == 1:
            depth -= 1
        elif token == separator and depth == 0:
            parts.append(text[start:position].strip())
            start = position + len(token)
        position += len(token)
    parts.append(text[start:].strip())
    return parts


def rename_identifier(text: str, before: str, after: str) -> str:
    """Return the text with a column's name replaced.

    Strings, functions and types of the same name are kept.
    """
    return "".join(
        _spelled_like(kind, token, after) if names and _is_name(kind, token, before) else token
        for kind, token, names in _naming(text)
    )


def rename_in_default(text: str, before: str, after: str) -> str:
    """Return a default with a column's name replaced.

    Only MySQL and MariaDB allow columns in defaults, and report them in backticks. Words are kept:
    on other databases they are functions and types, such as USER and `time zone`.
    """
    return "".join(
        _spelled_like(kind, token, after)
        if token.startswith("`") and names and _is_name(kind, token, before)
        else token
        for kind, token, names in _naming(text)
    )


def rename_identifiers(text: str, names: Mapping[str, str], quote: Callable[[str], str]) -> str:
    """Replace several names in one pass, so that names can be swapped; see `rename_identifier`."""
    parts: list[str] = []
    for kind, token, names_thing in _naming(text):
        known = (names[old] for old in names if _is_name(kind, token, old))
        new = next(known, None) if names_thing else None
        parts.append(token if new is None else quote(new))
    return "".join(parts)


def _naming(text: str) -> Iterator[tuple[str, str, bool]]:
    """Yield each token as (kind, text, whether it can name a column: no function, no type)."""
    found = list(tokens(text))
    for place, (kind, token) in enumerate(found):
        calls = found[place + 1 : place + 2] == [("other", "(")]
        is_type = place > 0 and found[place - 1][1] == "::"
        yield kind, token, not (calls or is_type)


def _is_name(kind: str, token: str, name: str) -> bool:
    if kind == "quoted":
        return unquote_identifier(token) == name
    return kind == "word" and token.lower() == name.lower()


def _spelled_like(kind: str, token: str, name: str) -> str:
    plain = _SIMPLE_NAME.match(name) and name not in _reserved()
    if kind == "word" and plain:
        return name
    quote = token[0] if kind == "quoted" else '"'
    return quote + name.replace(quote, quote * 2) + quote


def ends_in_comment(sql: str, *, backslashes: bool = False) -> bool:
    """Return whether text after `sql` on the same line would be part of a comment."""
    last = ""
    for kind, token in tokens(sql, backslashes=backslashes):
        last = token if kind == "space" else ""
    return last.startswith(("--", "#")) and not last.endswith("\n")


def end_comment(sql: str, *, backslashes: bool = False) -> str:
    """Return SQL after which more can follow: with a newline if it ends in a comment."""
    may_comment = "--" in sql or (backslashes and "#" in sql)
    return f"{sql}\n" if may_comment and ends_in_comment(sql, backslashes=backslashes) else sql


def bare_expression(sql: str, *, backslashes: bool = False) -> str:
    """Return an expression without outer parentheses, after which more SQL can follow."""
    return end_comment(strip_parentheses(sql), backslashes=backslashes)


def terminate_statement(sql: str) -> str:
    """Return a statement with a semicolon after it, or comments unchanged."""
    kinds = {kind for kind, _ in tokens(sql)}
    if kinds <= {"space"}:
        return sql
    # a newline is harmless, so both kinds of comments are assumed
    in_comment = ends_in_comment(sql) or ends_in_comment(sql, backslashes=True)
    return f"{sql}\n;" if in_comment else f"{sql};"


def quote_literal(value: str) -> str:
    """Return a text as an SQL string literal."""
    return "'" + value.replace("'", "''") + "'"


def unquote_literal(text: str) -> str | None:
    """Return the value of a text that is one plain string literal, else None."""
    found = list(tokens(text.strip()))
    if len(found) == 1 and found[0][0] == "string" and found[0][1].startswith("'"):
        return found[0][1][1:-1].replace("''", "'")
    return None


def quote_identifier(name: str) -> str:
    """Return a name in double quotes."""
    return '"' + name.replace('"', '""') + '"'


def quote_qualified(name: str, schema: str | None) -> str:
    """Return a name in double quotes, with its schema if it has one."""
    quoted = quote_identifier(name)
    return quoted if schema is None else f"{quote_identifier(schema)}.{quoted}"


def unquote_identifier(text: str) -> str:
    """Return a name without its quotes, if it has any."""
    if text[:1] in ('"', "`") and text[-1:] == text[:1] and len(text) > 1:
        return text[1:-1].replace(text[0] * 2, text[0])
    return text


def names_in(sql: str) -> Iterator[str]:
    """Yield each name in an SQL text, and again with () if it is a call."""
    found = [(kind, text) for kind, text in tokens(sql) if kind != "space"]
    for (kind, text), (_, following) in pairwise([*found, ("", "")]):
        if kind in ("word", "quoted"):
            name = unquote_identifier(text) if kind == "quoted" else text.lower()
            yield name
            if following == "(":
                yield f"{name}()"


def mentions(text: str, name: str) -> bool:
    """Return whether an SQL text contains the name, quoted or not; case is ignored."""
    return any(unquote_identifier(token).lower() == name.lower() for _, token in tokens(text))


def reads_column(text: str, name: str, *, backslashes: bool = False) -> bool:
    """Return whether an SQL expression reads a column.

    Functions, types, collations and the fields of EXTRACT may have the same name. `backslashes` is
    as for `tokens`.
    """
    parts = tokens(text, backslashes=backslashes)
    found = [(kind, token) for kind, token in parts if kind != "space"]
    words = ["", *(token.upper() for _, token in found), ""]
    return any(
        kind in ("word", "quoted")
        and unquote_identifier(token).lower() == name.lower()
        and before not in ("AS", "COLLATE", ":", "::")
        and (kind == "quoted" or after not in ("(", "FROM"))
        for before, (kind, token), after in zip(words, found, words[2:], strict=False)
    )


def is_constant(text: str) -> bool:
    """Return whether an SQL expression has the same value for all rows of a statement.

    True only for literals, casts of them and the current time.
    """
    is_cast = False
    for kind, token in tokens(text):
        if kind == "word" and not is_cast and token.lower() not in _CONSTANT_WORDS:
            return False
        if kind == "quoted" and not is_cast:
            return False
        if kind not in ("word", "space"):
            is_cast = token == "::"
    return True


def is_null(text: str) -> bool:
    """Return whether an SQL expression is NULL, also in parentheses or a cast.

    A default that is NULL is as good as none.
    """
    return _NULL.match(text) is not None


@cache
def _reserved() -> frozenset[str]:
    """Return words that some database does not accept as a name without quotes."""
    from sqlalchemy.sql.compiler import RESERVED_WORDS  # the command line starts without it

    return _KEYWORDS | RESERVED_WORDS | _MORE_RESERVED


def without_schema(text: str, schema: str) -> str:
    """Return an SQL text without the names of a schema before the names of other objects."""
    found = list(tokens(text))
    parts: list[str] = []
    place = 0
    while place < len(found):
        kind, token = found[place]
        after_name = place > 0 and found[place - 1][1] == "."
        if (
            kind in ("word", "quoted")
            and not after_name
            and [part for _, part in found[place + 1 : place + 2]] == ["."]
            and unquote_identifier(token) == schema
        ):
            place += 2
            continue
        parts.append(token)
        place += 1
    return "".join(parts)
