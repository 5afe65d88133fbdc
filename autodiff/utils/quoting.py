"""Put a name or a text into another language: one function for each target.

Names, comments, defaults and error messages come from a database, a file or a person, so they can
contain any character. Each function returns text that its target reads as data and nothing else.
No other code may insert such a text into one of these targets.

SQL has two more: `Dialect.quote` for identifiers and `Dialect.literal` for strings, because their
rules depend on the database.
"""

from __future__ import annotations

import json
import re
from typing import Any

from autodiff.errors import one_line

__all__ = [
    "docstring_line",
    "docstring_text",
    "github_message",
    "github_property",
    "html_text",
    "json_text",
    "markdown_code",
    "markdown_fence",
    "markdown_text",
    "mermaid_text",
    "one_line",
    "python_block",
    "python_keyword",
    "python_string",
    "sql_comment",
    "terminal_text",
    "toml_string",
]

_MARKDOWN = re.compile(r"[\\`*_{}\[\]()<>#+\-.!|~&$@:]")
"""Characters that can begin markup: a backslash before each makes it a letter.

https://spec.commonmark.org/current/#backslash-escapes
"""

_BACKTICKS = re.compile(r"`+")
_MERMAID = re.compile(r"[^\w .,/()=+-]")
"""Characters that can end a string of Mermaid, or begin an entity, a directive or an element."""

_THREE_QUOTES = re.compile(r'"(?="")')
_DOCSTRING_QUOTE = re.compile(r'\A"|"(?=""|\Z)')
"""Quotes that would begin or end a string in three quotes, or join the quotes around it."""


# The terminal


def terminal_text(text: str) -> str:
    """Return a text of several lines for a terminal: only its line ends and tabs have an effect."""
    if text.isprintable():
        return text
    return "".join(c if c in "\n\t" else one_line(c) for c in text)


def json_text(data: Any, *, indent: int | None = 2, ascii_only: bool = False) -> str:
    """Return data as JSON, with an escape for each character that is not printable."""
    text = json.dumps(data, ensure_ascii=ascii_only, indent=indent)
    if text.isprintable():
        return text
    return "".join(c if c == "\n" or c.isprintable() else json.dumps(c)[1:-1] for c in text)


# SQL


def sql_comment(text: str) -> str:
    """Return a line with an SQL comment: nothing in the text ends it."""
    return f"-- {one_line(text)}".rstrip()


# Python


def python_string(value: str) -> str:
    '''Return a string literal, in double quotes unless single quotes need fewer escapes.

    It contains no line end and no `"""`.
    '''
    if value.count('"') > value.count("'") and value.isprintable() and '"""' not in value:
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    quoted = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{one_line(quoted)}"'


def python_block(text: str) -> str:
    """Return the inside of a string in three double quotes, with the lines of the text."""
    return "\n".join(map(_block_line, text.split("\n")))


def _block_line(line: str) -> str:
    quoted = _THREE_QUOTES.sub(r'\\"', line.replace("\\", "\\\\"))
    # editors remove spaces at the end of a line
    return one_line(f"{quoted[:-1]}\\x20" if quoted.endswith(" ") else quoted)


def docstring_text(text: str) -> str:
    """Return the inside of a docstring: the lines of the text, without spaces around them.

    The text is for people, so a character that is not printable is shown as an escape.
    """
    lines = (one_line(line.strip(" \t\r")) for line in text.split("\n"))
    inner = "\n".join(lines).strip("\n").replace("\\", "\\\\")
    return _DOCSTRING_QUOTE.sub(r'\\"', inner)


def docstring_line(text: str) -> str:
    """Return a text as one line between the first and the last line of a docstring."""
    return _THREE_QUOTES.sub(r'\\"', one_line(text).strip().replace("\\", "\\\\"))


def python_keyword(name: str) -> str:
    """Return the name of an argument in Python.

    Raises ValueError if the text is not such a name.
    """
    if not name.isidentifier():
        raise ValueError(f"{name!r} cannot be the name of an argument")
    return name


# Other files


def markdown_text(text: str) -> str:
    """Escape a text for one line or one table cell of Markdown, so that nothing in it is markup."""
    return _MARKDOWN.sub(_markdown_character, one_line(text))


def _markdown_character(match: re.Match[str]) -> str:
    # not every renderer takes a backslash before these
    return {"<": "&lt;", "&": "&amp;"}.get(match[0], f"\\{match[0]}")


def html_text(text: str) -> str:
    """Return a text for the content of an HTML element or for an attribute in quotes."""
    import html  # the command line starts without it

    return html.escape(one_line(text), quote=True)


def markdown_code(text: str) -> str:
    """Return a text as code in a line or a cell of Markdown.

    A text that cannot be shown unchanged as code, such as one with a `|`, is returned as plain
    text.
    """
    line = one_line(text)
    if not line or line != line.strip() or "|" in line:
        return markdown_text(line)
    longest = max(map(len, _BACKTICKS.findall(line)), default=0)
    marks = "`" * (longest + 1)
    space = " " if line[0] == "`" or line[-1] == "`" else ""
    return f"{marks}{space}{line}{space}{marks}"


def markdown_fence(text: str, language: str = "") -> str:
    """Return a block of code in Markdown: no line of the text ends it."""
    longest = max(map(len, _BACKTICKS.findall(text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{terminal_text(text)}\n{fence}"


def mermaid_text(text: str) -> str:
    """Return a text for the inside of a string in double quotes in a Mermaid diagram.

    Mermaid has no escapes in strings, but shows the character of a number such as `#34;`.
    """
    return _MERMAID.sub(lambda match: f"#{ord(match[0])};", one_line(text))


def github_message(text: str) -> str:
    """Return the message of a workflow command of GitHub, such as `::error::message`.

    https://github.com/actions/toolkit/blob/main/packages/core/src/command.ts has the rules.
    """
    escaped = terminal_text(text).replace("%", "%25")
    return escaped.replace("\r", "%0D").replace("\n", "%0A")


def github_property(text: str) -> str:
    """Return the value of a property of a workflow command, such as `::error file=value::`."""
    return github_message(one_line(text)).replace(":", "%3A").replace(",", "%2C")


def toml_string(text: str) -> str:
    """Return a TOML string in double quotes."""
    return f'"{"".join(map(_toml_character, text))}"'


def _toml_character(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    return character if character.isprintable() else f"\\U{ord(character):08x}"
