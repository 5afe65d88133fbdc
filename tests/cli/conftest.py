"""Projects for the tests of the command line."""

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
    """An empty folder, and the current one."""
    path = tmp_path / "project"
    path.mkdir()
    monkeypatch.chdir(path)
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    return Folder(path, capsys)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The blog after each of its steps, built once: configuration, models, database, files."""
    folder = tmp_path_factory.mktemp("blog")
    (folder / "autodiff.toml").write_text(CONFIG)
    copies: list[Path] = []
    for step, message, row in zip(STEPS, MESSAGES, (*ROWS, None), strict=True):
        (folder / "models.py").write_text(step.models_text())
        step.project(folder).generate(message, fills=["comments.timestamp=now"] if not row else ())
        step.project(folder).upgrade()
        if row:
            with closing(sqlite3.connect(folder / "blog.db")) as connection, connection:
                connection.execute(row)
        copies.append(folder.with_name(f"{folder.name}_{len(copies) + 1}"))
        shutil.copytree(folder, copies[-1])
    return copies


@pytest.fixture
def blog(folder: Folder, built: list[Path]) -> Folder:
    """The blog on SQLite at its first step: posts, applied, with a row."""
    shutil.copytree(built[0], folder.path, dirs_exist_ok=True)
    return folder


@pytest.fixture
def blog_3(folder: Folder, built: list[Path]) -> Folder:
    """The blog at its third step, with rows and three migrations, all applied."""
    shutil.copytree(built[2], folder.path, dirs_exist_ok=True)
    return folder
