"""Test that imports follow the layers of the architecture."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import autodiff

PACKAGE = Path(autodiff.__file__).parent
LAYERS = (
    *("errors", "utils", "schema", "config", "dialects", "migrations", "models", "compare"),
    *("plan", "render", "runner", "op", "workspace", "lint", "autogenerate", "rehearse"),
    *("evidence", "report", "commands", "alembic", "fleet", "project", "testing", "ci", "demo"),
    *("cli", "__init__", "__main__"),
)
"""One strict order. A package or module imports only itself and those before it."""

RUNNER_IMPORTS = {"errors", "utils", "schema", "dialects", "migrations", "runner"}
"""The runner works without models, plans and templates: a deployment does not need them."""

MODULES = sorted(PACKAGE.rglob("*.py"))


def top_level(path: Path) -> str:
    """Return the module or package right below autodiff that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[str]:
    """Yield the top-level modules that a file imports, in functions and for types too."""
    for node in ast.walk(ast.parse(path.read_text())):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide what is imported"
            base = node.module or ""
            names = [base] if base != "autodiff" else [f"autodiff.{a.name}" for a in node.names]
        for name in names:
            if name.startswith("autodiff.") and name != "autodiff.__version__":
                yield name.split(".")[1]


def test_every_top_level_name_has_a_layer() -> None:
    """A new package or module must be put into the order before anything can import it."""
    assert {top_level(path) for path in MODULES} == set(LAYERS)
    assert len(set(LAYERS)) == len(LAYERS)


def test_few_modules_lie_at_the_top() -> None:
    """At most ten: everything else is in a package that is named after its work."""
    assert len(list(PACKAGE.glob("*.py"))) <= 10


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_follow_the_order(path: Path) -> None:
    """No module imports one of a later layer, so no two packages import each other."""
    own = LAYERS.index(top_level(path))
    assert [name for name in imports(path) if LAYERS.index(name) > own] == []


def test_the_runner_imports_nothing_that_plans() -> None:
    """Nothing in the runner imports models, compare, plan or render."""
    found = {name for path in (PACKAGE / "runner").rglob("*.py") for name in imports(path)}
    assert found <= RUNNER_IMPORTS
    assert "dialects" in found


MODULE_NAMES = {
    part.removesuffix(".py")
    for path in MODULES
    for part in path.relative_to(PACKAGE).parts
    if part != "__init__.py"
}


def public_functions(path: Path) -> list[str]:
    """Return the public functions that a module defines, without those of `autodiff.__all__`."""
    module = ".".join(("autodiff", *path.relative_to(PACKAGE).with_suffix("").parts))
    exported = {
        name
        for name in autodiff.__all__
        if getattr(getattr(autodiff, name), "__module__", "") == module
    }
    return [
        node.name
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and not node.name.startswith("_")
        and node.name not in exported
    ]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_public_function_has_the_name_of_a_module(path: Path) -> None:
    """`from package import name` gives a module or a function, never one in place of the other."""
    assert [name for name in public_functions(path) if name in MODULE_NAMES] == []


def test_only_compare_imports_deepdiff() -> None:
    users = [path for path in MODULES if "import DeepDiff" in path.read_text()]
    assert [top_level(path) for path in users] == ["compare"]


def test_no_code_asks_for_a_dialect_by_its_name() -> None:
    """Outside dialects/, code checks a feature of the dialect and not its name."""
    offending_files = [
        path
        for path in MODULES
        if top_level(path) != "dialects"
        and ".name ==" in path.read_text()
        and "dialect.name ==" in path.read_text()
    ]
    assert offending_files == []


DIALECT_FILES = {
    *("__init__.py", "expressions.py", "features.py", "scratch.py", "types.py"),
    *("catalog/__init__.py", "catalog/catalog.py", "catalog/reflect.py"),
    *("ddl/__init__.py", "ddl/statements.py", "session/__init__.py", "session/locks.py"),
    *("session/script.py", "session/session.py"),
}


@pytest.mark.parametrize("name", ["sqlite", "postgresql", "mysql"])
def test_dialect_folders_have_the_same_files(name: str) -> None:
    """A reader who knows one dialect's folder knows all of them."""
    folder = PACKAGE / "dialects" / name
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*.py")}
    assert files >= DIALECT_FILES


def test_every_public_name_can_be_imported() -> None:
    for name in autodiff.__all__:
        assert getattr(autodiff, name) is not None
