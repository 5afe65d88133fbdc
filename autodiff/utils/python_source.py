"""Parse Python, and check texts that are to become a part of a Python file."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from threading import RLock
from typing import Any

__all__ = [
    "assignments",
    "imported_names",
    "is_expression",
    "is_import",
    "literal_value",
    "parse_source",
]

_parsing = RLock()  # the garbage collector may run a finalizer that parses


def parse_source(source: str | bytes, filename: str = "<unknown>") -> ast.Module:
    """Return the syntax tree of a Python file, as `ast.parse` does, from any thread.

    Python before 3.11.8 and 3.12.2 counts the recursion of all threads that build a tree together,
    and fails with a SystemError when two of them alternate (python/cpython#106905). So one thread
    at a time builds a tree.

    Raises SyntaxError, and ValueError for source that contains null bytes.
    """
    with _parsing:
        return ast.parse(source, filename=filename)


def literal_value(source: str | ast.expr) -> Any:
    """Return the value of a literal, as `ast.literal_eval` does, from any thread.

    Raises SyntaxError, ValueError, TypeError, RecursionError or MemoryError if it is none.
    """
    with _parsing:
        return ast.literal_eval(source)


def is_expression(text: str) -> bool:
    """Return whether a text is one Python expression."""
    try:
        with _parsing:
            ast.parse(text, mode="eval")
    except (SyntaxError, ValueError):
        return False
    return True


def is_import(text: object) -> bool:
    """Return whether a value is the text of one import statement, on one line."""
    if not isinstance(text, str) or "\n" in text:
        return False
    try:
        found = parse_source(text).body
    except (SyntaxError, ValueError):
        return False
    return len(found) == 1 and isinstance(found[0], ast.Import | ast.ImportFrom)


def imported_names(lines: object) -> frozenset[str]:
    """Return the names that import statements define."""
    tree = parse_source("\n".join(lines))  # type: ignore[arg-type]
    return frozenset(
        alias.asname or alias.name.partition(".")[0]
        for node in tree.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    )


def assignments(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    """Yield the assignments at the top level of a file, in order; the last one of a name counts."""
    for node in tree.body:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                yield from _bound(target, node.value)
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            yield from _bound(node.target, node.value)


def _bound(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    """Yield the names that an assignment binds: two for `revision, parents = "7d1c09be", ()`."""
    if isinstance(target, ast.Name):
        yield target.id, value
    elif isinstance(target, ast.Tuple | ast.List) and isinstance(value, ast.Tuple | ast.List):
        for inner, item in zip(target.elts, value.elts, strict=False):
            yield from _bound(inner, item)
