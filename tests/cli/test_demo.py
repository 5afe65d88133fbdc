"""Test the demo, from the first table to a column on a table with rows."""

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


def test_the_demo_removes_its_temporary_folder(
    folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It runs and prints all steps."""
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


def test_the_demo_keeps_a_named_folder(folder: Folder) -> None:
    """The folder is a working project."""
    result = folder.ok("demo", "shop/blog")
    assert result.out.endswith("The demo is complete. The project is in shop/blog.\n")
    place = str(folder.path / "shop" / "blog")
    pending = folder.ok("--config", place, "status", "--json").data["pending"]
    assert [item["name"] for item in pending] == ["0003_add_timestamp"]
    folder.ok("--config", place, "upgrade")
    assert folder.ok("--config", place, "check").out == "no drift\n"


def test_the_demo_refuses_a_folder_with_files(folder: Folder) -> None:
    folder.write(models="x = 1")
    assert "is not empty" in folder.fails("demo", ".").err
    assert "is not empty" in folder.fails("demo", "models.py").err


def test_the_demo_as_json(folder: Folder) -> None:
    """The steps are printed on stderr, the result on stdout."""
    result = folder.ok("demo", "--json")
    assert result.data == {"completed": True, "folder": None}
    assert "$ autodiff check\nno drift\n" in result.err


def test_the_demo_writes_the_files_of_the_documentation(folder: Folder) -> None:
    folder.ok("demo", "blog")
    written = {p.name: p.read_text() for p in (folder.path / "blog/migrations").glob("*.py")}
    documented = {p.name: p.read_text() for p in (ROOT / "fixtures/blog/migrations").glob("*.py")}
    assert written == documented


def test_the_printed_commands_work(folder: Folder) -> None:
    """Run as separate processes, they have the same exit codes."""
    folder.ok("init", "--models", "models:Base", "--url", "sqlite:///blog.db")
    for step in STEPS[:2]:
        folder.write(models=step.models_text())
        for line in step.lines:
            program, *arguments = shlex.split(line.text)
            if program == "autodiff":
                assert folder.process(*arguments).code == line.code, line
            elif program == "sqlite3":
                folder.sql(arguments[1])


def test_the_demo_stops_at_an_unexpected_exit_code(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk = importlib.import_module("autodiff.cli.demo")
    wrong = Line(text="autodiff check", code=0)
    monkeypatch.setattr(walk, "INIT", wrong)
    result = folder.run("demo")
    assert result.code == 2
    assert "the demo stopped at 'autodiff check': the exit code was 2" in result.err


def test_the_demo_stops_at_drift(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """There must be no drift after a step."""
    walk = importlib.import_module("autodiff.cli.demo")
    drop_table = Line(text='sqlite3 blog.db "DROP TABLE posts"')
    step = replace(STEPS[0], lines=(*STEPS[0].lines, drop_table))
    monkeypatch.setattr(walk, "STEPS", (step,))
    result = folder.run("demo")
    assert result.code == 2
    assert f"the demo stopped at {step.title!r}: the models and the database differ" in result.err


def test_each_step_keeps_the_tables_of_the_previous_step(folder: Folder) -> None:
    tables = [set(_metadata(step.models).tables) for step in STEPS]
    assert tables == [{"posts"}, {"posts", "comments"}, {"posts", "comments"}]


def _metadata(name: str) -> sa.MetaData:
    metadata: sa.MetaData = importlib.import_module(f"autodiff.demo.{name}").Base.metadata
    return metadata
