"""Read the assignments of a Python migration without parsing the file.

A command reads every file of the folder, and a project can have thousands. Files that do not have
the plain form of a migration are left to the parser.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from autodiff.utils.python_source import literal_value

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
"""The start of a line after the first function that does not belong to a function."""
_PLAIN = re.compile(r"""(\()?(["'])([\w.-]+)\2(?(1),\))""")
"""A string, or a tuple of one string."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The docstring of a file, and the values of the names that were asked for."""

    docstring: str
    values: Mapping[str, Any]


def read_header(text: str, names: Collection[str]) -> Header | None:
    """Return the header of a file, None if the file needs the parser.

    The file may have a docstring, imports, plain assignments, one of them of `revision`, and then
    functions. The values are those that `literal_value` returns.
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
            except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
                return None
        elif line["value"] and line["value"][0] in "([":
            return None
        place = line.end()
    plain = isinstance(values.get("revision"), str) and _plain_functions(text, place)
    return Header(docstring=docstring, values=values) if plain and values["revision"] else None


def _docstring(text: str) -> tuple[str, int]:
    """Return the docstring and its end; -1 if the docstring needs the parser."""
    match = _DOCSTRING.match(text)
    if match is None:
        return "", 0
    docstring = match[1]
    plain = not ('"""' in docstring or "\\" in docstring or "\t" in docstring)
    return docstring, match.end() if plain else -1


def _literal(value: str) -> Any:
    if plain := _PLAIN.fullmatch(value):
        return (plain[3],) if plain[1] else plain[3]
    return literal_value(value)


def _plain_functions(text: str, place: int) -> bool:
    """Return whether the rest of the file is upgrade(), downgrade() and other functions.

    A string of several lines could contain text that looks like a function, so such files need the
    parser.
    """
    if '"""' in text[place:] or "'''" in text[place:] or "\\\n" in text[place:] or "\0" in text:
        return False
    found = _UPGRADE.search(text, place) and _DOWNGRADE.search(text, place)
    return found is not None and _OTHER_START.search(text, place) is None
