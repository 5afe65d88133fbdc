"""Copy the modules of a project that Alembic's scripts import and that use Alembic themselves."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from autodiff.commands.adopt.script_imports import (
    Edits,
    is_alembic,
    joined_names,
    registered_names,
)
from autodiff.commands.adopt.script_text import ConvertedText, convert_helper
from autodiff.migrations.files import parse_python, read_text
from autodiff.utils.imports import module_file

__all__ = ["HelperModules"]

_USED = frozenset({"op", "context", "operations"})
_NOT_SEARCHED = frozenset({"site-packages", "dist-packages", ".venv", "node_modules"})


class HelperModules:
    """Finds helper modules, and gives each a file name in the migrations folder.

    A migration imports its helpers from its own folder: `from ._helpers import name`. Files whose
    names begin with an underscore are not migrations.
    """

    def __init__(self, import_path: Sequence[Path]) -> None:
        self._folders = tuple(dict.fromkeys(path.resolve() for path in import_path))
        self._trees: dict[str, ast.Module | None] = {}
        self._stems: dict[str, str] = {}
        self._helpers: dict[str, bool] = {}
        self.registered: set[str] = set()

    def find(self, trees: Sequence[ast.Module]) -> None:
        """Find the helpers that scripts import, and the operations that they register."""
        for tree in trees:
            for name in _imported(tree, None):
                self._is_helper(name)

    def texts(self) -> dict[str, ConvertedText]:
        """Return the converted helpers that are used, by file name."""
        found: dict[str, ConvertedText] = {}
        while missing := [name for name in self._stems if f"{self._stems[name]}.py" not in found]:
            for name in missing:
                path = self._path(name)
                assert path is not None
                converted = convert_helper(path, name, read_text(path), self)
                found[f"{self._stems[name]}.py"] = converted
        return found

    def convert_imports(self, tree: ast.Module, module: str | None, edits: Edits) -> str:
        """Replace the imports of helpers, and return the texts of those helpers.

        `module` is the name of the module itself, for relative imports; None for a script.
        """
        used: list[str] = []
        for node in ast.walk(tree):
            edits.problems += self._outside_problems(node)
            if isinstance(node, ast.ImportFrom):
                used += self._convert_from(node, module, edits)
            elif isinstance(node, ast.Import):
                used += self._convert_import(node, edits)
        return "".join(read_text(path) for name in used if (path := self._path(name)))

    def _outside_problems(self, node: ast.AST) -> Iterator[tuple[int, str]]:
        """Yield a problem for each module outside the project that an import names.

        Such a module is not copied, and Alembic's `op` does not work in a migration.
        """
        for name in dict.fromkeys(_imported_by(node, None)):
            if self._path(name) is None and _is_outside_helper(name):
                reason = f"imports {name}, which uses Alembic and is outside the project"
                yield getattr(node, "lineno", 1), f"{reason}: copy it into the project"

    def _convert_from(
        self, node: ast.ImportFrom, module: str | None, edits: Edits
    ) -> Iterator[str]:
        source = _absolute(node, module, is_package=self._is_package(module))
        if source is None or is_alembic(source):
            return
        lines = []
        inner = [a for a in node.names if self._path(f"{source}.{a.name}") is not None]
        helpers = [a for a in inner if self._is_helper(f"{source}.{a.name}")]
        others = [a for a in inner if a not in helpers]
        members = [alias for alias in node.names if alias not in inner]
        is_helper = self._is_helper(source)
        if is_helper and members:
            yield source
            lines.append(f"from .{self._stem(source)} import {joined_names(members)}")
        elif members:
            lines.append(f"from {source} import {joined_names(members)}")
        if others:
            lines.append(f"from {source} import {joined_names(others)}")
        for alias in helpers:
            yield f"{source}.{alias.name}"
            stem = self._stem(f"{source}.{alias.name}")
            lines.append(f"from . import {stem} as {alias.asname or alias.name}")
        if is_helper and members and self._is_package(module) and source != module:
            yield from self._bind_module(source, module, lines)
        if helpers or node.level or is_helper:
            edits.replaced.append((node, "; ".join(lines)))

    def _bind_module(self, source: str, package: str | None, lines: list[str]) -> Iterator[str]:
        """Bind a module in its package, as the import of anything from the module does."""
        parent, _, name = source.rpartition(".")
        if parent == package:
            yield source
            lines.append(f"from . import {self._stem(source)} as {name}")

    def _convert_import(self, node: ast.Import, edits: Edits) -> Iterator[str]:
        lines = []
        for alias in node.names:
            if is_alembic(alias.name) or not self._is_helper(alias.name):
                lines.append(f"import {joined_names([alias])}")
                continue
            yield alias.name
            if alias.asname is None and "." in alias.name:
                reason = f"imports {alias.name}, which uses Alembic, without a name"
                advice = f"import {alias.name} as {alias.name.rpartition('.')[2]}"
                edits.problems.append((node.lineno, f"{reason}: write {advice}"))
            stem = self._stem(alias.name)
            lines.append(f"from . import {stem} as {alias.asname or alias.name}")
        if lines != [f"import {joined_names([alias])}" for alias in node.names]:
            edits.replaced.append((node, "; ".join(lines)))

    def _is_helper(self, name: str) -> bool:
        """Return whether a module of the project uses Alembic, or imports one that does."""
        if name not in self._helpers:
            reached = self._reached_from(name)
            self._helpers[name] = any(_uses_alembic(tree) for tree in reached.values())
            if self._helpers[name]:
                for tree in reached.values():
                    self.registered |= registered_names(tree)
        return self._helpers[name]

    def _reached_from(self, name: str) -> dict[str, ast.Module]:
        """Return a module of the project and those that it imports, with their trees."""
        reached: dict[str, ast.Module] = {}
        waiting = [name]
        while waiting:
            module = waiting.pop()
            tree = self._tree(module)
            if tree is not None and module not in reached:
                reached[module] = tree
                waiting += _imported(tree, module, is_package=self._is_package(module))
        return reached

    def _tree(self, name: str) -> ast.Module | None:
        if name not in self._trees:
            path = self._path(name)
            self._trees[name] = None if path is None else parse_python(path, read_text(path))
        return self._trees[name]

    def _path(self, name: str) -> Path | None:
        if name.partition(".")[0] == "autodiff":
            return None
        found = (module_file(folder, name) for folder in self._folders)
        return next((p for p in found if p and not _NOT_SEARCHED & set(p.parts)), None)

    def _is_package(self, name: str | None) -> bool:
        path = self._path(name) if name else None
        return path is not None and path.name == "__init__.py"

    def _stem(self, name: str) -> str:
        """Return the name of the copy, which is unique: `_helpers`, else `_app_helpers`."""
        if name not in self._stems:
            short = f"_{name.rpartition('.')[2]}"
            taken = short in self._stems.values()
            self._stems[name] = f"_{name.replace('.', '_')}" if taken else short
        return self._stems[name]


def _uses_alembic(tree: ast.Module) -> bool:
    """Return whether a module imports what scripts run with, and not only Alembic's commands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level == 0 and is_alembic(node.module):
            parts = (node.module or "").split(".")
            if len(parts) > 1 and parts[1] in _USED:
                return True
            if len(parts) == 1 and any(alias.name in _USED for alias in node.names):
                return True
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names if is_alembic(alias.name)]
            if any(name == "alembic" or name.split(".")[1] in _USED for name in names):
                return True
    return False


def _imported(tree: ast.Module, module: str | None, *, is_package: bool = False) -> Iterator[str]:
    """Yield the names of the modules that a module may import."""
    for node in ast.walk(tree):
        yield from _imported_by(node, module, is_package=is_package)


def _imported_by(node: ast.AST, module: str | None, *, is_package: bool = False) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names if not is_alembic(alias.name))
    elif isinstance(node, ast.ImportFrom):
        source = _absolute(node, module, is_package=is_package)
        if source is not None and not is_alembic(source):
            yield source
            yield from (f"{source}.{alias.name}" for alias in node.names)


@cache
def _is_outside_helper(name: str) -> bool:
    """Return whether an installed module uses Alembic itself; nothing is imported."""
    path = _installed_file(name)
    text = read_text(path) if path is not None else ""
    return path is not None and "alembic" in text and _uses_alembic(parse_python(path, text))


def _installed_file(name: str) -> Path | None:
    """Return the file of a module on Python's import path, None if it has none."""
    package, _, rest = name.partition(".")
    try:
        spec = find_spec(package) if package != "autodiff" else None
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    if not rest:
        is_python = spec.origin is not None and spec.origin.endswith(".py")
        return Path(str(spec.origin)) if is_python else None
    found = (module_file(Path(each), rest) for each in spec.submodule_search_locations or ())
    return next((path for path in found if path), None)


def _absolute(node: ast.ImportFrom, module: str | None, *, is_package: bool) -> str | None:
    """Return the absolute name of what an import names; None if it is relative to nothing."""
    if node.level == 0:
        return node.module
    if module is None:
        return None
    parts = module.split(".")
    parts = parts[: len(parts) - node.level + (1 if is_package else 0)]
    return ".".join([*parts, *([node.module] if node.module else [])]) or None
