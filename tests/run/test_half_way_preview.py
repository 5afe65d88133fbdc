"""Test that the preview of a run shows only what is left of a migration that stopped half-way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff import Project
from autodiff.errors import EditedMigrationError, MigrationFailedError
from autodiff.runner.events import Direction
from tests.support import Database, Folder, opened

START = """
op.create_table("t", sa.Column("id", sa.Integer(), primary_key=True), sa.Column("x", sa.Integer()))
"""
STOP = 'op.require("SELECT 1 AS found", "stop")'
ADD = """
op.add_column("t", sa.Column("c", sa.Integer()))
op.add_column("t", sa.Column("b", sa.Integer()))
op.rename_column("t", "x", "a")
op.create_table("u", sa.Column("id", sa.Integer(), primary_key=True))
"""
REMOVE = f"""
op.drop_table("u")
op.rename_column("t", "a", "x")
op.drop_column("t", "b")
{STOP}
op.drop_column("t", "c")
"""
ROWS = ("INSERT INTO t (id, a, b, c) VALUES (1, 2, 3, 4)", "INSERT INTO u VALUES (1), (2)")


@pytest.fixture
def mariadb(database: Callable[[str], sa.URL]) -> Iterator[Database]:
    with opened(database("mariadb")) as db:
        yield db


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "m")


def losses(db: Database, folder: Folder, target: str, direction: Direction) -> dict[str, object]:
    """Return the counts of a preview by place."""
    preview = Project(db.connection.engine.url, directory=folder.path).preview_run(
        target, direction
    )
    assert [loss.problem for loss in preview.data_loss if loss.problem] == []
    return {loss.place: loss.count for loss in preview.data_loss}


def stop(run: Callable[[], object], message: str = "stop") -> None:
    with pytest.raises(MigrationFailedError, match=message):
        run()


def test_a_half_way_downgrade(mariadb: Database, folder: Folder) -> None:
    """Dropped objects are not counted again, and nothing is lost if the steps are undone."""
    folder.write("aaaa", START, 'op.drop_table("t")')
    folder.write("bbbb", ADD, REMOVE)
    mariadb.runner(folder).upgrade()
    mariadb.execute(*ROWS)
    assert losses(mariadb, folder, "-1", "downgrade") == {"u": 2, "t.b": 1, "t.c": 1}
    stop(mariadb.runner(folder).downgrade)
    assert losses(mariadb, folder, "-1", "downgrade") == {"t.c": 1}
    assert losses(mariadb, folder, "base", "downgrade") == {"t.c": 1, "t": 1}
    assert losses(mariadb, folder, "head", "upgrade") == {}


def test_a_half_way_upgrade(mariadb: Database, folder: Folder) -> None:
    """If the steps are undone, what the finished ones created is lost."""
    folder.write("aaaa", START + ADD)
    create = 'op.create_table("v", sa.Column("id", sa.Integer()))'
    folder.write("bbbb", create + REMOVE, ADD + 'op.drop_table("v")')
    folder.write("cccc", 'op.drop_table("t")')
    mariadb.runner(folder).upgrade("aaaa")
    mariadb.execute(*ROWS)
    assert losses(mariadb, folder, "head", "upgrade") == {"u": 2, "t.b": 1, "t.c": 1, "t": 1}
    stop(mariadb.runner(folder).upgrade)
    mariadb.execute("INSERT INTO v VALUES (1)")
    assert losses(mariadb, folder, "head", "upgrade") == {"t.c": 1, "t": 1}
    assert losses(mariadb, folder, "-1", "downgrade") == {"v": 1}


def test_a_downgrade_whose_steps_are_undone_half_way(mariadb: Database, folder: Folder) -> None:
    """It is not reverted when they are undone: the same downgrade reverts all of it then."""
    blocked = ADD.replace("op.create", 'op.require("SELECT id FROM w", "blocked")\nop.create')
    folder.write("aaaa", START + 'op.create_table("w", sa.Column("id", sa.Integer()))')
    folder.write("bbbb", blocked, REMOVE)
    mariadb.runner(folder).upgrade()
    stop(mariadb.runner(folder).downgrade)
    mariadb.execute("INSERT INTO w VALUES (1)")
    stop(mariadb.runner(folder).upgrade, "blocked")
    mariadb.execute("DELETE FROM w", ROWS[0])
    assert losses(mariadb, folder, "head", "upgrade") == {}
    assert losses(mariadb, folder, "-1", "downgrade") == {"t.b": 1, "t.c": 1}
    stop(mariadb.runner(folder).downgrade)
    assert mariadb.history() == ["aaaa", "bbbb"]
    assert mariadb.tables() == ["t", "w"]


def test_the_answers_of_the_database_are_repeated(mariadb: Database, folder: Folder) -> None:
    """The table is missing only now, so its removal is one of the finished steps."""
    questions = """
op.drop_table("missing", if_exists=True)
op.drop_table("u", if_exists=True)
"""
    folder.write("aaaa", START + ADD)
    folder.write("bbbb", "pass", questions + REMOVE.replace('op.drop_table("u")', ""))
    mariadb.runner(folder).upgrade()
    mariadb.execute(*ROWS)
    stop(mariadb.runner(folder).downgrade)
    assert losses(mariadb, folder, "-1", "downgrade") == {"t.c": 1}


def test_an_edited_file_is_refused_as_by_the_run(mariadb: Database, folder: Folder) -> None:
    path = folder.write("aaaa", f"{START}\n{STOP}")
    stop(mariadb.runner(folder).upgrade)
    path.write_text(path.read_text().replace('"x"', '"z"'))
    with pytest.raises(EditedMigrationError):
        losses(mariadb, folder, "head", "upgrade")
