"""Test that a run stops when its connection is lost, because the migration lock is lost with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff.dialects.timeouts import Limits
from autodiff.errors import DatabaseError, MigrationFailedError
from autodiff.runner.events import MigrationFinished
from autodiff.runner.hooks import HookedMigration, HookedRun, Hooks
from autodiff.utils.connections import use_connection
from tests.servers.proxy import open_proxy
from tests.support import Folder, opened

COUNTER = """
op.create_table("counter", sa.Column("n", sa.Integer(), nullable=False))
op.execute("INSERT INTO counter (n) VALUES (0)")
"""
INCREMENT = "UPDATE counter SET n = n + 1"
DECREMENT = "UPDATE counter SET n = n - 1"


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", COUNTER, 'op.drop_table("counter")')
    folder.write("bbbb", f'op.execute("{INCREMENT}")', f'op.execute("{DECREMENT}")')
    return folder


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_a_retry_does_not_run_without_the_lock(
    database: Callable[[str], sa.URL], folder: Folder, kind: str
) -> None:
    """While the first run waits to try again, it loses its lock, and another run applies it."""
    url = database(kind)
    with opened(url) as first, opened(url) as second, opened(url) as application:
        first.runner(folder).upgrade("aaaa")
        application.connection.exec_driver_sql(INCREMENT)

        def lose_connection(seconds: float) -> None:
            first.connection.invalidate()
            application.connection.rollback()
            assert [m.revision for m in second.runner(folder).upgrade()] == ["bbbb"]

        runner = first.runner(folder, limits=Limits(lock=1, retries=3), sleep=lose_connection)
        with pytest.raises(MigrationFailedError, match="lost"):
            runner.upgrade()
        assert second.rows("SELECT n FROM counter") == [(1,)]
        outcomes = [entry.outcome for entry in second.runner(folder).log()]
        assert outcomes == ["done", "failed", "done"]


def test_a_run_ends_after_a_hook_that_loses_the_connection(
    any_database: sa.URL, folder: Folder
) -> None:
    """The lock is free afterwards."""

    def lose_connection(run: HookedRun) -> None:
        run.connection.invalidate()

    hooks = Hooks(before_upgrade=lose_connection)
    with opened(any_database) as db:
        with (
            pytest.raises(DatabaseError, match="lost the connection"),
            use_connection(db.connection),
        ):
            db.runner(folder, hooks=hooks).upgrade()
        assert db.history() == []
    with opened(any_database) as db:
        assert len(db.runner(folder, lock_wait=0).upgrade()) == 2


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
@pytest.mark.parametrize("is_reachable", [True, False], ids=["reachable", "unreachable"])
def test_a_commit_without_an_answer_is_not_taken_for_a_failure(
    database: Callable[[str], sa.URL], folder: Folder, kind: str, is_reachable: bool
) -> None:
    """Running the same command again would revert a second migration."""
    url = database(kind)
    with opened(url) as db:
        db.runner(folder).upgrade()
    with open_proxy(url) as (proxy, through), opened(through) as db:

        def cut_next_commit(migration: HookedMigration) -> None:
            proxy.cut_after = b"COMMIT"
            if not is_reachable:
                proxy.close()

        events: list[object] = []
        hooks = Hooks(after_migration=cut_next_commit)
        runner = db.runner(folder, hooks=hooks, on_event=events.append)
        with pytest.raises(MigrationFailedError) as caught:
            runner.downgrade("-1")
    assert proxy.cut_after is None
    hint = f"{caught.value.hint}"
    assert "run autodiff status" in hint and "left nothing behind" not in hint
    finished = [event.revision for event in events if isinstance(event, MigrationFinished)]
    if is_reachable:
        assert "downgrade of 0002_step_bbbb.py was committed" in caught.value.message
        assert finished == ["bbbb"]
    else:
        assert "the connection was lost" in hint
        assert finished == []
    with opened(url) as db:
        assert db.history() == ["aaaa"]
        assert db.runner(folder).unfinished() is None
        assert db.rows("SELECT n FROM counter") == [(0,)]


def test_a_relative_target_is_smaller_after_a_part_of_a_downgrade(
    database: Callable[[str], sa.URL], folder: Folder
) -> None:
    folder.write("cccc")
    with opened(database("sqlite")) as db:
        db.runner(folder).upgrade()
        db.execute("ALTER TABLE counter RENAME TO gone")
        with pytest.raises(MigrationFailedError) as caught:
            db.runner(folder).downgrade("-2")
    assert f"{caught.value.hint}".endswith("if its target is relative, such as -2, reduce it by 1")
