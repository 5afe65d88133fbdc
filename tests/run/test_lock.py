"""Test that only one runner works on a database at a time."""

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

pytestmark = pytest.mark.usefixtures("modules_imported")

TABLE = """
op.create_table("t{0}", sa.Column("id", sa.Integer(), primary_key=True))
op.execute("INSERT INTO t{0} (id) VALUES (1)")
"""
PROCESSES = 10


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Return five migrations that fail if they run twice."""
    folder = Folder(tmp_path / "migrations")
    for number in range(5):
        folder.write(f"aaa{number}", TABLE.format(number), f'op.drop_table("t{number}")')
    return folder


def test_many_processes_apply_each_migration_once(any_database: sa.URL, folder: Folder) -> None:
    """All of them succeed, no matter which one comes first."""
    url = any_database.render_as_string(hide_password=False)
    command = [sys.executable, "-m", "autodiff", "upgrade", "--url", url]
    (folder.path.parent / "autodiff.toml").write_text('models = "nothing:here"\n')
    processes = [
        Popen(command, cwd=folder.path.parent, stdout=PIPE, stderr=PIPE, text=True)
        for _ in range(PROCESSES)
    ]
    results = [(process.communicate(timeout=120), process.returncode) for process in processes]
    assert [code for _, code in results] == [0] * PROCESSES, results
    outputs = [out.strip() for (out, _), _ in results]
    assert outputs.count("nothing to do") == PROCESSES - 1 or "5 migrations applied" in outputs
    with opened(any_database) as db:
        assert db.history() == [f"aaa{number}" for number in range(5)]
        assert [e.outcome for e in db.runner(folder).log()] == ["done"] * 5


def test_a_waiting_run_reports_who_holds_the_lock(any_database: sa.URL, folder: Folder) -> None:
    """The message names the user, the host and the process. The wait is limited."""
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


def test_the_journal_identifies_the_holder_on_mariadb(
    database: Callable[[str], sa.URL], folder: Folder
) -> None:
    """MariaDB's lock identifies only a session.

    The journal adds user, host, process, migration and time.
    """
    url = database("mariadb")
    paused = threading.Event()
    resume = threading.Event()
    messages: list[str] = []
    folder.write("slow", 'op.execute("SELECT 1")')
    with opened(url) as first, opened(url) as second:

        def pause(event: object) -> None:
            if isinstance(event, StatementRun) and event.sql == "SELECT 1":
                paused.set()
                resume.wait(20)

        thread = threading.Thread(target=first.runner(folder, on_event=pause).upgrade)
        thread.start()
        assert paused.wait(20)
        with pytest.raises(LockedError) as caught:
            second.runner(folder, lock_wait=0.2).upgrade()
        messages.append(caught.value.message)
        resume.set()
        thread.join(30)
    assert f"process {os.getpid()} (" in messages[0]
    assert re.search(r"session \d+\), at 0006_step_slow, since \d{4}-", messages[0])


def test_a_waiting_run_continues_after_the_other(any_database: sa.URL, folder: Folder) -> None:
    """It reads the history only then, so that nothing is applied twice."""
    with opened(any_database) as first, opened(any_database) as second:
        lock = first.runner(folder).dialect.session.migration_lock(first.connection, None)
        assert lock.take("ann")
        waiting = threading.Event()
        applied: list[object] = []

        def wait() -> None:
            runner = second.runner(folder, lock_wait=30, on_event=lambda event: waiting.set())
            applied.extend(runner.upgrade())

        thread = threading.Thread(target=wait)
        thread.start()
        assert waiting.wait(20)
        assert applied == []
        lock.release()
        thread.join(30)
        assert len(applied) == 5


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no os.fork")
def test_the_lock_of_a_dead_process_is_released(
    database: Callable[[str], sa.URL], folder: Folder
) -> None:
    """On SQLite the lock is a file, which nobody has to remove."""
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


def test_a_lock_is_released_if_it_cannot_be_taken_completely(
    database: Callable[[str], sa.URL], folder: Folder
) -> None:
    """Its session can go back to the pool of an application, where it would keep the lock."""
    url = database("postgresql")
    with opened(url) as first, opened(url) as second:
        lock = first.runner(folder).dialect.session.migration_lock(first.connection, None)

        @sa.event.listens_for(first.connection, "before_cursor_execute")
        def fail(connection: object, cursor: object, statement: str, *_: object) -> None:
            if statement == "SHOW application_name":
                raise RuntimeError

        with pytest.raises(RuntimeError):
            lock.take("ann@laptop")
        assert len(second.runner(folder, lock_wait=0).upgrade()) == 5


def test_an_in_memory_database_needs_no_lock(folder: Folder) -> None:
    """No other connection can use it."""
    with sa.create_engine("sqlite://", poolclass=sa.NullPool).connect() as connection:
        assert len(Database(connection).runner(folder).upgrade()) == 5
