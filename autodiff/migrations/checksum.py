"""Checksums of migrations, over what they do: comments, docstrings and layout don't count."""

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
"""What a file says of its place in the graph."""
_LEFT_OUT = frozenset(("ctx", "type_comment", "kind"))
_WITH_DOCSTRING = (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def python_checksum(tree: ast.Module) -> str:
    """The checksum of a parsed file, the same under every version of Python.

    Where the file stands in the graph (its revision, parents, labels, what it replaces) is no part
    of it.
    """
    body = [node for node in _without_docstring(tree.body) if not _is_place(node)]
    facts: list[str] = []
    for node in body:
        _add_facts(node, facts)
    return _digest("\n".join(facts))


def sql_checksum(up: str, down: str, dialects: Sequence[str] = ()) -> str:
    """The checksum of a pair of SQL texts, without their comments and spaces.

    Which databases they are for is a comment that counts.
    """
    texts = ["\n".join(map(repr, _words(text))) for text in (up, down)]
    return _digest("\n\n".join([*texts, *sorted(dialects)]))


def text_digest(*texts: str) -> str:
    """What is the same for the same texts alone, and costs next to nothing."""
    return _digest("\0".join(texts))


def _words(text: str) -> Iterator[str]:
    """What the database reads; /*! and /*+ look like comments and are none."""
    for kind, token in tokens(text):
        if kind != "space" or token.startswith(("/*!", "/*+")):
            yield token


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _add_facts(node: ast.AST, facts: list[str]) -> None:
    """Node names and values that are set, in brackets, so that it counts what stands in what.

    Fields that a later Python adds are empty in a file that an earlier one can read.
    """
    kind, said = type(node), node.__dict__
    facts.append(f"({kind.__name__}")
    for name in _counted_fields(kind._fields):
        value = said.get(name)
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
                facts.append(ascii(item))  # what repr() shows of a letter changes with Unicode
    facts.append(")")


@cache
def _counted_fields(fields: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in fields if name not in _LEFT_OUT)


def _without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        return body[1:] if isinstance(body[0].value.value, str) else body
    return body


def _is_empty_text(node: ast.expr) -> bool:
    """Some versions of Python put '' between the parts of an f-string."""
    return isinstance(node, ast.Constant) and node.value == ""


def _is_place(node: ast.stmt) -> bool:
    """Whether it is an assignment such as `parents = (...)`, which says where the file stands."""
    targets = node.targets if isinstance(node, ast.Assign) else []
    if isinstance(node, ast.AnnAssign):
        targets = [node.target]
    return any(isinstance(t, ast.Name) and t.id in GRAPH_FIELDS for t in targets)
