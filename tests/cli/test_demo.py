"""demo: the whole way in a few seconds, from the first table to rows that survive."""

from __future__ import annotations

import importlib
import shlex
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff.demo.steps import STEPS, Line
from tests.cli.project import Folder

ROOT = Path(__file__).resolve().parents[2]


def test_the_demo_leaves_nothing_behind(
    folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes all steps in a temporary folder, shows them, and removes it."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.setenv("DATABASE_URL", "postgresql://nowhere/x")
    result = folder.ok("demo")
    for step in STEPS:
        assert f"== {step.title}" in result.out
        assert all(f"\n$ {line.text}\n" in result.out for line in step.lines)
    assert "op.backfill(" in result.out
    assert "\n1|first!|1\n" in result.out
    assert "\nno drift\n" in result.out
    assert list(temporary.iterdir()) == []
    assert folder.contents() == {}
    assert Path.cwd() == folder.path


def test_the_demo_keeps_a_folder(folder: Folder) -> None:
    """A named folder is a project that goes on working; the command line finds it."""
    result = folder.ok("demo", "shop/blog")
    assert result.out.endswith("The demo is complete. The project is in shop/blog.\n")
    place = str(folder.path / "shop" / "blog")
    pending = folder.ok("--config", place, "status", "--json").data["pending"]
    assert [item["name"] for item in pending] == ["0003_add_timestamp"]
    folder.ok("--config", place, "upgrade")
    assert folder.ok("--config", place, "check").out == "no drift\n"


def test_the_demo_spoils_no_folder(folder: Folder) -> None:
    """A folder with something in it is refused."""
    folder.write(models="x = 1")
    assert "is not empty" in folder.fails("demo", ".").err
    assert "is not empty" in folder.fails("demo", "models.py").err


def test_the_demo_as_json(folder: Folder) -> None:
    """The walk goes to stderr; the result is an object."""
    result = folder.ok("demo", "--json")
    assert result.data == {"completed": True, "folder": None}
    assert "$ autodiff check\nno drift\n" in result.err


def test_the_demo_writes_what_the_documentation_shows(folder: Folder) -> None:
    """Its files are those of fixtures/blog."""
    folder.ok("demo", "blog")
    written = {p.name: p.read_text() for p in (folder.path / "blog/migrations").glob("*.py")}
    shown = {p.name: p.read_text() for p in (ROOT / "fixtures/blog/migrations").glob("*.py")}
    assert written == shown


def test_the_lines_are_real(folder: Folder) -> None:
    """Typed one by one, as their own processes, the lines do the same."""
    folder.ok("init", "--models", "models:Base", "--url", "sqlite:///blog.db")
    for step in STEPS[:2]:
        folder.write(models=step.models_text())
        for line in step.lines:
            program, *arguments = shlex.split(line.text)
            if program == "autodiff":
                assert folder.process(*arguments).code == line.code, line
            elif program == "sqlite3":
                folder.sql(arguments[1])


def test_a_line_that_does_something_else(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo notices when what it shows isn't true."""
    walk = importlib.import_module("autodiff.cli.demo")
    wrong = Line(text="autodiff check", code=0)
    monkeypatch.setattr(walk, "INIT", wrong)
    result = folder.run("demo")
    assert result.code == 2
    assert "the demo stopped at 'autodiff check': the exit code was 2" in result.err


def test_models_and_database_must_agree(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """After each step there must be no drift."""
    walk = importlib.import_module("autodiff.cli.demo")
    dropping = Line(text='sqlite3 blog.db "DROP TABLE posts"')
    step = replace(STEPS[0], lines=(*STEPS[0].lines, dropping))
    monkeypatch.setattr(walk, "STEPS", (step,))
    result = folder.run("demo")
    assert result.code == 2
    assert f"the demo stopped at {step.title!r}: the models and the database differ" in result.err


def test_the_models_are_one_project(folder: Folder) -> None:
    """Each step's models add to those before."""
    tables = [set(_metadata(step.models).tables) for step in STEPS]
    assert tables == [{"posts"}, {"posts", "comments"}, {"posts", "comments"}]


def _metadata(name: str) -> sa.MetaData:
    found: sa.MetaData = importlib.import_module(f"autodiff.demo.{name}").Base.metadata
    return found
