"""The documentation names all there is, and what it names is there."""

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
    """The reference has the command, and each of its options."""
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
    """The reference has each setting of the configuration."""
    assert name in {"root", "env", "unset", "variables"} or f"| `{name}` |" in REFERENCE


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_documented_commands_exist(page: Path) -> None:
    """Each `autodiff COMMAND --option` of a page is one."""
    code = re.findall(r"(?:`|\$ |^ {4})autodiff ([a-z]+)([^`\n]*)", page.read_text(), re.MULTILINE)
    for name, rest in code:
        assert name in COMMANDS, f"{page.name}: autodiff {name}"
        known = {option for parameter in COMMANDS[name].params for option in parameter.opts}
        for option in re.findall(r"(?<=\s)--[a-z-]+", rest):
            assert option in known, f"{page.name}: autodiff {name} {option}"


def anchors(page: Path) -> set[str]:
    """What the headings of a page are called in links."""
    heads = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_headings(page: Path) -> None:
    """Each link into a page names one of its headings."""
    for target, anchor in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", page.read_text()):
        assert anchor in anchors(page.parent / target if target else page), (target, anchor)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_text_is_wrapped(page: Path) -> None:
    """Lines that are neither of a table nor code are no longer than one can read."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    long = [line for line in text.splitlines() if len(line) > 110 and line[:1] not in ("|", " ")]
    assert long == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    """Each relative link of a page is a file."""
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
    """Each is a program of its own, in a folder with one migration."""
    if "sqlalchemy.ext.asyncio" in code:
        pytest.importorskip("greenlet")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "migrations").mkdir()
    (tmp_path / "migrations" / "0001_users.py").write_text(USERS)
    program = [sys.executable, "-W", "ignore::ResourceWarning", "-c", code]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(program, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
