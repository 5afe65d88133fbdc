"""One runner at a time: twenty that start at once all end well."""

from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from subprocess import PIPE, Popen

import pytest
import sqlalchemy as sa

from autodiff.errors import LockedError
from autodiff.runner.events import StatementRun, WaitingForLock
from tests.support import Database, Folder, opened

TABLE = """
op.create_table("t{0}", sa.Column("id", sa.Integer(), primary_key=True))
op.execute("INSERT INTO t{0} (id) VALUES (1)")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Five migrations that fail where they run twice."""
    folder = Folder(tmp_path / "migrations")
    for number in range(5):
        folder.write(f"aaa{number}", TABLE.format(number), f'op.drop_table("t{number}")')
    return folder


def test_twenty_processes_apply_each_migration_once(any_database: sa.URL, folder: Folder) -> None:
    """All end well, whichever comes first; nothing is run twice."""
    url = any_database.render_as_string(hide_password=False)
    command = [sys.executable, "-m", "autodiff", "upgrade", "--url", url]
    (folder.path.parent / "autodiff.toml").write_text('models = "nothing:here"\n')
    started = [
        Popen(command, cwd=folder.path.parent, stdout=PIPE, stderr=PIPE, text=True)
        for _ in range(20)
    ]
    ended = [(process.communicate(timeout=120), process.returncode) for process in started]
    assert [code for _, code in ended] == [0] * 20, ended
    told = [out.strip() for (out, _), _ in ended]
    assert sorted(told)[-19:] == ["nothing to do"] * 19 or "5 migrations applied" in told
    with opened(any_database) as db:
        assert db.history() == [f"aaa{number}" for number in range(5)]
        assert [e.outcome for e in db.runner(folder).log()] == ["done"] * 5


def test_who_waits_is_told_for_whom(any_database: sa.URL, folder: Folder) -> None:
    """The message names the user, the host and the process; patience has an end."""
    with opened(any_database) as first, opened(any_database) as second:
        lock = first.runner(folder).dialect.session.migration_lock(first.connection, None)
        assert lock.take(f"ann@laptop, process {os.getpid()}")
        events: list[object] = []
        runner = second.runner(folder, lock_wait=0.4, on_event=events.append)
        with pytest.raises(LockedError, match="another run holds the lock") as caught:
            runner.upgrade()
        assert any(isinstance(event, WaitingForLock) for event in events)
        if second.connection.dialect.name == "mysql":
            assert "session" in caught.value.message
        else:
            assert f"ann@laptop, process {os.getpid()}" in caught.value.message
            assert "since" in caught.value.message
        assert "--lock-wait" in str(caught.value.hint)
        lock.release()
        assert len(second.runner(folder, lock_wait=0.4).upgrade()) == 5


def test_where_the_lock_knows_a_session_alone_the_journal_tells_whose(
    database: Callable[[str], sa.URL], folder: Folder
) -> None:
    """On MariaDB: user, host and process of the run under way, at which migration, since when."""
    url = database("mariadb")
    asked = threading.Event()
    go_on = threading.Event()
    told: list[str] = []
    folder.write("slow", 'op.execute("SELECT 1")')
    with opened(url) as first, opened(url) as second:

        def stop_there(event: object) -> None:
            if isinstance(event, StatementRun) and event.sql == "SELECT 1":
                asked.set()
                go_on.wait(20)

        thread = threading.Thread(target=first.runner(folder, on_event=stop_there).upgrade)
        thread.start()
        assert asked.wait(20)
        with pytest.raises(LockedError) as caught:
            second.runner(folder, lock_wait=0.2).upgrade()
        told.append(caught.value.message)
        go_on.set()
        thread.join(30)
    assert f"process {os.getpid()} (" in told[0]
    assert re.search(r"session \d+\), at 0006_step_slow, since \d{4}-", told[0])


def test_a_run_goes_on_when_the_other_is_done(any_database: sa.URL, folder: Folder) -> None:
    """It reads the history only then: what the other has applied is not applied again."""
    with opened(any_database) as first, opened(any_database) as second:
        lock = first.runner(folder).dialect.session.migration_lock(first.connection, None)
        assert lock.take("ann")
        waiting = threading.Event()
        done: list[object] = []

        def wait() -> None:
            runner = second.runner(folder, lock_wait=30, on_event=lambda event: waiting.set())
            done.extend(runner.upgrade())

        thread = threading.Thread(target=wait)
        thread.start()
        assert waiting.wait(20)
        assert done == []
        lock.release()
        thread.join(30)
        assert len(done) == 5


def test_the_lock_of_a_process_that_died_is_free(
    database: Callable[[str], sa.URL], folder: Folder
) -> None:
    """Also on SQLite, where it is a file: nobody has to remove it."""
    url = database("sqlite")
    child = os.fork()
    if child == 0:
        with opened(url) as db:
            db.runner(folder).dialect.session.migration_lock(db.connection, None).take("dead")
            os._exit(0)
    os.waitpid(child, 0)
    assert url.database is not None
    assert Path(f"{url.database}.autodiff-lock").exists()
    with opened(url) as db:
        assert len(db.runner(folder, lock_wait=0).upgrade()) == 5
    assert not Path(f"{url.database}.autodiff-lock").exists()


def test_the_database_in_memory_needs_no_lock(folder: Folder) -> None:
    """Nobody else sees it."""
    with sa.create_engine("sqlite://").connect() as connection:
        assert len(Database(connection).runner(folder).upgrade()) == 5
