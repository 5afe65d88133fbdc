"""Read the texts that an expression names by constants, without importing a module."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from autodiff.utils.imports import module_file
from autodiff.utils.python_source import assignments, parse_source

__all__ = ["Source", "texts_of"]

_DEPTH = 20
"""A constant that refers to so many others in turn refers to itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The syntax tree of a Python file.

    folders: those that come before `sys.path` when it imports a module.
    package: the parts of the name of its package, for relative imports.
    """

    tree: ast.Module
    folders: Sequence[Path] = ()
    package: tuple[str, ...] = ()


def texts_of(value: ast.expr, source: Source, depth: int = _DEPTH) -> tuple[object, ...]:
    """Return the constants of an expression, or of a tuple or list of them, without None.

    Names are followed to the assignment of a literal, also in other modules. What can't be read
    is returned as the expression that it is in this file.
    """
    match value:
        case ast.Constant(value=constant):
            return () if constant is None else (constant,)
        case ast.Tuple(elts=items) | ast.List(elts=items):
            return tuple(text for item in items for text in texts_of(item, source, depth))
    found = _definition(value, source) if depth else None
    texts = (value,) if found is None else texts_of(*found, depth - 1)
    return (value,) if any(isinstance(text, ast.expr) for text in texts) else texts


def _definition(value: ast.expr, source: Source) -> tuple[ast.expr, Source] | None:
    """Return what a name stands for, and the file that says so; None if that is not found."""
    first, *rest = _parts(value) or [""]
    assigned = None if rest else dict(assignments(source.tree)).get(first)
    if assigned is not None:
        return assigned, source
    imported = dict(_imports(source)).get(first)
    if imported is None:
        return None
    *module, name = (*imported, *rest)
    found = _module(module, source.folders)
    return None if found is None else (ast.Name(id=name), found)


def _parts(value: ast.expr) -> list[str] | None:
    """Return the parts of a dotted name, None for another expression."""
    if isinstance(value, ast.Name):
        return [value.id]
    if isinstance(value, ast.Attribute) and (parts := _parts(value.value)) is not None:
        return [*parts, value.attr]
    return None


def _imports(source: Source) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the names that a file imports at its top level, and the parts of their full names."""
    for node in source.tree.body:
        if isinstance(node, ast.Import):
            for alias in node.names:
                parts = tuple(alias.name.split("."))
                yield (alias.asname, parts) if alias.asname else (parts[0], parts[:1])
        elif isinstance(node, ast.ImportFrom):
            above = source.package[: len(source.package) + 1 - node.level] if node.level else ()
            inner = node.module.split(".") if node.module else ()
            for alias in node.names:
                yield alias.asname or alias.name, (*above, *inner, alias.name)


def _module(parts: Sequence[str], folders: Sequence[Path]) -> Source | None:
    """Return the first module of a name on the import path, None if it can't be found or read."""
    if not parts:
        return None
    found = (module_file(place, ".".join(parts)) for place in (*folders, *map(Path, sys.path)))
    path = next((path for path in found if path), None)
    if path is None:
        return None
    package = parts if path.name == "__init__.py" else parts[:-1]
    return _read(path, folders, tuple(package))


def _read(path: Path, folders: Sequence[Path], package: tuple[str, ...]) -> Source | None:
    try:
        tree = parse_source(path.read_bytes(), filename=str(path))
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return Source(tree=tree, folders=folders, package=package)
