"""Fixtures with projects for tests of the command line."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from autodiff.demo.steps import STEPS
from tests.cli.project import CONFIG, Folder

ROWS = ("INSERT INTO posts VALUES (1, 'Hello')", "INSERT INTO comments VALUES (1, 'first!', 1)")
MESSAGES = ("add posts", "add comments", "add timestamp")


@pytest.fixture
def folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Folder:
    """Return an empty folder that is the current folder."""
    path = tmp_path / "project"
    path.mkdir()
    monkeypatch.chdir(path)
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    return Folder(path, capsys)


@pytest.fixture(scope="session")
def blog_steps(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Build the blog once and return a copy of its folder for each of its three steps."""
    folder = tmp_path_factory.mktemp("blog")
    (folder / "autodiff.toml").write_text(CONFIG)
    copies: list[Path] = []
    for step, message, insert in zip(STEPS, MESSAGES, (*ROWS, None), strict=True):
        (folder / "models.py").write_text(step.models_text())
        step.project(folder).generate(
            message, fills=["comments.timestamp=now"] if not insert else ()
        )
        step.project(folder).upgrade()
        if insert:
            with closing(sqlite3.connect(folder / "blog.db")) as connection, connection:
                connection.execute(insert)
        copies.append(folder.with_name(f"{folder.name}_{len(copies) + 1}"))
        shutil.copytree(folder, copies[-1])
    return copies


@pytest.fixture
def blog(folder: Folder, blog_steps: list[Path]) -> Folder:
    """Return the blog on SQLite at its first step: posts, applied, with a row."""
    shutil.copytree(blog_steps[0], folder.path, dirs_exist_ok=True)
    return folder


@pytest.fixture
def blog_3(folder: Folder, blog_steps: list[Path]) -> Folder:
    """Return the blog at its third step: rows and three applied migrations."""
    shutil.copytree(blog_steps[2], folder.path, dirs_exist_ok=True)
    return folder
