"""repair: the records of a history are put right, as a person says; nothing is run."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff.errors import MigrationFailedError
from autodiff.runner.repair import HalfWay, Repaired, Repairs
from tests.run.test_integrity import create, put_in_between
from tests.run.test_journal import CLASH, STEPS, USERS
from tests.support import Database, Folder, opened


@pytest.fixture
def db(any_database: sa.URL) -> Iterator[Database]:
    with opened(any_database) as found:
        yield found


@pytest.fixture
def mariadb(database: Callable[[str], sa.URL]) -> Iterator[Database]:
    with opened(database("mariadb")) as found:
        yield found


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Three migrations: a table each."""
    folder = Folder(tmp_path / "migrations")
    for name in ("aaaa", "bbbb", "cccc"):
        folder.write(name, create(name), f'op.drop_table("{name}")')
    return folder


def noted(db: Database, folder: Folder) -> list[tuple[str, str, str]]:
    """What the journal says of repairs."""
    log = db.runner(folder).log()
    return [(e.kind, e.revision, e.outcome) for e in log if e.kind == "repair"]


def test_an_edited_file_counts_as_it_is_now(db: Database, folder: Folder) -> None:
    """Its record has the new checksum and the old time, and upgrades go on."""
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
    assert noted(db, folder) == [("repair", "aaaa", "accepted")]
    assert [m.revision for m in runner.upgrade()] == ["cccc"]


def test_a_missing_file_is_forgotten(db: Database, folder: Folder) -> None:
    """The database does not say any more that it was applied; its tables are left alone."""
    db.runner(folder).upgrade()
    (folder.path / "0003_step_cccc.py").unlink()
    runner = db.runner(folder)
    assert [one.outcome for one in runner.repair(Repairs(missing=True))] == ["forgotten"]
    assert db.history() == ["aaaa", "bbbb"]
    assert db.tables() == ["aaaa", "bbbb", "cccc"]
    assert noted(db, folder) == [("repair", "cccc", "forgotten")]
    assert runner.problems() == ()


def test_what_was_put_in_between_counts_as_applied(db: Database, folder: Folder) -> None:
    """Where its effect is there already."""
    db.runner(folder).upgrade()
    put_in_between(folder)
    runner = db.runner(folder)
    assert [one.revision for one in runner.repair(Repairs(reordered=True))] == ["dddd"]
    assert db.history() == ["aaaa", "bbbb", "cccc", "dddd"]
    assert db.tables() == ["aaaa", "bbbb", "cccc"]
    assert runner.upgrade() == []


def test_only_what_is_asked_for_is_mended(db: Database, folder: Folder) -> None:
    """The rest stays wrong, and is told."""
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
def half(mariadb: Database, tmp_path: Path) -> Folder:
    """A folder whose second migration stopped half-way."""
    folder = Folder(tmp_path / "half")
    folder.write("aaaa", USERS, 'op.drop_table("users")')
    folder.write("bbbb", STEPS)
    mariadb.runner(folder).upgrade("aaaa")
    mariadb.execute(CLASH)
    with pytest.raises(MigrationFailedError):
        mariadb.runner(folder).upgrade()
    return folder


def test_what_stopped_half_way_is_listed_with_its_ways_out(mariadb: Database, half: Folder) -> None:
    """Go on, take back, or put right by hand."""
    [problem] = mariadb.runner(half).problems()
    assert problem.message == (
        "the upgrade of 0002_step_bbbb failed at step 3: + unique constraint users.uq_email"
    )
    assert problem.ways == (
        "fix the cause and resume it: autodiff upgrade",
        "undo its finished steps: autodiff downgrade",
        "complete or undo it by hand, and run: autodiff repair --half-way applied (if the schema "
        "has all of it), or --half-way reverted (if it has nothing of it)",
    )


@pytest.mark.parametrize("how", ["applied", "reverted"])
def test_what_stopped_half_way_counts_as_done_or_not(
    mariadb: Database, half: Folder, how: HalfWay
) -> None:
    """As the person says who put the schema right; the run is settled."""
    runner = mariadb.runner(half)
    assert [one.outcome for one in runner.repair(Repairs(half_way=how))] == [how]
    assert runner.unfinished() is None
    assert mariadb.history() == ["aaaa", *(["bbbb"] if how == "applied" else [])]
    assert [e.outcome for e in runner.log()] == ["done", "settled", how]
    assert runner.problems() == ()


def test_a_half_way_file_that_is_gone_can_be_settled(mariadb: Database, half: Folder) -> None:
    """A file that nobody has any more holds up nothing."""
    (half.path / "0002_step_bbbb.py").unlink()
    runner = mariadb.runner(half)
    runner.repair(Repairs(half_way="reverted"))
    assert (runner.problems(), runner.upgrade()) == ((), [])
