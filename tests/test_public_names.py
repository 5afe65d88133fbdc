"""The public names are documented, and every name in the documentation exists.

A page documents a name by writing it as code, or with a directive of mkdocstrings such as
`::: autodiff.errors`, which documents all names in the `__all__` of that module.
"""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import autodiff
from autodiff import op

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = (ROOT / "docs" / "reference.md").read_text()
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
PUBLIC_MODULES = (
    *("autodiff.alembic", "autodiff.op", "autodiff.errors", "autodiff.fleet"),
    "autodiff.runner.events",
)
FILES = {"toml", "lock", "md", "json", "db", "sql", "yml"}
"""Endings of file names such as `autodiff.toml`, which look like names of modules."""


def directives(page: Path) -> list[str]:
    """Return the names that a page documents with mkdocstrings."""
    return re.findall(r"^::: (autodiff[\w.]*)$", page.read_text(), re.MULTILINE)


def code_names(page: Path) -> set[str]:
    """Return the dotted names in the code of a page, as in `autodiff.errors.LockedError`."""
    text = page.read_text()
    found = set(re.findall(r"`(autodiff(?:\.\w+)+)[`(]", text))
    for module, names in re.findall(r"^ *from (autodiff[\w.]*) import ([\w, ]+)$", text, re.M):
        found |= {f"{module}.{name.strip().split(' as ')[0]}" for name in names.split(",")}
    found |= set(re.findall(r"^ *import (autodiff(?:\.\w+)+)", text, re.M))
    return {name for name in found if name.rpartition(".")[2] not in FILES}


def resolve(name: str) -> object:
    """Return the module or the object that a dotted name means."""
    parts = name.split(".")
    found: object = import_module(parts[0])
    for number, part in enumerate(parts[1:], 2):
        if isinstance(found, ModuleType) and not hasattr(found, part):
            found = import_module(".".join(parts[:number]))
        else:
            found = getattr(found, part)
    return found


DIRECTIVES = {page: directives(page) for page in PAGES}
DOCUMENTED = sorted({name for names in DIRECTIVES.values() for name in names})
DOCUMENTED_MODULES = sorted(
    {*PUBLIC_MODULES, *(name for name in DOCUMENTED if isinstance(resolve(name), ModuleType))}
)
NAMES = sorted(
    [f"autodiff.{name}" for name in autodiff.__all__ if name != "__version__"]
    + [f"autodiff.op.{name}" for name in op.__all__]
)


def is_documented(name: str) -> bool:
    """Return whether a page has the name as code, or a directive for it or for its module."""
    module, _, short = name.rpartition(".")
    target = getattr(resolve(name), "__module__", module)
    if {name, module, target, f"{target}.{short}"} & set(DOCUMENTED):
        return True
    return re.search(rf"`[^`\n]*\b{short}\b[^`\n]*`", REFERENCE) is not None


@pytest.mark.parametrize("name", NAMES)
def test_public_names_are_documented(name: str) -> None:
    """The reference has each name of `autodiff` and `autodiff.op`."""
    assert is_documented(name)


@pytest.mark.parametrize("name", DOCUMENTED_MODULES)
def test_public_modules_list_all_of_their_names(name: str) -> None:
    """`__all__` has every public function and class, because the API pages are made from it."""
    module = import_module(name)
    listed = list(module.__all__)
    assert len(listed) == len(set(listed))
    own = {
        key
        for key, value in vars(module).items()
        if (inspect.isfunction(value) or inspect.isclass(value))
        and not key.startswith("_")
        and f"{value.__module__}.".startswith(f"{name}.")
    }
    assert own - set(listed) == set()
    for key in listed:
        assert getattr(module, key) is not None


@pytest.mark.parametrize("name", DOCUMENTED_MODULES)
def test_public_names_have_docstrings(name: str) -> None:
    """Every public function and class has one, because the API pages show it."""
    module = import_module(name)
    without = [
        key
        for key in module.__all__
        if (inspect.isfunction(value := getattr(module, key)) or inspect.isclass(value))
        and not (value.__doc__ or "").strip()
    ]
    assert without == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_documented_names_exist(page: Path) -> None:
    """Every directive, dotted name and import of a page is a module or an object."""
    for name in sorted({*DIRECTIVES[page], *code_names(page)}):
        assert resolve(name) is not None, name
        assert not any(part.startswith("_") for part in name.split(".")), name
