"""Suppress findings by comments: `autodiff: ignore[AD101]` on a line, or at the top of a file."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from autodiff.migrations.files import parse_python
from autodiff.schema.sqltext import tokens

if TYPE_CHECKING:
    from autodiff.migrations import Migration

__all__ = ["Suppressions"]

_MARK = "autodiff:"
_COMMENT = re.compile(r"autodiff:\s*ignore(?:\[(?P<codes>[^\]]*)\])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Comment:
    """A comment, the codes that it names, and the lines that it is for; None for the file."""

    line: int
    codes: tuple[str, ...]
    lines: range | None


@dataclass(slots=True, eq=False)
class Suppressions:
    """The comments of a migration that suppress findings, and those that did."""

    comments: tuple[_Comment, ...] = ()
    _used: set[tuple[int, str]] = field(default_factory=set)

    @classmethod
    def of(cls, migration: Migration, names: Mapping[str, str]) -> Suppressions:
        """Read the comments of a migration; `names` are the codes by the names of their rules."""
        if _MARK not in migration.text:
            return cls()
        read = _sql_comments if migration.is_sql else _python_comments
        codes = {name.upper(): code for name, code in names.items()}
        return cls(comments=tuple(_with_codes(comment, codes) for comment in read(migration)))

    def suppress(self, code: str, line: int | None) -> bool:
        """Return whether a comment suppresses a rule at a line, and note that it was needed."""
        found = False
        for comment in self.comments:
            is_there = comment.lines is None or (line is not None and line in comment.lines)
            if is_there and code in comment.codes:
                self._used.add((comment.line, code))
                found = True
        return found

    def unused(self) -> Iterator[tuple[int, str]]:
        """Yield the line and the code of each suppression that was not needed.

        The code is empty for a comment that names none.
        """
        for comment in self.comments:
            for code in comment.codes or ("",):
                if (comment.line, code) not in self._used:
                    yield comment.line, code


def _codes(text: str) -> tuple[str, ...] | None:
    """Return the codes that a comment names, None if it is another comment."""
    match = _COMMENT.search(text)
    if match is None:
        return None
    return tuple(dict.fromkeys(re.findall(r"[\w-]+", (match["codes"] or "").upper())))


def _with_codes(comment: _Comment, codes: Mapping[str, str]) -> _Comment:
    """Return a comment with codes in place of names."""
    return replace(comment, codes=tuple(dict.fromkeys(codes.get(c, c) for c in comment.codes)))


def _python_comments(migration: Migration) -> Iterator[_Comment]:
    tree = parse_python(migration.path, migration.text)
    functions = (node.lineno for node in tree.body if isinstance(node, ast.FunctionDef))
    header = min(functions, default=0)
    statements = [node for node in ast.walk(tree) if isinstance(node, ast.stmt)]
    for token in tokenize.generate_tokens(io.StringIO(migration.text).readline):
        codes = _codes(token.string) if token.type == tokenize.COMMENT else None
        if codes is None:
            continue
        line = token.start[0]
        is_alone = token.line.strip() == token.string
        at_top = is_alone and line < header and token.start[1] == 0
        own = _statement_of(statements, line, token.start[1] if is_alone else None)
        extent = range(line, line + 1) if own is None else _extent(own)
        yield _Comment(line=line, codes=codes, lines=None if at_top else extent)


def _statement_of(statements: list[ast.stmt], line: int, indent: int | None) -> ast.stmt | None:
    """Return the statement that a comment is for: the one around it, or the next of its body.

    indent: that of a comment on a line of its own, which is for no statement of an outer body.
    """
    around = [node for node in statements if line in _extent(node)]
    own = max(around, key=lambda node: node.lineno, default=None)
    if indent is None or (own is not None and not _has_body(own)):
        return own
    below = (node for node in statements if node.lineno > line)
    following = min(below, key=lambda node: node.lineno, default=None)
    return following if following is not None and following.col_offset >= indent else None


def _extent(node: ast.stmt) -> range:
    return range(node.lineno, (node.end_lineno or node.lineno) + 1)


def _has_body(node: ast.stmt) -> bool:
    return hasattr(node, "body") or isinstance(node, ast.Match)


def _sql_comments(migration: Migration) -> Iterator[_Comment]:
    """Yield the comments of a SQL file; a statement ends at the end of its last line."""
    line, begun, has_code = 1, 1, False
    pending: list[tuple[int, tuple[str, ...], bool]] = []
    at_top = True
    previous = range(0)
    for kind, token in (*tokens(migration.text), ("other", "\n;")):
        codes = _codes(token) if kind == "space" else None
        if codes is not None:
            place = line + token.count("\n", 0, token.find(_MARK))
            if place in previous and not has_code:  # after the semicolon
                yield _Comment(line=place, codes=codes, lines=previous)
            else:
                pending.append((place, codes, at_top))
        is_end = kind != "space" and token.strip() == ";"
        if kind != "space" and not is_end:
            if not has_code:
                begun = line
            has_code, at_top = True, False
        line += token.count("\n")
        if is_end:
            extent = range(begun, line + 1)
            for place, found, top in pending:
                yield _Comment(line=place, codes=found, lines=None if top else extent)
            pending, has_code, begun, previous = [], False, line, extent
