"""The files for GitHub, the docs site and the package agree with each other."""

from __future__ import annotations

import ast
import re
import tomllib
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

import autodiff
from autodiff import op
from autodiff.config import Config

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
NOT_SETTINGS = {"root", "env", "unset", "override", "variables"}


def load(path: str) -> Any:
    """Parse a YAML file of the repository."""
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def matrix() -> dict[str, list[str]]:
    """Return the matrix of the job that runs the tests."""
    found: dict[str, list[str]] = load(".github/workflows/ci.yml")["jobs"]["tests"]["strategy"]
    return found["matrix"]


def test_ci_runs_every_check() -> None:
    """On GitHub as in .ci/run."""
    jobs = load(".github/workflows/ci.yml")["jobs"]
    assert set(jobs) == {"lint", "types", "docs", "tests"}
    commands = [step.get("run", "") for job in jobs.values() for step in job["steps"]]
    local = (ROOT / ".ci" / "run").read_text(encoding="utf-8").replace('"', "")
    for command in (
        "ruff check .",
        "ruff format --check .",
        "mypy",
        "mypy --explicit-package-bases tests/servers tests/conftest.py",
        "mkdocs build --strict",
        "pytest -n auto",
    ):
        assert command in commands
        assert command in local


def test_ci_runs_each_supported_python(matrix: dict[str, list[str]]) -> None:
    """The versions are those of the classifiers, and the first one is the oldest allowed."""
    prefix = "Programming Language :: Python :: 3."
    classified = [
        f"3.{name.removeprefix(prefix)}"
        for name in PROJECT["classifiers"]
        if name.startswith(prefix)
    ]
    assert matrix["python"] == classified
    assert PROJECT["requires-python"] == f">={classified[0]}"


def test_ci_runs_each_supported_sqlalchemy(matrix: dict[str, list[str]]) -> None:
    """The ranges follow each other, from the lower bound of the dependency to the upper one."""
    [requirement] = [name for name in PROJECT["dependencies"] if name.startswith("sqlalchemy")]
    ranges = [re.findall(r"[<>=]+([\d.]+)", name) for name in matrix["sqlalchemy"]]
    assert [ranges[0][0], ranges[-1][1]] == re.findall(r"[<>=]+([\d.]+)", requirement)
    assert all(before[1] == after[0] for before, after in pairwise(ranges))


def test_ci_runs_each_operating_system(matrix: dict[str, list[str]]) -> None:
    """Linux must have the servers."""
    assert matrix["os"] == ["ubuntu-latest", "macos-latest", "windows-latest"]
    environment = load(".github/workflows/ci.yml")["jobs"]["tests"]["env"]
    assert "'ubuntu-latest'" in environment["AUTODIFF_REQUIRE_SERVERS"]


@pytest.mark.parametrize("name", ["bug_report", "feature_request"])
def test_issue_forms_are_complete(name: str) -> None:
    """GitHub refuses a form without these keys, or with an id that is used twice."""
    form = load(f".github/ISSUE_TEMPLATE/{name}.yml")
    assert form["name"]
    assert form["description"]
    fields = [field for field in form["body"] if field["type"] != "markdown"]
    assert all(field["attributes"]["label"] for field in fields)
    names = [field["id"] for field in fields]
    assert len(names) == len(set(names))


def test_the_bug_report_asks_for_what_is_needed() -> None:
    """Versions, the database, the models and what `autodiff check` prints."""
    fields = {
        field.get("id"): field for field in load(".github/ISSUE_TEMPLATE/bug_report.yml")["body"]
    }
    required = {
        name for name, field in fields.items() if field.get("validations", {}).get("required")
    }
    assert {"versions", "database", "models", "check"} <= required
    assert "autodiff check --verbose" in fields["check"]["attributes"]["label"]


def pages(nav: list[dict[str, Any]]) -> list[str]:
    """Return the pages of a navigation, those of its sections included."""
    found = []
    for entry in nav:
        for target in entry.values():
            found += pages(target) if isinstance(target, list) else [target]
    return found


def test_the_site_makes_no_request_to_other_servers() -> None:
    """Fonts would come from Google."""
    site = load("mkdocs.yml")
    assert site["theme"]["font"] is False
    assert not {"extra_javascript", "extra_css"} & set(site)


def test_each_page_is_in_the_navigation() -> None:
    """Those in docs/, and the files at the top of the repository that the site shows."""
    listed = pages(load("mkdocs.yml")["nav"])
    shown = re.findall(r'"[A-Z]+\.md": "(.+)"', (ROOT / ".ci" / "docs_pages.py").read_text())
    docs = ROOT / "docs"
    own = [path.relative_to(docs).as_posix() for path in docs.rglob("*.md")]
    assert sorted(listed) == sorted(own + shown)


def attribute_docstrings(name: str, path: Path) -> set[str]:
    """Return the attributes of a class that are followed by a docstring."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    [body] = [
        node.body for node in tree.body if isinstance(node, ast.ClassDef) if node.name == name
    ]
    return {
        before.target.id
        for before, after in pairwise(body)
        if isinstance(before, ast.AnnAssign) and isinstance(before.target, ast.Name)
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
    }


def test_each_setting_is_documented() -> None:
    """The page lists each setting, whose docstring it shows."""
    listed = re.findall(r"^ +- (\w+)$", (ROOT / "docs" / "settings.md").read_text(), re.MULTILINE)
    assert set(listed) == {name for name in Config.__slots__ if name not in NOT_SETTINGS}
    assert set(listed) <= attribute_docstrings("Config", ROOT / "autodiff" / "config.py")


def test_each_public_name_is_documented() -> None:
    """The page shows the docstring of each name that `autodiff` exports."""
    shown = re.findall(
        r"^::: autodiff\.(\w+)$", (ROOT / "docs" / "api.md").read_text(), re.MULTILINE
    )
    exported = set(autodiff.__all__) - {"AutodiffError", "__version__", "op"}
    assert exported | {"alembic", "errors", "fleet"} == set(shown)


@pytest.mark.parametrize("name", op.__all__)
def test_each_operation_is_documented(name: str) -> None:
    """The page of operations shows its docstring."""
    assert getattr(op, name).__doc__
