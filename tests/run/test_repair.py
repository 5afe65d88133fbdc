"""Test that repair corrects the recorded history as requested, and runs nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff.errors import MigrationFailedError
from autodiff.runner.repair import HalfWay, Repaired, Repairs
from tests.run.test_integrity import create_code, insert_before_third
from tests.run.test_journal import INSERT_DUPLICATES, STEPS, USERS
from tests.support import Database, Folder, opened


@pytest.fixture
def db(any_database: sa.URL) -> Iterator[Database]:
    with opened(any_database) as db:
        yield db


@pytest.fixture
def mariadb(database: Callable[[str], sa.URL]) -> Iterator[Database]:
    with opened(database("mariadb")) as db:
        yield db


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Return three migrations that create one table each."""
    folder = Folder(tmp_path / "migrations")
    for name in ("aaaa", "bbbb", "cccc"):
        folder.write(name, create_code(name), f'op.drop_table("{name}")')
    return folder


def repair_entries(db: Database, folder: Folder) -> list[tuple[str, str, str]]:
    """Return the repairs in the journal."""
    log = db.runner(folder).log()
    return [(e.kind, e.revision, e.outcome) for e in log if e.kind == "repair"]


def test_an_edited_file_is_accepted(db: Database, folder: Folder) -> None:
    """Its record gets the new checksum and keeps the old time. Upgrades work again."""
    clock = lambda: dt.datetime(2020, 1, 1, tzinfo=dt.UTC)  # noqa: E731
    db.runner(folder, clock=clock).upgrade("bbbb")
    path = folder.path / "0001_step_aaaa.py"
    path.write_text(path.read_text().replace("Integer", "BigInteger"))
    before = db.state()
    runner = db.runner(folder)
    assert runner.repair(Repairs(edited=True)) == [
        Repaired(kind="edited", revision="aaaa", name="0001_step_aaaa", outcome="accepted")
    ]
    assert db.state() == before
    assert runner.applied()["aaaa"].applied_at == clock()
    assert runner.problems() == ()
    assert repair_entries(db, folder) == [("repair", "aaaa", "accepted")]
    assert [m.revision for m in runner.upgrade()] == ["cccc"]


def test_a_missing_file_is_forgotten(db: Database, folder: Folder) -> None:
    """The database no longer records it as applied. Its tables stay."""
    db.runner(folder).upgrade()
    (folder.path / "0003_step_cccc.py").unlink()
    runner = db.runner(folder)
    assert [repair.outcome for repair in runner.repair(Repairs(missing=True))] == ["forgotten"]
    assert db.history() == ["aaaa", "bbbb"]
    assert db.tables() == ["aaaa", "bbbb", "cccc"]
    assert repair_entries(db, folder) == [("repair", "cccc", "forgotten")]
    assert runner.problems() == ()


def test_an_inserted_migration_is_recorded_as_applied(db: Database, folder: Folder) -> None:
    """The user confirms that the database already has its changes."""
    db.runner(folder).upgrade()
    insert_before_third(folder)
    runner = db.runner(folder)
    assert [repair.revision for repair in runner.repair(Repairs(reordered=True))] == ["dddd"]
    assert db.history() == ["aaaa", "bbbb", "cccc", "dddd"]
    assert db.tables() == ["aaaa", "bbbb", "cccc"]
    assert runner.upgrade() == []


def test_only_the_requested_repairs_are_made(db: Database, folder: Folder) -> None:
    """The other problems stay, and are reported."""
    db.runner(folder).upgrade()
    (folder.path / "0003_step_cccc.py").unlink()
    path = folder.path / "0001_step_aaaa.py"
    path.write_text(path.read_text().replace("Integer", "BigInteger"))
    runner = db.runner(folder)
    before = db.state()
    assert runner.repair(Repairs(reordered=True, half_way="applied")) == []
    assert db.state() == before
    runner.repair(Repairs(missing=True))
    assert [problem.kind for problem in runner.problems()] == ["edited"]


@pytest.fixture
def unfinished(mariadb: Database, tmp_path: Path) -> Folder:
    """Return a folder whose second migration stopped partway."""
    folder = Folder(tmp_path / "half")
    folder.write("aaaa", USERS, 'op.drop_table("users")')
    folder.write("bbbb", STEPS)
    mariadb.runner(folder).upgrade("aaaa")
    mariadb.execute(INSERT_DUPLICATES)
    with pytest.raises(MigrationFailedError):
        mariadb.runner(folder).upgrade()
    return folder


def test_an_unfinished_migration_is_listed_with_its_solutions(
    mariadb: Database, unfinished: Folder
) -> None:
    """Resume it, revert it, or correct the schema manually."""
    [problem] = mariadb.runner(unfinished).problems()
    assert problem.message == (
        "the upgrade of 0002_step_bbbb failed at step 3: + unique constraint users.uq_email"
    )
    assert problem.ways == (
        "fix the cause and resume it: autodiff upgrade",
        "undo its finished steps: autodiff downgrade",
        "complete or undo it by hand, and run: autodiff repair --half-way applied (if the schema "
        "has all of it), or --half-way reverted (if it has nothing of it)",
    )


@pytest.mark.parametrize("state", ["applied", "reverted"])
def test_an_unfinished_migration_is_recorded_as_requested(
    mariadb: Database, unfinished: Folder, state: HalfWay
) -> None:
    """The user has corrected the schema. The run is no longer unfinished."""
    runner = mariadb.runner(unfinished)
    assert [repair.outcome for repair in runner.repair(Repairs(half_way=state))] == [state]
    assert runner.unfinished() is None
    assert mariadb.history() == ["aaaa", *(["bbbb"] if state == "applied" else [])]
    assert [e.outcome for e in runner.log()] == ["done", "settled", state]
    assert runner.problems() == ()


def test_an_unfinished_migration_without_a_file_can_be_resolved(
    mariadb: Database, unfinished: Folder
) -> None:
    """A deleted file does not block later runs."""
    (unfinished.path / "0002_step_bbbb.py").unlink()
    runner = mariadb.runner(unfinished)
    runner.repair(Repairs(half_way="reverted"))
    assert (runner.problems(), runner.upgrade()) == ((), [])
