"""Test that the documentation is complete and refers only to existing names."""

from __future__ import annotations

import os
import re
import shlex
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
import typer

from autodiff.cli.app import app
from autodiff.config import Config
from tests.support import Folder, opened

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


SETTINGS = (ROOT / "docs" / "settings.md").read_text()


@pytest.mark.parametrize("name", [name for name in Config.__slots__ if name[0] != "_"])
def test_each_setting_is_documented(name: str) -> None:
    """The settings page shows the docstring of each field of Config that can be configured."""
    assert (f"        - {name}\n" in SETTINGS) != (
        name in {"root", "env", "unset", "override", "variables"}
    )


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
        path = page.parent / target
        assert path.is_file(), target
        inside = page.parent == ROOT or path.resolve().is_relative_to(page.parent)
        assert inside, f"{target} is not a page of the documentation site"


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


HOW_TO = (ROOT / "docs" / "how-to.md").read_text()
DATA_MIGRATION = HOW_TO.split("### Write a data migration")[1].split("```python\n")[1]


def test_the_example_of_a_data_migration_runs(any_database: sa.URL, tmp_path: Path) -> None:
    folder = Folder(tmp_path / "m")
    path = folder.write("aaaa")
    header = 'revision = "aaaa"\nparents = ()\n\n\ndef upgrade'
    path.write_text(DATA_MIGRATION.split("```")[0].replace("def upgrade", header, 1))
    with opened(any_database) as db:
        db.execute(
            "CREATE TABLE users (id INTEGER PRIMARY KEY, email VARCHAR(50), name VARCHAR(50), "
            "first VARCHAR(50), last VARCHAR(50))",
            "INSERT INTO users VALUES (1, 'Ann@x.org', NULL, 'Ann', 'Ng')",
        )
        db.runner(folder).upgrade()
        assert db.rows("SELECT email, name FROM users") == [("ann@x.org", "Ann Ng")]
        db.runner(folder).downgrade()


TUTORIAL = (ROOT / "docs" / "tutorial.md").read_text()
BLOCKS = re.compile(
    r"^```(console|python)(?: title=\"([^\"\n]+)\")?\n(.*?)^```", re.MULTILINE | re.DOTALL
)


def run_command(command: str, folder: Path) -> int:
    """Run a command of the tutorial and return its exit code.

    Python's own SQLite runs the queries, because the client may be missing.
    """
    program, *arguments = shlex.split(command)
    if program == "sqlite3":
        with closing(sqlite3.connect(folder / arguments[0])) as connection, connection:
            connection.execute(arguments[1])
        return 0
    assert program == "autodiff", command
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "autodiff", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), f"{command}\n{done.stdout}{done.stderr}"
    return done.returncode


def test_the_tutorial_works_when_followed_literally(tmp_path: Path) -> None:
    """The files and commands work in their order, and only the announced check finds drift.

    Code without a file name is part of a migration that autodiff wrote before.
    """
    codes = []
    for kind, title, text in BLOCKS.findall(TUTORIAL):
        if kind == "console":
            commands = [line.removeprefix("$ ") for line in text.splitlines()]
            commands = [c for c in commands if not c.startswith(("pip install ", "mkdir "))]
            codes += [(command, run_command(command, tmp_path)) for command in commands]
        elif title:
            (tmp_path / title).write_text(text)
        else:
            written = [path.read_text() for path in (tmp_path / "migrations").glob("*.py")]
            assert any(text in migration for migration in written), text
    assert [command for command, code in codes if code] == ["autodiff check"]
    assert len(codes) == 15


def test_the_local_hooks_are_the_shipped_hooks() -> None:
    """The pre-commit configuration in the guide runs what the repository's own hooks run."""
    guide = (ROOT / "docs" / "ci.md").read_text()
    shipped = (ROOT / ".pre-commit-hooks.yaml").read_text()
    lines = [line.strip() for line in shipped.splitlines() if "description:" not in line]
    assert len(lines) > 10
    for line in lines:
        assert f" {line}\n" in guide, line


def test_paths_of_the_contributing_guide_exist() -> None:
    """Each path in the guide is a file or folder of the checkout, or of the package."""
    guide = (ROOT / "CONTRIBUTING.md").read_text()
    paths = set(re.findall(r"`([\w.*]+(?:/[\w.*]+)+)`", guide))
    assert len(paths) > 30
    for path in paths:
        assert [*ROOT.glob(path), *(ROOT / "autodiff").glob(path)], path
