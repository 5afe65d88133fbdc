"""Test runs that are stopped, disconnected or out of space: the next run completes them."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff.errors import AutodiffError, MigrationFailedError
from autodiff.migrations import load_graph
from autodiff.runner.runner import Runner
from tests.run.killing import (
    CommandResult,
    Moment,
    count_statements,
    last_statement_number,
    upgrade_and_disconnect,
    upgrade_and_signal,
)
from tests.run.test_killed import GROW_OLD, MANY_STEPS, PEOPLE, REVERT_STEPS
from tests.support import Folder, opened

ALL_MOMENTS = bool(os.environ.get("AUTODIFF_TEST_KILLS"))
"""Whether to try every moment, instead of a sample."""


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Return two migrations; the second has many steps of every kind."""
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", PEOPLE, 'op.drop_table("people")')
    path = folder.write("bbbb", MANY_STEPS, REVERT_STEPS)
    path.write_text(path.read_text() + GROW_OLD)
    return folder


def moments(count: int, sample_size: int, last: int = 1) -> list[Moment]:
    """Return the moments before and after each statement, or a sample and the last of them."""
    all_moments = [Moment(n, when) for n in range(count) for when in ("before", "after")]
    if ALL_MOMENTS:
        return all_moments
    *first, _ = all_moments[:: len(all_moments) // sample_size]
    return [*first, *all_moments[-last:]]


def final_state(url: sa.URL) -> tuple[object, ...]:
    with opened(url) as db:
        return db.state()


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_a_run_disconnected_at_any_statement_is_completed_by_the_next(
    database: Callable[[str], sa.URL], folder: Folder, kind: str
) -> None:
    """Another session terminates this one. The error comes from autodiff or from the driver."""
    undisturbed = database(kind)
    count = count_statements(undisturbed, folder)
    expected_state = final_state(undisturbed)
    disconnects = 0
    for moment in moments(count, 5, last=6):
        url = database(kind)
        error = upgrade_and_disconnect(url, folder, moment)
        disconnects += error is not None
        assert error is None or isinstance(error, AutodiffError | sa.exc.DBAPIError), error
        count_statements(url, folder)
        assert final_state(url) == expected_state, moment
    assert disconnects >= 3
    print(f"{kind}: {disconnects} disconnects, each recovered, no difference")


@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "mariadb"])
def test_a_run_stopped_at_any_statement_is_completed_by_the_next(
    database: Callable[[str], sa.URL], folder: Folder, kind: str
) -> None:
    """Ctrl-C and SIGTERM print no traceback, exit with code 130 or 143, and release the lock."""
    undisturbed = database(kind)
    count = count_statements(undisturbed, folder)
    expected_state = final_state(undisturbed)
    for index, moment in enumerate(moments(count, 4)):
        url = database(kind)
        number = (signal.SIGINT, signal.SIGTERM)[index % 2]
        result = upgrade_and_signal(url, folder, moment, number)
        assert result.code == {signal.SIGINT: 130, signal.SIGTERM: 143}[number], result
        reason = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated (SIGTERM)"}[number]
        assert reason in result.err, result
        assert "Traceback" not in result.err, result
        with opened(url) as db:
            db.runner(folder, lock_wait=0).upgrade()
        assert final_state(url) == expected_state, moment
    print(f"{kind}: {index + 1} stops, each recovered, no difference")


def test_a_stopped_run_reports_what_was_kept(any_database: sa.URL, folder: Folder) -> None:
    """The message and the journal report it. On MySQL they list the finished steps."""
    result = _stop_before_last_step(any_database, folder)
    steps_kept = any_database.get_backend_name() == "mysql"
    assert result.out == ""
    lines = result.err.splitlines()
    assert lines[-4 if steps_kept else -3 :][:2] == [
        "error: upgrade of 0002_step_bbbb.py was stopped: interrupted",
        "applied before it, and kept: 0001_step_aaaa.py",
    ]
    if steps_kept:
        assert lines[-2].startswith("finished steps, which stay: ~ execute INSERT INTO")
        hint = "or --half-way reverted (if it has nothing of it)"
    else:
        hint = "to start it again"
    assert lines[-1].startswith("hint: ")
    assert lines[-1].endswith(hint)
    with opened(any_database) as db:
        [first, second] = db.runner(folder).log()
        assert first.outcome == "done"
        assert (second.outcome, f"{second.error}".splitlines()[0]) == ("failed", "interrupted")
        assert (db.runner(folder).unfinished() is not None) == steps_kept
        assert db.history() == ["aaaa"]


@pytest.mark.parametrize(
    ("steps", "way"),
    [
        ("CREATE TABLE a (x INT);\nSELECT 7;", "complete or undo it by hand"),
        (
            'op.get_bind().exec_driver_sql("SELECT 1")\nop.execute("SELECT 7")',
            "complete or undo it by hand",
        ),
        (
            'op.create_table("a", sa.Column("x", sa.Integer()))\nop.execute("SELECT 7")',
            "run autodiff downgrade --yes to undo those steps",
        ),
    ],
    ids=["SQL file", "hand-written part", "operations"],
)
def test_the_hint_after_a_stop_names_only_what_is_possible(
    database: Callable[[str], sa.URL], tmp_path: Path, steps: str, way: str
) -> None:
    """Steps without a reverse are not undone one by one."""
    folder = Folder(tmp_path / "m")
    if steps.startswith("op."):
        folder.write("aaaa", steps)
    else:
        folder.write_sql("aaaa", steps, "DROP TABLE a;")
    with opened(database("mariadb")) as db:

        @sa.event.listens_for(db.connection, "before_cursor_execute")
        def stop(connection: object, cursor: object, statement: str, *_: object) -> None:
            if statement == "SELECT 7":
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt) as caught:
            db.runner(folder).upgrade()
    [note] = caught.value.__notes__
    assert f"hint: run autodiff upgrade to resume, or {way}" in note


@pytest.mark.parametrize(
    ("kind", "last_statement"), [("sqlite", "PRAGMA busy_timeout = "), ("mariadb", "COMMIT")]
)
def test_a_stop_after_the_last_commit_leaves_nothing_unfinished(
    database: Callable[[str], sa.URL], folder: Folder, kind: str, last_statement: str
) -> None:
    """The migration has neither failed nor stopped partway."""
    number = last_statement_number(last_statement, database(kind), folder)
    url = database(kind)
    result = upgrade_and_signal(url, folder, Moment(number, "after"), signal.SIGINT)
    assert result.code == 130
    assert result.err.splitlines()[-3:] == [
        "error: upgrade was stopped: interrupted",
        "applied before it, and kept: 0001_step_aaaa.py, 0002_step_bbbb.py",
        "hint: run autodiff upgrade to continue with the next migration",
    ]
    with opened(url) as db:
        assert [entry.outcome for entry in db.runner(folder).log()] == ["done", "done"]
        assert db.runner(folder).upgrade() == []


def test_a_stopped_run_is_reported_as_json(
    database: Callable[[str], sa.URL], folder: Folder
) -> None:
    """The data on stdout names the kind of the stop."""
    result = _stop_before_last_step(database("sqlite"), folder, signal.SIGTERM, "--json")
    data = json.loads(result.out)
    assert data["kind"] == "Terminated"
    assert data["error"].startswith(
        "upgrade of 0002_step_bbbb.py was stopped: terminated (SIGTERM)"
    )
    assert data["hint"] == "it left nothing behind; run autodiff upgrade to start it again"


def _stop_before_last_step(
    url: sa.URL, folder: Folder, signal_number: signal.Signals = signal.SIGINT, *options: str
) -> CommandResult:
    """Stop the second migration just before it sends the rename of its last step."""
    count = 0
    rename_number = -1
    engine = sa.create_engine(url, poolclass=sa.NullPool)

    @sa.event.listens_for(engine, "before_cursor_execute")
    def before(connection: object, cursor: object, statement: str, *_: object) -> None:
        nonlocal count, rename_number
        if "RENAME COLUMN age" in statement or ("CHANGE" in statement and "years" in statement):
            rename_number = count
        count += 1

    with engine.connect() as connection:
        Runner(connection, load_graph(folder.path)).upgrade()
        Runner(connection, load_graph(folder.path)).downgrade("base")
    with opened(url) as db:
        db.execute("DROP TABLE autodiff_history", "DROP TABLE autodiff_journal")
    assert rename_number > 0
    return upgrade_and_signal(url, folder, Moment(rename_number, "before"), signal_number, *options)


@pytest.mark.parametrize(
    ("number", "code", "reason"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated (SIGTERM)")],
)
def test_a_long_statement_is_stopped_immediately(
    database: Callable[[str], sa.URL], tmp_path: Path, number: int, code: int, reason: str
) -> None:
    """The process is waiting for the server, which cancels the statement too."""
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", 'op.execute("SELECT pg_sleep(60)")')
    url = database("postgresql")
    text = url.render_as_string(hide_password=False)
    (tmp_path / "autodiff.toml").write_text('models = "nothing:here"\nmigrations = "m"\n')
    command = [sys.executable, "-m", "autodiff", "upgrade", "--url", text]
    process = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    sleeping_count = "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)'"
    sleeping_count += " AND state = 'active' AND datname = current_database()"
    with opened(url) as db:
        for expected in (1, 0):
            deadline = time.monotonic() + 30
            while db.rows(sleeping_count) != [(expected,)]:
                assert time.monotonic() < deadline, process.poll()
                time.sleep(0.05)
            if expected:
                process.send_signal(number)
        _, err = process.communicate(timeout=20)
        assert process.returncode == code, err
        assert f"error: upgrade of 0001_step_aaaa.py was stopped: {reason}" in err
        assert "Traceback" not in err
        [entry] = db.runner(folder, lock_wait=0).log()
        assert (entry.outcome, entry.error) == ("failed", reason)


def test_a_run_on_a_full_disk_is_completed_by_the_next_on_sqlite(
    database: Callable[[str], sa.URL], folder: Folder
) -> None:
    """A limit on the number of pages acts like a full disk. Different limits are tried."""
    unlimited = database("sqlite")
    count_statements(unlimited, folder)
    expected_state = final_state(unlimited)
    failures = 0
    for pages in range(1, 60) if ALL_MOMENTS else range(3, 60, 4):
        url = database("sqlite")
        failures += _upgrade_with_page_limit(url, folder, pages) is not None
        count_statements(url, folder)
        assert final_state(url) == expected_state, pages
    assert failures >= 2


def _upgrade_with_page_limit(url: sa.URL, folder: Folder, pages: int) -> Exception | None:
    """Upgrade a database that is limited to this many pages; return the error, if any."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)

    @sa.event.listens_for(engine, "connect")
    def limit(driver: sqlite3.Connection, _: object) -> None:
        driver.execute(f"PRAGMA max_page_count = {pages}")

    try:
        with engine.connect() as connection:
            Runner(connection, load_graph(folder.path)).upgrade()
    except (AutodiffError, sa.exc.DBAPIError) as error:
        assert "database or disk is full" in f"{error}"
        return error
    finally:
        engine.dispose()
    return None


FILL_TABLE = """
op.create_table(
    "sizes", sa.Column("id", sa.Integer(), primary_key=True), sa.Column("n", sa.CHAR(200)),
    mysql_engine="MEMORY",
)
op.execute("INSERT INTO sizes SELECT seq, seq FROM seq_1_to_500")
op.execute("INSERT INTO people (id, name) VALUES (1, 'ann')")
op.add_column("sizes", sa.Column("more", sa.CHAR(250), server_default="x"))
op.add_column("people", sa.Column("email", sa.String(99)))
"""


def test_a_run_with_a_full_table_is_resumed_on_mariadb(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """ER_RECORD_FILE_FULL fails an ALTER partway, as a full disk would.

    With space the run resumes.
    """
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", PEOPLE, 'op.drop_table("people")')
    folder.write("bbbb", FILL_TABLE)
    unlimited, url = database("mariadb"), database("mariadb")
    count_statements(unlimited, folder)
    with opened(url) as db:
        db.execute("SET SESSION max_heap_table_size = 700000")
        with pytest.raises(MigrationFailedError, match="is full") as caught:
            db.runner(folder).upgrade()
        assert "finished steps, which stay: + table sizes; ~ execute INSERT" in (
            caught.value.message
        )
        assert "autodiff upgrade to resume" in f"{caught.value.hint}"
        db.execute("SET SESSION max_heap_table_size = 16777216")
        assert [m.revision for m in db.runner(folder).upgrade()] == ["bbbb"]
    assert final_state(url) == final_state(unlimited)
