"""Reading SQL texts as far as comparing them needs: tokens, brackets, cheap normalising.

Two texts that normalise to the same string mean the same; two that don't may still do, which
a scratch database decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = [
    "normalize",
    "normalize_default",
    "quote_literal",
    "split_top_level",
    "strip_parentheses",
    "tokens",
    "unquote_literal",
]

_TOKEN = re.compile(
    r"""
      (?P<space>\s+|--[^\n]*(?:\n|$)|/\*.*?\*/)
    | (?P<dollar>\$(?P<tag>[A-Za-z_]*)\$.*?\$(?P=tag)\$)
    | (?P<string>[eExXbBnN]?'(?:[^']|'')*')
    | (?P<quoted>"(?:[^"]|"")*"|`(?:[^`]|``)*`)
    | (?P<word>[^\W\d][\w$]*)
    | (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
    | (?P<operator>::|<=>|<=|>=|<>|!=|\|\||->>|->|\#>>|\#>|@>|<@|&&|!~\*|!~|~\*|:=)
    | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_SIMPLE_NAME = re.compile(r"[a-z_][a-z0-9_]*\Z")
_KEYWORDS = frozenset(
    "current_timestamp current_date current_time current_user localtime localtimestamp user "
    "session_user null true false not and or in is like between case when then else end cast "
    "collate exists select from where".split()
)
_NO_SPACE_BEFORE = frozenset((",", ")", ".", "::", "[", "]"))


def tokens(text: str) -> Iterator[tuple[str, str]]:
    """Each token as (kind, text): space, string, quoted, word, number, operator, other."""
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or "other"
        yield ("dollar" if kind == "tag" else kind), match.group()


def normalize(text: str) -> str:
    """The text with one spacing and case outside of quotes, and no outer parentheses."""
    parts: list[str] = []
    for kind, token in tokens(strip_parentheses(text)):
        if kind != "space":
            parts.append(_normal_token(kind, token))
    return _join(parts)


def normalize_default(text: str) -> str:
    """As `normalize`, where a number in quotes is the number."""
    normal = normalize(text)
    return normal.replace("now()", "current_timestamp") if normal == "now()" else normal


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
    """The text without spaces and parentheses that enclose all of it."""
    text = text.strip()
    while text.startswith("(") and _closing(text) == len(text) - 1:
        text = text[1:-1].strip()
    return text


def _closing(text: str) -> int:
    """The place of the bracket that closes the first one, or -1."""
    depth = position = 0
    for _, token in tokens(text):
        depth += (token == "(") - (token == ")")
        if depth == 0:
            return position
        position += len(token)
    return -1


def split_top_level(text: str, separator: str = ",") -> list[str]:
    """The parts between separators that stand outside of all brackets and quotes."""
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


def quote_literal(value: str) -> str:
    """A text as an SQL string literal."""
    return "'" + value.replace("'", "''") + "'"


def unquote_literal(text: str) -> str | None:
    """The value of a text that is one plain string literal, else None."""
    found = list(tokens(text.strip()))
    if len(found) == 1 and found[0][0] == "string" and found[0][1].startswith("'"):
        return found[0][1][1:-1].replace("''", "'")
    return None
