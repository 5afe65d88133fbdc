"""Replace the imports of Alembic in a script by imports of `autodiff.op`."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec

from autodiff import op
from autodiff.op.batch import BatchOperations
from autodiff.op.migration_context import MigrationContext, MigrationImpl

__all__ = [
    "Edits",
    "convert_imports",
    "import_submodules",
    "is_alembic",
    "joined_names",
    "registered_names",
]

_COMPAT = "autodiff.op.alembic"
_MODULES = {"alembic.op": "autodiff.op", "alembic.context": f"{_COMPAT}.context"}
"""Modules of Alembic, and the module with the same functions."""
_SQLALCHEMY = "sqlalchemy"
_LAZY = frozenset({"orm", "dialects", "ext"})
"""The parts of the package sqlalchemy that it does not import itself."""
_OPERATIONS = ("Operations", "BatchOperations", "MigrateOperation")
_NAMES = {
    ("alembic", "op"): ("autodiff", "op"),
    ("alembic", "context"): (_COMPAT, "context"),
    ("alembic", "operations"): (_COMPAT, "operations"),
    **{
        (f"alembic.operations{module}", name): (f"{_COMPAT}.operations", name)
        for module in ("", ".base", ".ops")
        for name in _OPERATIONS
    },
}
_NAMES |= {
    (module, "MigrationContext"): ("autodiff.op.migration_context", "MigrationContext")
    for module in ("alembic.migration", "alembic.runtime.migration")
}
"""Names in modules of Alembic, and the module and name that replace them."""
_RENAMED = {"op": "autodiff", "context": _COMPAT, "operations": _COMPAT}
"""What `alembic.NAME` is imported from, after `import alembic`."""


@dataclass(slots=True)
class Edits:
    """Replacements of source text by node, and problems by line.

    `bound` are the names by which the script knows a function or class of autodiff afterwards, each
    with its dotted name.
    """

    replaced: list[tuple[ast.AST, str]] = field(default_factory=list)
    problems: list[tuple[int, str]] = field(default_factory=list)
    bound: dict[str, str] = field(default_factory=dict)

    def import_name(self, module: str, name: str, alias: str | None) -> str:
        """Return the import of a name, and note what it binds."""
        self.bound[alias or name] = f"{module}.{name}"
        return f"from {module} import {joined_names([ast.alias(name, alias)])}"


def is_alembic(module: str | None) -> bool:
    """Return whether a module is Alembic's."""
    return module is not None and module.partition(".")[0] == "alembic"


def joined_names(aliases: Collection[ast.alias]) -> str:
    """Return the names of an import: `op as o, context`."""
    return ", ".join(
        a.name if a.asname in (None, a.name) else f"{a.name} as {a.asname}" for a in aliases
    )


def registered_names(tree: ast.AST) -> set[str]:
    """Return the names that a module gives to its own operations (`register_operation`)."""
    return {
        str(node.args[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).endswith("register_operation")
        and node.args
        and isinstance(node.args[0], ast.Constant)
    }


def convert_imports(tree: ast.Module, registered: Collection[str], edits: Edits) -> None:
    """Replace the imports of Alembic, and note what of it has no counterpart.

    Args:
        tree: The script.
        registered: The names of the application's own operations.
        edits: Receives the replacements and problems.
    """
    nodes = list(_executed(tree))
    used = {node.id for node in nodes if isinstance(node, ast.Name)}
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.level == 0 and is_alembic(node.module):
            _convert_from(node, used, edits)
        elif isinstance(node, ast.Import) and any(is_alembic(a.name) for a in node.names):
            _convert_import(node, tree, edits)
        elif isinstance(node, ast.Call) and _imports_by_name(node):
            edits.problems.append((node.lineno, f"imports alembic: {ast.unparse(node)}"))
    _check_uses(tree, registered, edits)


def import_submodules(tree: ast.Module, edits: Edits) -> None:
    """Import the modules of SQLAlchemy that a script uses without an import, such as `sa.orm`.

    Under Alembic they are imported by Alembic itself, or by the models that env.py imports.
    """
    replaced = {id(node) for node, _ in edits.replaced}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Import) or id(node) in replaced:
            continue
        names = [a.asname or a.name for a in node.names if a.name == _SQLALCHEMY]
        used = {module for name in names for module in _submodules(tree, name)}
        if used:
            lines = [ast.unparse(node), *(f"import {module}" for module in sorted(used))]
            edits.replaced.append((node, "; ".join(lines)))


def _submodules(tree: ast.Module, name: str) -> Iterator[str]:
    """Yield the modules that are used as attributes of the package `sqlalchemy`."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute):
            continue
        first, *parts = ast.unparse(node).split(".")
        if first != name or parts[0] not in _LAZY:
            continue
        module = ".".join([_SQLALCHEMY, *parts])
        if parts[-1].isidentifier() and find_spec(f"{_SQLALCHEMY}.{parts[0]}") is not None:
            with suppress(ImportError):  # the parent is a class or a function
                if find_spec(module) is not None:
                    yield module


def _executed(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield the nodes of a tree, without imports that only a type checker reads."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop(0)
        yield node
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            waiting += node.orelse
        else:
            waiting += ast.iter_child_nodes(node)


def _imports_by_name(node: ast.Call) -> bool:
    name = ast.unparse(node.func).rpartition(".")[2]
    first = node.args[0] if node.args else None
    return (
        name in ("import_module", "__import__")
        and isinstance(first, ast.Constant)
        and is_alembic(str(first.value))
    )


def _convert_from(node: ast.ImportFrom, used: Collection[str], edits: Edits) -> None:
    """Convert `from alembic import op, context` and `from alembic.op import create_table`."""
    module = node.module or ""
    lines: list[str] = []
    others: list[ast.alias] = []
    for alias in node.names:
        is_used = (alias.asname or alias.name) in used
        if module in _MODULES:
            lines.append(edits.import_name(_MODULES[module], alias.name, alias.asname))
        elif (module, alias.name) in _NAMES and (is_used or alias.name == "op"):
            lines.append(edits.import_name(*_NAMES[module, alias.name], alias.asname))
        elif is_used:
            others.append(alias)
    if others:
        unchanged = f"from {module} import {joined_names(others)}"
        edits.problems.append((node.lineno, f"imports alembic: {unchanged}"))
        lines.append(unchanged)
    if module in _MODULES and lines:
        lines = [f"from {_MODULES[module]} import {joined_names(node.names)}"]
    edits.replaced.append((node, "; ".join(lines) or "pass"))


def _convert_import(node: ast.Import, tree: ast.Module, edits: Edits) -> None:
    """Convert `import alembic`, `import alembic.op` and `import alembic.op as op`."""
    lines = []
    for alias in node.names:
        parent, _, name = alias.name.rpartition(".")
        if not is_alembic(alias.name):
            lines.append(f"import {joined_names([alias])}")
        elif alias.asname is not None and (parent, name) in _NAMES:
            lines.append(edits.import_name(*_NAMES[parent, name], alias.asname))
        elif alias.name == "alembic" or (alias.asname is None and (parent, name) in _NAMES):
            lines += _convert_attributes(alias.asname or "alembic", tree, edits)
        else:
            edits.problems.append((node.lineno, f"imports alembic: {ast.unparse(node)}"))
            lines.append(f"import {joined_names([alias])}")
    edits.replaced.append((node, "; ".join(dict.fromkeys(lines)) or "pass"))


def _convert_attributes(name: str, tree: ast.Module, edits: Edits) -> list[str]:
    """Replace `alembic.op` by `op` in the code, and return the imports that this needs."""
    known = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    known |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    lines, attributes = [], set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute) or not _is_name(node.value, name):
            continue
        attributes.add(id(node.value))
        if node.attr not in _RENAMED:
            edits.problems.append((node.lineno, f"uses {name}.{node.attr}"))
            continue
        alias = f"alembic_{node.attr}" if node.attr in known else None
        lines.append(edits.import_name(_RENAMED[node.attr], node.attr, alias))
        edits.replaced.append((node, alias or node.attr))
        edits.bound[f"{name}.{node.attr}"] = f"{_RENAMED[node.attr]}.{node.attr}"
    for node in ast.walk(tree):
        if _is_name(node, name) and id(node) not in attributes:
            edits.problems.append((getattr(node, "lineno", 1), f"uses the module {name}"))
    return list(dict.fromkeys(lines)) or ["from autodiff import op"]


def _is_name(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _check_uses(tree: ast.Module, registered: Collection[str], edits: Edits) -> None:
    """Note functions that have no counterpart in autodiff."""
    assigned = {
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)
    }
    allowed = {
        name: _attributes(target, registered)
        for name, target in edits.bound.items()
        if name not in assigned
    }
    for target in list(edits.bound.values()):
        if _attributes(target, registered) is None:
            edits.problems.append((1, f"imports {target.rpartition('.')[2]}, which autodiff lacks"))
    batches = {name: {*dir(BatchOperations), *registered} for name in _batches(tree, allowed)}
    received = {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            _check_attribute(node, {**allowed, **batches}, received if allowed else (), edits)


def _check_attribute(
    node: ast.Attribute,
    allowed: Mapping[str, set[str] | None],
    received: Collection[str],
    edits: Edits,
) -> None:
    """Note an attribute that an object of autodiff lacks.

    received: the names of arguments: an implementation of an operation receives `op` as one.
    """
    owner = ast.unparse(node.value)
    names = allowed.get(owner)
    if owner.endswith("get_context()") and _is_bound(owner, {*allowed, *received}):
        names = set(dir(MigrationContext))
    elif owner.endswith("get_context().impl") and _is_bound(owner, {*allowed, *received}):
        names = set(dir(MigrationImpl))
    if names is not None and node.attr not in names:
        what = f"uses {owner}.{node.attr}, which has no counterpart in autodiff.op"
        edits.problems.append((node.lineno, what))


def _is_bound(owner: str, allowed: Collection[str]) -> bool:
    return owner.partition(".get_context()")[0] in allowed or owner.startswith("get_context()")


def _batches(tree: ast.Module, allowed: Collection[str]) -> Iterator[str]:
    """Yield the names of batches: `with op.batch_alter_table(...) as NAME`."""
    calls = {f"{name}.batch_alter_table" for name in allowed} | {"batch_alter_table"}
    for node in ast.walk(tree):
        for item in node.items if isinstance(node, ast.With) else ():
            call, name = item.context_expr, item.optional_vars
            if not isinstance(call, ast.Call) or not isinstance(name, ast.Name):
                continue
            if ast.unparse(call.func) in calls:
                yield name.id


def _attributes(target: str, registered: Collection[str]) -> set[str] | None:
    """Return the attributes of an object of autodiff; None if there is no such object."""
    if target == "autodiff.op":
        return {*dir(op), *registered}
    module, _, name = target.rpartition(".")
    if name == "*":
        return set()
    if module == "autodiff.op" and name in registered:
        return set()
    owner = import_module(module)
    if not hasattr(owner, name):
        try:
            return set(dir(import_module(target)))
        except ImportError:
            return None
    return set(dir(getattr(owner, name)))
