"""Test a squashed migration on databases that applied all, none or some of its parts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff.errors import EditedMigrationError, HistoryError
from tests.run.test_integrity import create_code
from tests.support import Database, Folder, opened


@pytest.fixture
def db(any_database: sa.URL) -> Iterator[Database]:
    with opened(any_database) as db:
        yield db


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Return four migrations that create one table each."""
    folder = Folder(tmp_path / "migrations")
    for name in ("aaaa", "bbbb", "cccc", "dddd"):
        folder.write(name, create_code(name), f'op.drop_table("{name}")')
    return folder


def squash(folder: Folder) -> None:
    """Replace the second and the third migration with one."""
    for name in ("0002_step_bbbb", "0003_step_cccc"):
        (folder.path / f"{name}.py").unlink()
    up = f"{create_code('bbbb')}\n{create_code('cccc')}"
    down = 'op.drop_table("cccc")\nop.drop_table("bbbb")'
    path = folder.write("ffff", up, down, parents=["aaaa"])
    path.write_text(f'{path.read_text()}\nreplaces = ("bbbb", "cccc")\n')


def test_a_squash_is_recorded_if_all_parts_are_applied(db: Database, folder: Folder) -> None:
    """The next run records it, also in the journal. Nothing is run."""
    db.runner(folder).upgrade()
    squash(folder)
    runner = db.runner(folder)
    assert (runner.problems(), list(runner.verify())) == ((), ["aaaa", "dddd", "ffff"])
    assert db.history() == ["aaaa", "bbbb", "cccc", "dddd"]
    assert runner.upgrade() == []
    assert db.history() == ["aaaa", "dddd", "ffff"]
    assert [(e.kind, e.revision, e.outcome) for e in runner.log()][-1] == (
        "squash",
        "ffff",
        "done",
    )


def test_downgrading_a_squash_reverts_all_parts(db: Database, folder: Folder) -> None:
    """The replaced migrations were applied one by one."""
    db.runner(folder).upgrade()
    squash(folder)
    assert [m.revision for m in db.runner(folder).downgrade("-2")] == ["dddd", "ffff"]
    assert (db.tables(), db.history()) == (["aaaa"], ["aaaa"])


def test_a_squash_is_run_if_no_part_is_applied(db: Database, folder: Folder) -> None:
    db.runner(folder).upgrade("aaaa")
    squash(folder)
    assert [m.revision for m in db.runner(folder).upgrade()] == ["ffff", "dddd"]
    assert db.tables() == ["aaaa", "bbbb", "cccc", "dddd"]


def test_a_squash_is_refused_if_some_parts_are_applied(db: Database, folder: Folder) -> None:
    """The error names them, and the hint gives a solution. Nothing is changed."""
    db.runner(folder).upgrade("bbbb")
    squash(folder)
    before = db.state()
    for run in (db.runner(folder).upgrade, db.runner(folder).downgrade):
        with pytest.raises(EditedMigrationError) as caught:
            run()
        assert caught.value.message == (
            "0005_step_ffff.py replaces 2 migrations, of which the database has only 1: "
            "bbbb (0002_step_bbbb)"
        )
        assert caught.value.hint == (
            "check out the files as they were before the squash, run autodiff upgrade heads, and "
            "return to this version"
        )
    assert db.state() == before


@pytest.mark.parametrize(
    ("start", "run"), [("aaaa", "upgrade"), ("bbbb", "stamp"), ("dddd", "downgrade")]
)
def test_a_replaced_migration_that_others_follow_is_no_target(
    start: str, run: str, db: Database, folder: Folder
) -> None:
    """No file leads to its state: recording the whole squash would claim too much."""
    db.runner(folder).upgrade(start)
    squash(folder)
    before, runner = db.state(), db.runner(folder)
    for target in ("bbbb", "bbbb-1"):
        with pytest.raises(HistoryError) as caught:
            getattr(runner, run)(target)
        assert caught.value.message == (
            "bbbb is inside of 0005_step_ffff, which replaced it and later migrations"
        )
    assert db.state() == before
    assert runner.graph.find("bbbb").revision == "ffff"


def test_stamp_records_a_squash(db: Database, folder: Folder) -> None:
    """The target may be a migration that it replaces."""
    squash(folder)
    assert [m.revision for m in db.runner(folder).stamp("cccc")] == ["aaaa", "ffff"]
    assert db.history() == ["aaaa", "ffff"]
