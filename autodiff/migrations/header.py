"""What a Python migration says of itself, without parsing it: thousands of files are read at once.

Nothing is taken for granted: text that does not have the plain shape of a migration is not read
here at all, and the parser has the word.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Header", "read_header"]

_DOCSTRING = re.compile(r'"""(.*?)"""[ \t]*\n', re.DOTALL)
_LINE = re.compile(
    r"""
    (?: (?:\#[^\n]*)?
      | import[ ][\w.,\t ]+
      | from[ ][\w.]+[ ]import[ ](?:[\w.,*\t ]+|\([\w,\s]*\))
      | (?P<name>\w+)
        (?:[ ]?:[\w\[\],.|\t ]+)?          # an annotation
        [ ]?=[ ]?
        (?P<value>
            "[^"\\\n]*" | '[^'\\\n]*' | [\w.]+
          | \([^()\#\\]*\) | \[[^\[\]\#\\]*\]
        )
    )
    [ \t]*(?:\#[^\n]*)?\n
    """,
    re.VERBOSE,
)
_BODY = re.compile(r"def ")
_DOWNGRADE = re.compile(r"^def downgrade\(", re.MULTILINE)
_UPGRADE = re.compile(r"^def upgrade\(", re.MULTILINE)
_OTHER_START = re.compile(r"\n(?!(?:[ \t#\n]|def |\)[^;\n]*(?:\n|\Z)|\Z))")
"""The start of a line behind the first function that belongs to none."""
_PLAIN = re.compile(r"""(\()?(["'])([\w.-]+)\2(?(1),\))""")
"""A string, or a tuple of one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The docstring, and the values of those names that were looked for."""

    docstring: str
    values: Mapping[str, Any]


def read_header(text: str, names: Collection[str]) -> Header | None:
    """What a file says, None where only the parser can tell.

    It has a docstring, imports, plain assignments with a revision among them, and then its
    functions; the values are what `ast.literal_eval` makes of them.
    """
    docstring, place = _docstring(text)
    if place < 0:
        return None
    values: dict[str, Any] = {}
    while not _BODY.match(text, place):
        line = _LINE.match(text, place)
        if line is None:
            return None
        if line["name"] in names:
            try:
                values[line["name"]] = _literal(line["value"])
            except (ValueError, SyntaxError, TypeError):
                return None
        elif line["value"] and line["value"][0] in "([":
            return None
        place = line.end()
    plain = isinstance(values.get("revision"), str) and _plain_functions(text, place)
    return Header(docstring=docstring, values=values) if plain and values["revision"] else None


def _docstring(text: str) -> tuple[str, int]:
    """The docstring and where it ends; -1 where there may be one that can't be told."""
    match = _DOCSTRING.match(text)
    if match is None:
        return "", 0
    told = match[1]
    plain = not ('"""' in told or "\\" in told or "\t" in told)
    return told, match.end() if plain else -1


def _literal(value: str) -> Any:
    if plain := _PLAIN.fullmatch(value):
        return (plain[3],) if plain[1] else plain[3]
    return ast.literal_eval(value)


def _plain_functions(text: str, place: int) -> bool:
    """Whether both functions are there, and nothing else that begins a line.

    A string over several lines could hold what looks like one: then it can't be told.
    """
    if '"""' in text[place:] or "'''" in text[place:] or "\\\n" in text[place:] or "\0" in text:
        return False
    found = _UPGRADE.search(text, place) and _DOWNGRADE.search(text, place)
    return found is not None and _OTHER_START.search(text, place) is None
