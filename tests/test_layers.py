"""Test that imports follow the layers of the architecture."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import autodiff

PACKAGE = Path(autodiff.__file__).parent
LAYERS = (
    {"errors", "files", "git", "keep", "types", "schema"},
    {"config", "connect", "drift", "encoding", "operations", "changes"},
    {"describe"},
    {"dialects", "evolve"},
    {"history"},
    {"declare", "reflect"},
    {"sides"},
    {"compare"},
    {"plan"},
    {"render"},
    {"rehearse"},
    {"run"},
    {"op", "planned", "livedata"},
    {"diffing"},
    {"bench", "hooks", "readers", "spots"},
    {
        *("drafting", "checking", "project", "proving", "rehearsing", "between", "leftalone"),
        *("relocking", "rebasing", "merging", "squashing", "adopting", "fleet"),
    },
    {"demo", "cli"},
    {"__init__", "__main__"},
)
"""From what knows nothing to what knows all; a module imports its own layer and those before."""

RUN_KNOWS = {
    "errors",
    "files",
    "keep",
    "schema",
    "operations",
    "evolve",
    "dialects",
    "history",
    "run",
}
"""The runner is a program of its own: files, history and a connection."""

MODULES = sorted(PACKAGE.rglob("*.py"))


def layer_of(name: str) -> int:
    """The place of a top-level module or package in LAYERS."""
    return next(place for place, names in enumerate(LAYERS) if name in names)


def top_level(path: Path) -> str:
    """The module or package right below autodiff that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[str]:
    """The top-level modules of autodiff that a file imports, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text())):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module == "autodiff":
            names = [f"autodiff.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        for name in names:
            if name.startswith("autodiff.") and name != "autodiff.__version__":
                yield name.split(".")[1]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_follow_the_flow(path: Path) -> None:
    """No module imports one of a later layer."""
    own = layer_of(top_level(path))
    backwards = sorted(name for name in imports(path) if layer_of(name) > own)
    assert backwards == []


def test_the_runner_knows_files_history_and_a_connection_only() -> None:
    """Nothing of run imports declare, reflect, compare, plan, render or rehearse."""
    found = {name for path in (PACKAGE / "run").rglob("*.py") for name in imports(path)}
    assert found <= RUN_KNOWS
    assert "dialects" in found


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


def test_dialect_folders_have_the_same_files() -> None:
    """Whoever knows one dialect's folder knows all of them."""
    common = {"features.py", "types.py", "reflect.py", "statements.py", "scratch.py", "script.py"}
    common |= {"locks.py"}
    for name in ("sqlite", "postgresql", "mysql"):
        files = {path.name for path in (PACKAGE / "dialects" / name).iterdir()}
        assert common <= files, name


def test_every_public_name_can_be_imported() -> None:
    for name in autodiff.__all__:
        assert getattr(autodiff, name) is not None
