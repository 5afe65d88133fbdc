"""Test the rehearsal with a writer beside it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff.cli.format import rehearsal_lines
from autodiff.dialects import dialect_of
from autodiff.rehearse.writer import WriteWaits, write_beside
from tests.online.project import OnlineProject
from tests.support import opened

Database = Callable[[str], sa.URL]
SERVERS = pytest.mark.parametrize("kind", ["postgresql", "mariadb"])


def models(*more: sa.Column[object]) -> sa.MetaData:
    """Return the models of one table."""
    metadata = sa.MetaData()
    key = sa.Column("id", sa.Integer, primary_key=True)
    sa.Table("posts", metadata, key, sa.Column("title", sa.String(9)), *more)
    return metadata


@SERVERS
def test_a_writer_measures_how_long_a_lock_lasts(database: Database, kind: str) -> None:
    with opened(database(kind)) as db:
        dialect = dialect_of(db.connection)
        db.execute("CREATE TABLE posts (id integer PRIMARY KEY, title varchar(9))")
        db.execute("INSERT INTO posts VALUES (1, 'a')")
        waits = WriteWaits()
        with write_beside(db.connection, dialect, db.schema(), waits):
            update = "UPDATE posts SET title = 'b' WHERE id = 1"
            db.connection.exec_driver_sql(update)
            sleep = {"postgresql": "SELECT pg_sleep(0.3)", "mariadb": "SELECT sleep(0.3)"}[kind]
            db.connection.exec_driver_sql(sleep).all()
            db.connection.rollback()
            db.connection.exec_driver_sql(f"{update} AND id = 0")
        assert waits.count >= 1
        assert waits.longest > 0.2
        [locks, short] = waits.by_step()
        assert (locks.sql, short.sql) == (update, f"{update} AND id = 0")
        assert locks.seconds > 0.2 and short.seconds < locks.seconds
        assert db.rows("SELECT * FROM posts") == [(1, "a")]


@SERVERS
def test_generate_says_how_long_a_writer_waited(
    database: Database, tmp_path: Path, kind: str
) -> None:
    """A migration that is not online has no writer beside it."""
    project = OnlineProject(database(kind), tmp_path, models())
    project.models(models(sa.Column("stars", sa.Integer, index=True)))
    draft = project.generate()
    assert draft.proof is not None
    assert draft.proof.longest_wait is not None and draft.proof.longest_wait < 5
    line, *steps = rehearsal_lines(draft.proof)
    assert line.startswith("rehearsed beside a writer, which waited ")
    assert "ADD COLUMN stars" in steps[0] and "CREATE INDEX" in steps[1]
    project.project.upgrade()
    project.models(models())
    plain = project.generate("back", online=False)
    assert plain.proof is not None and plain.proof.longest_wait is None
