"""Compute checksums of migrations, which ignore comments, docstrings and layout."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator, Sequence
from functools import cache

from autodiff.schema.sqltext import tokens

__all__ = ["GRAPH_FIELDS", "python_checksum", "sql_checksum", "text_digest"]

GRAPH_FIELDS = (
    "revision",
    "parents",
    "down_revision",
    "depends_on",
    "labels",
    "branch_labels",
    "replaces",
)
"""Assignments in a file that set its position in the graph."""
_LEFT_OUT = frozenset(("ctx", "type_comment", "kind"))
_WITH_DOCSTRING = (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def python_checksum(tree: ast.Module) -> str:
    """Return the checksum of a parsed file, which is the same in every version of Python.

    It ignores the position of the file in the graph: its revision, parents, dependencies, labels
    and the migrations that it replaces.
    """
    body = [node for node in _without_docstring(tree.body) if not _sets_position(node)]
    facts: list[str] = []
    for node in body:
        _add_facts(node, facts)
    return _digest("\n".join(facts))


def sql_checksum(up: str, down: str, settings: Sequence[str] = ()) -> str:
    """Return the checksum of a pair of SQL texts, without their comments and spaces.

    The `settings` are the values of the comments at the top that count.
    """
    texts = ["\n".join(map(repr, _words(text))) for text in (up, down)]
    return _digest("\n\n".join([*texts, *settings]))


def text_digest(*texts: str) -> str:
    """Return a hash of the unmodified texts, which is much faster than a checksum."""
    return _digest("\0".join(texts))


def _words(text: str) -> Iterator[str]:
    """Yield the tokens that the database executes; comments with /*! and /*+ are executed too."""
    for kind, token in tokens(text):
        if kind != "space" or token.startswith(("/*!", "/*+")):
            yield token


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _add_facts(node: ast.AST, facts: list[str]) -> None:
    """Add the names and values of a syntax tree, in parentheses to keep its structure.

    Empty fields are left out: a field that a later version of Python adds is empty in every file
    that an earlier version can parse.
    """
    kind, values = type(node), node.__dict__
    facts.append(f"({kind.__name__}")
    for name in _counted_fields(kind._fields):
        value = values.get(name)
        if name == "body" and isinstance(node, _WITH_DOCSTRING):
            value = _without_docstring(node.body)
        elif name == "values" and kind is ast.JoinedStr:
            value = [part for part in value or () if not _is_empty_text(part)]
        if value is None or value == []:
            continue
        facts.append(name)
        for item in value if type(value) is list else (value,):
            if isinstance(item, ast.AST):
                _add_facts(item, facts)
            else:
                facts.append(
                    ascii(item)
                )  # repr() of a letter depends on Python's version of Unicode
    facts.append(")")


@cache
def _counted_fields(fields: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in fields if name not in _LEFT_OUT)


def _without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        return body[1:] if isinstance(body[0].value.value, str) else body
    return body


def _is_empty_text(node: ast.expr) -> bool:
    """Return whether a part of an f-string is empty, as some versions of Python insert them."""
    return isinstance(node, ast.Constant) and node.value == ""


def _sets_position(node: ast.stmt) -> bool:
    """Return whether a statement sets the position in the graph, as `parents = (...)` does."""
    targets = node.targets if isinstance(node, ast.Assign) else []
    if isinstance(node, ast.AnnAssign):
        targets = [node.target]
    return any(isinstance(t, ast.Name) and t.id in GRAPH_FIELDS for t in targets)
