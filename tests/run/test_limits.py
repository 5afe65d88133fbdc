"""Test that a migration waits for a lock only for a limited time, and reports its holder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff.dialects.timeouts import Limits
from autodiff.errors import MigrationFailedError, MigrationFileError
from autodiff.migrations import load_graph
from autodiff.runner.events import MigrationRetried
from tests.support import Folder, opened

USERS = 'op.create_table("users", sa.Column("id", sa.Integer(), primary_key=True))'
ADD_AGE = 'op.add_column("users", sa.Column("age", sa.Integer()))'


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", USERS, 'op.drop_table("users")')
    folder.write("bbbb", ADD_AGE, 'op.drop_column("users", "age")')
    return folder


def lock_users(connection: sa.Connection) -> None:
    """Take a lock on users that ALTER TABLE has to wait for."""
    if connection.dialect.name == "sqlite":
        driver = connection.connection.driver_connection
        assert driver is not None
        driver.isolation_level = None
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    connection.exec_driver_sql("INSERT INTO users (id) VALUES (1)")


def test_a_lock_is_retried_and_its_holder_reported(any_database: sa.URL, folder: Folder) -> None:
    """Short waits keep other sessions from queueing behind. In the end nothing is changed."""
    with opened(any_database) as db, opened(any_database) as other:
        db.runner(folder).upgrade("aaaa")
        before = db.state()
        lock_users(other.connection)
        pauses: list[float] = []
        events: list[object] = []
        runner = db.runner(
            folder,
            limits=Limits(lock=0.2, retries=2),
            on_event=events.append,
            sleep=pauses.append,
        )
        with pytest.raises(MigrationFailedError) as caught:
            runner.upgrade()
        assert len(pauses) == 2
        assert 0.5 <= pauses[0] <= 1.0 <= pauses[1] <= 2.0
        retried = [event for event in events if isinstance(event, MigrationRetried)]
        assert [event.attempt for event in retried] == [1, 2]
        if db.connection.dialect.name != "sqlite":
            assert "held by" in caught.value.message
            assert "session" in retried[0].blockers[0]
        if db.connection.dialect.name == "postgresql":
            assert "INSERT INTO users" in caught.value.message
        assert "lock_timeout" in str(caught.value.hint)
        other.connection.rollback()
        assert db.state() == before
        assert [m.revision for m in db.runner(folder).upgrade()] == ["bbbb"]


def test_a_lock_while_a_half_way_migration_is_reverted(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """The steps that undo the finished ones are retried too, and the holder is reported."""
    folder = Folder(tmp_path / "m")
    posts = USERS.replace("users", "posts")
    wrong = 'op.create_index("ix", "users", ["missing"])'
    drops = ['op.drop_index("ix", "users")', 'op.drop_table("posts")', 'op.drop_table("users")']
    folder.write("aaaa", "\n".join([USERS, posts, wrong]), "\n".join(drops))
    url = database("mariadb")
    with opened(url) as db, opened(url) as other:
        with pytest.raises(MigrationFailedError, match="missing"):
            db.runner(folder).upgrade()
        lock_users(other.connection)
        events: list[object] = []
        limits = Limits(lock=1, retries=1)
        runner = db.runner(
            folder, limits=limits, on_event=events.append, sleep=lambda seconds: None
        )
        with pytest.raises(MigrationFailedError, match="held by") as caught:
            runner.downgrade("base")
        assert "users" in db.tables() and "posts" not in db.tables()
        assert "lock_timeout" in str(caught.value.hint)
        assert [e.attempt for e in events if isinstance(e, MigrationRetried)] == [1]
        releasing = db.runner(
            folder, limits=limits, sleep=lambda seconds: other.connection.rollback()
        )
        releasing.downgrade("base")
        assert "users" not in db.tables()


def test_a_retry_succeeds_after_the_lock_is_released(any_database: sa.URL, folder: Folder) -> None:
    with opened(any_database) as db, opened(any_database) as other:
        db.runner(folder).upgrade("aaaa")
        lock_users(other.connection)
        runner = db.runner(
            folder,
            limits=Limits(lock=0.2, retries=3),
            sleep=lambda seconds: other.connection.commit(),
        )
        assert [m.revision for m in runner.upgrade()] == ["bbbb"]
        assert db.rows("SELECT id, age FROM users") == [(1, None)]


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_a_statement_that_runs_too_long_is_canceled(
    database: Callable[[str], sa.URL], tmp_path: Path, kind: str
) -> None:
    """The migration's own limit overrides the configuration. There is no retry."""
    folder = Folder(tmp_path / "m")
    sleep = "SELECT pg_sleep(20)" if kind == "postgresql" else "SELECT sleep(20) FROM DUAL"
    path = folder.write("aaaa", f'op.execute("{sleep}")')
    path.write_text(path.read_text() + "\nstatement_timeout = 0.3\n")
    with opened(database(kind)) as db:
        with pytest.raises(MigrationFailedError, match=r"timeout|max_statement_time"):
            db.runner(folder, limits=Limits(lock=5, statement=60, retries=3)).upgrade()
        assert [e.outcome for e in db.runner(folder).log()] == ["failed"]


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_session_limits_are_restored(
    database: Callable[[str], sa.URL], folder: Folder, kind: str
) -> None:
    """A program that embeds the runner keeps its own limits."""
    name = "lock_timeout" if kind == "postgresql" else "lock_wait_timeout"
    show = f"SHOW {name}" if kind == "postgresql" else f"SELECT @@SESSION.{name}"
    with opened(database(kind)) as db:
        before = db.rows(show)
        db.runner(folder, limits=Limits(lock=3, statement=3)).upgrade()
        assert db.rows(show) == before


def test_a_migration_may_set_its_own_limits(tmp_path: Path) -> None:
    """Python and SQL files can set them. A value that is not a number is refused."""
    folder = Folder(tmp_path / "m")
    path = folder.write("aaaa")
    path.write_text(path.read_text() + "\nlock_timeout = 2\n")
    sql = folder.write_sql("bbbb", "SELECT 1")
    sql.write_text("-- statement_timeout: 90\n" + sql.read_text())
    first, second = load_graph(folder.path).migrations.values()
    assert (first.lock_timeout, first.statement_timeout) == (2.0, None)
    assert (second.lock_timeout, second.statement_timeout) == (None, 90.0)
    sql.write_text("-- statement_timeout: long\n" + sql.read_text())
    with pytest.raises(MigrationFileError, match="not a number of seconds"):
        load_graph(folder.path)
