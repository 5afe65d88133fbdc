"""Test that the documentation is complete and refers only to existing names."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from autodiff import op
from autodiff.cli.app import app
from autodiff.config import Config

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = (ROOT / "docs" / "reference.md").read_text()
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_and_option_is_documented(name: str) -> None:
    assert f"autodiff {name}" in REFERENCE
    for parameter in COMMANDS[name].params:
        for option in parameter.opts if parameter.param_type_name == "option" else ():
            assert f"`{option}" in REFERENCE, f"{name} {option}"


@pytest.mark.parametrize("name", op.__all__)
def test_each_operation_is_documented(name: str) -> None:
    """The reference has each function that a migration file may call."""
    assert re.search(rf"`{name}[`(]", REFERENCE)


@pytest.mark.parametrize("name", [name for name in Config.__slots__ if name[0] != "_"])
def test_each_setting_is_documented(name: str) -> None:
    assert name in {"root", "env", "unset", "variables"} or f"| `{name}` |" in REFERENCE


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_documented_commands_exist(page: Path) -> None:
    """The options that a page passes to a command exist too."""
    code = re.findall(r"(?:`|\$ |^ {4})autodiff ([a-z]+)([^`\n]*)", page.read_text(), re.MULTILINE)
    for name, rest in code:
        assert name in COMMANDS, f"{page.name}: autodiff {name}"
        known = {option for parameter in COMMANDS[name].params for option in parameter.opts}
        for option in re.findall(r"(?<=\s)--[a-z-]+", rest):
            assert option in known, f"{page.name}: autodiff {name} {option}"


def anchors(page: Path) -> set[str]:
    """Return the link anchors of a page's headings."""
    heads = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_link_anchors_exist(page: Path) -> None:
    for target, anchor in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", page.read_text()):
        assert anchor in anchors(page.parent / target if target else page), (target, anchor)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_text_is_wrapped(page: Path) -> None:
    """Lines have at most 110 characters, except in tables and code."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    long_lines = [
        line for line in text.splitlines() if len(line) > 110 and line[:1] not in ("|", " ")
    ]
    assert long_lines == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_linked_files_exist(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
        assert (page.parent / target).is_file(), target


EXAMPLES = re.findall(
    r"```python\n(.*?)```", (ROOT / "docs" / "embedding.md").read_text(), re.DOTALL
)
USERS = """revision = "aaa1"
parents = ()

import sqlalchemy as sa
from autodiff import op


def upgrade() -> None:
    op.create_table("users", sa.Column("id", sa.Integer(), primary_key=True))


def downgrade() -> None:
    op.drop_table("users")
"""


@pytest.mark.parametrize("code", EXAMPLES)
def test_examples_of_embedding_run(
    code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each example runs as a program in a folder with one migration."""
    if "sqlalchemy.ext.asyncio" in code:
        pytest.importorskip("greenlet")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "migrations").mkdir()
    (tmp_path / "migrations" / "0001_users.py").write_text(USERS)
    program = [sys.executable, "-W", "ignore::ResourceWarning", "-c", code]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.run(program, env=environment, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
