"""op.get_bind() and op.run(): a person has the connection, and the runner its transaction."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff.errors import MigrationFailedError
from tests.support import Database, Folder, opened

USERS = """
op.create_table("users", sa.Column("id", sa.Integer(), primary_key=True),
    sa.Column("name", sa.String(50)))
"""
ORM = """
from sqlalchemy.orm import Session, declarative_base

Base = declarative_base()


class User(Base):
    __tablename__ = "users"
    id = sa.Column(sa.Integer, primary_key=True)
    name = sa.Column(sa.String(50))


def work(connection):
    with Session(connection) as session:
        session.add(User(id=1, name="ann"))
        session.commit()
        session.scalars(sa.select(User)).one().name = "bob"
        session.commit()
"""
WAYS = {"bind": "work(op.get_bind())", "run": "op.run(work)"}


@pytest.fixture
def db(any_database: sa.URL) -> Iterator[Database]:
    with opened(any_database) as found:
        yield found


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", USERS, 'op.drop_table("users")')
    return folder


def write(folder: Folder, way: str, code: str, after: str = "") -> None:
    """The next migration: `work` is called in one way or the other, before `after`."""
    path = folder.write("bbbb", f"{WAYS[way]}\n{after}")
    path.write_text(path.read_text() + code)


def failed(db: Database, folder: Folder) -> MigrationFailedError:
    db.runner(folder).upgrade("aaaa")
    with pytest.raises(MigrationFailedError) as caught:
        db.runner(folder).upgrade()
    return caught.value


def names(db: Database) -> list[str]:
    return [row[0] for row in db.rows("SELECT name FROM users ORDER BY id")]


@pytest.mark.parametrize("way", WAYS)
def test_a_session_works_on_the_connection(db: Database, folder: Folder, way: str) -> None:
    """Its commit() sends what it has, and ends nothing."""
    write(folder, way, ORM, 'op.add_column("users", sa.Column("age", sa.Integer()))')
    db.runner(folder).upgrade()
    assert names(db) == ["bob"]
    assert db.history() == ["aaaa", "bbbb"]
    assert db.table("users").column("age") is not None


@pytest.mark.parametrize("way", WAYS)
def test_what_a_session_committed_goes_with_the_migration(
    db: Database, folder: Folder, way: str
) -> None:
    """Where the next step fails; on MariaDB it is a step that is done."""
    write(folder, way, ORM, 'op.execute("SELECT nonsense")')
    assert "nonsense" in failed(db, folder).message
    assert names(db) == (["bob"] if db.connection.dialect.name == "mysql" else [])


COMMIT = """

def work(connection):
    connection.execute(sa.text("INSERT INTO users VALUES (1, 'ann')"))
    connection.commit()
    connection.execute(sa.text("INSERT INTO users VALUES (2, 'bob')"))
"""
CAUGHT = """

def work(connection):
    connection.execute(sa.text("INSERT INTO users VALUES (1, 'ann')"))
    try:
        connection.commit()
    except Exception:
        pass
"""
ROLLBACK = COMMIT.replace("commit", "rollback")
LAST_ROLLBACK = CAUGHT.replace("commit", "rollback")


@pytest.mark.parametrize("way", WAYS)
def test_a_commit_is_refused(db: Database, folder: Folder, way: str) -> None:
    """Before it is sent: nothing of it is left, and the next run is as the first."""
    write(folder, way, COMMIT)
    error = failed(db, folder)
    assert error.message.startswith(
        "upgrade of 0002_step_bbbb.py failed: commit() was called on the migration's connection: "
        "only the runner ends its transaction\n"
    )
    assert error.hint == (
        "leave it out: what the migration did is committed with its record, or rolled back as a "
        "whole; for a part of it there is connection.begin_nested()"
    )
    assert names(db) == []
    assert db.history() == ["aaaa"]
    path = folder.path / "0002_step_bbbb.py"
    path.write_text(path.read_text().replace("    connection.commit()\n", ""))
    db.runner(folder).upgrade()
    assert names(db) == ["ann", "bob"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "code", [CAUGHT, ROLLBACK, LAST_ROLLBACK], ids=["caught", "rollback", "last"]
)
def test_what_ends_the_transaction_ends_the_migration(
    db: Database, folder: Folder, way: str, code: str
) -> None:
    """A refusal that is caught, and a rollback: nothing of the migration is left, or recorded."""
    write(folder, way, code)
    message = failed(db, folder).message
    ended = "commit" if code == CAUGHT else "rollback"
    assert f"{ended}() was called on the migration's connection" in message
    assert names(db) == []
    assert db.history() == ["aaaa"]


def test_a_commit_long_after_is_refused_too(db: Database, folder: Folder) -> None:
    """Of a connection that was kept."""
    folder.write(
        "bbbb",
        'connection = op.get_bind()\nop.add_column("users", sa.Column("age", sa.Integer()))\n'
        "connection.commit()",
    )
    assert "commit() was called" in failed(db, folder).message
    assert db.history() == ["aaaa"]


def test_an_error_of_a_session_is_told_as_it_is(db: Database, folder: Folder) -> None:
    """The session rolls back before it raises, which hides nothing."""
    write(folder, "run", ORM.replace("session.commit()", "session.add(User(id=1))", 1))
    message = failed(db, folder).message
    assert "rollback() was called" not in message
    assert any(word in message.lower() for word in ("duplicate", "unique", "conflict"))
    assert names(db) == []


def test_a_part_of_it_can_be_rolled_back(db: Database, folder: Folder) -> None:
    """By a savepoint."""
    code = COMMIT.replace("connection.commit()", "part = connection.begin_nested()")
    write(folder, "run", f"{code}    part.rollback()\n")
    db.runner(folder).upgrade()
    assert names(db) == ["ann"]
