"""Checksums of migrations, over what they do: comments, docstrings and layout don't count."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator

from autodiff.dialects.sqltext import tokens

__all__ = ["python_checksum", "sql_checksum"]

_PLACE_NAMES = frozenset(("revision", "parents", "down_revision"))
_WITH_DOCSTRING = (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def python_checksum(tree: ast.Module) -> str:
    """The checksum of a parsed file, the same under every version of Python.

    Where the file stands in the graph (its revision and parents) is no part of it.
    """
    return _digest("\n".join(_facts(tree)))


def sql_checksum(text: str) -> str:
    """The checksum of SQL text, without its comments and spaces."""
    return _digest("\n".join(token for kind, token in tokens(text) if kind != "space"))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _facts(node: ast.AST) -> Iterator[str]:
    """Node names and values that are set: fields that a later Python adds are left empty."""
    yield type(node).__name__
    for name, value in ast.iter_fields(node):
        if name == "body" and isinstance(node, _WITH_DOCSTRING):
            value = _without_docstring(value)
        yield from _field_facts(name, value)


def _field_facts(name: str, value: object) -> Iterator[str]:
    if value is None or value == [] or name in ("ctx", "type_comment", "kind"):
        return
    yield name
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, ast.AST):
            if not _is_place(item):
                yield from _facts(item)
        else:
            yield repr(item)


def _without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        return body[1:] if isinstance(body[0].value.value, str) else body
    return body


def _is_place(node: ast.AST) -> bool:
    targets = node.targets if isinstance(node, ast.Assign) else []
    if isinstance(node, ast.AnnAssign):
        targets = [node.target]
    return any(isinstance(t, ast.Name) and t.id in _PLACE_NAMES for t in targets)
