"""A squashed migration on databases that have had all, none or some of what it stands for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff.errors import EditedMigrationError
from tests.run.test_integrity import create
from tests.support import Database, Folder, opened


@pytest.fixture
def db(any_database: sa.URL) -> Iterator[Database]:
    with opened(any_database) as found:
        yield found


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Four migrations: a table each."""
    folder = Folder(tmp_path / "migrations")
    for name in ("aaaa", "bbbb", "cccc", "dddd"):
        folder.write(name, create(name), f'op.drop_table("{name}")')
    return folder


def squash(folder: Folder) -> None:
    """Puts one migration in the place of the second and third."""
    for name in ("0002_step_bbbb", "0003_step_cccc"):
        (folder.path / f"{name}.py").unlink()
    up = f"{create('bbbb')}\n{create('cccc')}"
    down = 'op.drop_table("cccc")\nop.drop_table("bbbb")'
    path = folder.write("ffff", up, down, parents=["aaaa"])
    path.write_text(f'{path.read_text()}\nreplaces = ("bbbb", "cccc")\n')


def test_all_of_it_was_applied(db: Database, folder: Folder) -> None:
    """It counts as applied from the next run on, and the journal says so; nothing is run."""
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


def test_its_downgrade_reverts_all_of_it(db: Database, folder: Folder) -> None:
    """Also where its parts were applied one by one."""
    db.runner(folder).upgrade()
    squash(folder)
    assert [m.revision for m in db.runner(folder).downgrade("-2")] == ["dddd", "ffff"]
    assert (db.tables(), db.history()) == (["aaaa"], ["aaaa"])


def test_none_of_it_was_applied(db: Database, folder: Folder) -> None:
    """It is run as any other."""
    db.runner(folder).upgrade("aaaa")
    squash(folder)
    assert [m.revision for m in db.runner(folder).upgrade()] == ["ffff", "dddd"]
    assert db.tables() == ["aaaa", "bbbb", "cccc", "dddd"]


def test_some_of_it_was_applied(db: Database, folder: Folder) -> None:
    """Refused: which were, and the way out; nothing is changed."""
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
            "check out the files as they were before, autodiff upgrade cccc, then come back: "
            "they count as the one from then on"
        )
    assert db.state() == before


def test_a_stamp_knows_it(db: Database, folder: Folder) -> None:
    """By its own revision, and by one that it stands for."""
    squash(folder)
    assert [m.revision for m in db.runner(folder).stamp("cccc")] == ["aaaa", "ffff"]
    assert db.history() == ["aaaa", "ffff"]
