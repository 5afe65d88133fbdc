"""Check texts that are to become a part of a Python file."""

from __future__ import annotations

import ast

__all__ = ["imported_names", "is_expression", "is_import"]


def is_expression(text: str) -> bool:
    """Return whether a text is one Python expression."""
    try:
        ast.parse(text, mode="eval")
    except (SyntaxError, ValueError):
        return False
    return True


def is_import(text: object) -> bool:
    """Return whether a value is the text of one import statement, on one line."""
    if not isinstance(text, str) or "\n" in text:
        return False
    try:
        found = ast.parse(text).body
    except (SyntaxError, ValueError):
        return False
    return len(found) == 1 and isinstance(found[0], ast.Import | ast.ImportFrom)


def imported_names(lines: object) -> frozenset[str]:
    """Return the names that import statements define."""
    tree = ast.parse("\n".join(lines))  # type: ignore[arg-type]
    return frozenset(
        alias.asname or alias.name.partition(".")[0]
        for node in tree.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    )
