"""Test that a migration or hook of which nothing was run never counts as a success."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from autodiff import Project
from autodiff.cli import main
from autodiff.errors import AutodiffError, HistoryError, HookFailedError, MigrationFileError
from autodiff.runner.hooks import Hooks
from autodiff.runner.repair import Repairs
from autodiff.runner.runner import Runner
from tests.support import Database, Folder, opened

CREATE = 'op.create_table("t", sa.Column("id", sa.Integer(), primary_key=True))'


@pytest.fixture
def db(any_database: sa.URL) -> Iterator[Database]:
    with opened(any_database) as db:
        yield db


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "m")


EXITS = {
    "sys.exit": ("import sys\nsys.exit()", "it called sys.exit()"),
    "sys.exit(0)": ("import sys\nsys.exit(0)", "it called sys.exit(0)"),
    "exit in op.run": ("op.run(lambda connection: exit(0))", "it called sys.exit(0)"),
    "GeneratorExit": ("raise GeneratorExit", "GeneratorExit"),
    "BaseException": ("raise BaseException('stop')", "BaseException: stop"),
}


@pytest.mark.parametrize(("code", "reason"), EXITS.values(), ids=EXITS)
def test_a_migration_that_exits_has_failed(
    db: Database, folder: Folder, code: str, reason: str
) -> None:
    folder.write("aaaa", f"{code}\n{CREATE}")
    with pytest.raises(AutodiffError) as caught:
        db.runner(folder).upgrade()
    assert reason in caught.value.message
    assert caught.value.hint
    assert (db.tables(), db.history()) == ([], [])
    assert [entry.outcome for entry in db.runner(folder).log()] == ["failed"]


def test_keyboard_interrupt_stays_what_it_is(db: Database, folder: Folder) -> None:
    folder.write("aaaa", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        db.runner(folder).upgrade()


@pytest.mark.parametrize("direction", ["upgrade", "downgrade"])
@pytest.mark.parametrize("keyword", ["yield", "async", "async generator"])
def test_a_lazy_function_is_refused_before_anything_runs(
    db: Database, folder: Folder, direction: str, keyword: str
) -> None:
    """Calling a generator or coroutine function runs nothing of it."""
    folder.write("aaaa", CREATE, 'op.drop_table("t")')
    path = folder.write("bbbb", 'op.execute("SELECT 1")', 'op.execute("SELECT 1")')
    if direction == "downgrade":
        db.runner(folder).upgrade()
    text = path.read_text()
    if keyword != "async":
        text = text.replace(f"def {direction}() -> None:\n", f"def {direction}():\n    yield\n")
    if keyword != "yield":
        text = text.replace(f"def {direction}", f"async def {direction}")
    path.write_text(text)
    if direction == "downgrade" and keyword == "yield":  # the others are refused when it is read
        db.runner(folder).repair(Repairs(edited=True))
    before = db.state()
    with pytest.raises(MigrationFileError, match=r"calling it runs nothing|it has no") as caught:
        runner = db.runner(folder)
        runner.upgrade() if direction == "upgrade" else runner.downgrade("base")
    assert f"{direction}()" in f"{caught.value.hint}"
    assert db.state() == before


FUNCTIONS = """

def by_yield(connection):
    yield connection.execute(sa.text("SELECT 1"))


async def by_await(connection):
    connection.execute(sa.text("SELECT 1"))
"""


@pytest.mark.parametrize("name", ["by_yield", "by_await"])
def test_a_lazy_function_of_op_run_fails(db: Database, folder: Folder, name: str) -> None:
    path = folder.write("aaaa", f"{CREATE}\nop.run({name})")
    path.write_text(path.read_text() + FUNCTIONS)
    with pytest.raises(AutodiffError, match="calling it runs nothing"):
        db.runner(folder).upgrade()
    assert db.history() == []


async def lazy_hook(run: object) -> None:
    raise AssertionError("it is never awaited")


def exiting_hook(run: object) -> None:
    raise SystemExit


HOOKS: dict[str, Hooks] = {
    "before, async": Hooks(before_upgrade=lazy_hook),
    "before, exits": Hooks(before_upgrade=exiting_hook),
    "migration, async": Hooks(before_migration=lazy_hook),
    "migration, exits": Hooks(after_migration=exiting_hook),
}


@pytest.mark.parametrize("hooks", HOOKS.values(), ids=HOOKS)
def test_a_hook_that_runs_nothing_or_exits_stops_the_run(
    database: Callable[[str], sa.URL], folder: Folder, hooks: Hooks
) -> None:
    folder.write("aaaa", CREATE)
    with opened(database("sqlite")) as db:
        with pytest.raises((HookFailedError, AutodiffError), match=r"runs nothing|sys\.exit"):
            db.runner(folder, hooks=hooks).upgrade()
        assert (db.tables(), db.history()) == ([], [])


TARGETS: dict[str, Callable[[Runner, str], object]] = {
    "upgrade": lambda runner, target: runner.upgrade(target),
    "downgrade": lambda runner, target: runner.downgrade(target),
    "stamp": lambda runner, target: runner.stamp(target),
    "upgrades": lambda runner, target: runner.upgrades(target),
    "downgrades": lambda runner, target: runner.downgrades(target),
    "find": lambda runner, target: runner.graph.find(target),
    "reach": lambda runner, target: runner.graph.reach(target),
}


@pytest.mark.parametrize("target", ["", " ", "\t"])
@pytest.mark.parametrize("call", TARGETS.values(), ids=TARGETS)
def test_an_empty_target_is_an_error(
    database: Callable[[str], sa.URL], folder: Folder, call: Callable[..., object], target: str
) -> None:
    folder.write("aaaa", CREATE)
    with opened(database("sqlite")) as db:
        runner = db.runner(folder)
        runner.upgrade()
        with pytest.raises(HistoryError, match="the target is empty"):
            call(runner, target)


@pytest.mark.parametrize("target", [1, None, b"head"])
@pytest.mark.parametrize("call", TARGETS.values(), ids=TARGETS)
def test_a_target_that_is_not_a_text_is_an_error(
    database: Callable[[str], sa.URL], folder: Folder, call: Callable[..., object], target: object
) -> None:
    folder.write("aaaa", CREATE)
    with opened(database("sqlite")) as db:
        runner = db.runner(folder)
        runner.upgrade()
        with pytest.raises(HistoryError, match=f"the target is {target!r}, not a text"):
            call(runner, target)


def test_a_project_refuses_a_target_that_is_not_a_text(tmp_path: Path, folder: Folder) -> None:
    project = Project(f"sqlite:///{tmp_path / 'a.db'}", directory=folder.path)
    with pytest.raises(HistoryError, match="the target is None, not a text"):
        project.upgrade(None)  # type: ignore[arg-type]


COMMANDS = ("upgrade", "downgrade", "stamp", "show", "rehearse", "upgrade --dry-run")
COMMANDS += ("upgrade --sql", "downgrade --sql", "squash -m x", "rebase", "merge", "diff")


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_refuse_an_empty_target(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    folder = Folder(tmp_path / "migrations")
    folder.write("aaaa", CREATE)
    (tmp_path / "autodiff.toml").write_text('url = "sqlite:///app.db"\n')
    monkeypatch.chdir(tmp_path)
    assert main(["upgrade"]) == 0
    assert main([*command.split(), ""]) == 2


def test_a_project_refuses_an_empty_target(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", CREATE)
    project = Project(
        url=f"sqlite:///{tmp_path / 'a.db'}", metadata=sa.MetaData(), directory=folder.path
    )
    calls: list[Callable[[str], Any]] = [project.upgrade, project.script, project.rehearse]
    for call in calls:
        with pytest.raises(HistoryError, match="the target is empty"):
            call("")


def test_a_target_with_thousands_of_digits_is_unknown(
    database: Callable[[str], sa.URL], folder: Folder
) -> None:
    folder.write("aaaa", CREATE)
    with opened(database("sqlite")) as db:
        for target in ("9" * 5000, "-" + "9" * 5000, "+" + "9" * 5000):
            with pytest.raises(HistoryError):
                db.runner(folder).upgrade(target)
