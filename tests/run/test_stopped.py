"""A run that is stopped, cut off or out of room says so, and the next one comes to the same end."""

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
    Moment,
    Stopped,
    place_of,
    statements_of,
    upgrade_cut,
    upgrade_signalled,
)
from tests.run.test_killed import BACK, GROW_OLD, MANY_STEPS, PEOPLE
from tests.support import Folder, opened

ALL = bool(os.environ.get("AUTODIFF_TEST_KILLS"))
"""Whether every moment is tried, and not some of them."""


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Two migrations, the second of many steps of every kind."""
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", PEOPLE, 'op.drop_table("people")')
    path = folder.write("bbbb", MANY_STEPS, BACK)
    path.write_text(path.read_text() + GROW_OLD)
    return folder


def moments(count: int, tried: int) -> list[Moment]:
    """Before and after each of so many statements; a part of them, unless all are asked for."""
    every = [Moment(n, when) for n in range(count) for when in ("before", "after")]
    return every if ALL else every[:: len(every) // tried]


def end_of(url: sa.URL) -> tuple[object, ...]:
    with opened(url) as db:
        return db.state()


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_cut_off_at_any_statement_the_next_run_comes_to_the_same_end(
    database: Callable[[str], sa.URL], folder: Folder, kind: str
) -> None:
    """Another session ends this one; what was raised says what the server said."""
    whole = database(kind)
    count = statements_of(whole, folder)
    wanted = end_of(whole)
    cuts = 0
    for moment in moments(count, 5):
        url = database(kind)
        error = upgrade_cut(url, folder, moment)
        cuts += error is not None
        assert error is None or isinstance(error, AutodiffError | sa.exc.DBAPIError), error
        statements_of(url, folder)
        assert end_of(url) == wanted, moment
    assert cuts >= 3
    print(f"{kind}: {cuts} cuts, each recovered, no difference")


@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "mariadb"])
def test_stopped_at_any_statement_the_next_run_comes_to_the_same_end(
    database: Callable[[str], sa.URL], folder: Folder, kind: str
) -> None:
    """By Ctrl-C and by SIGTERM: no traceback; exit code 130 or 143; the lock is free."""
    whole = database(kind)
    count = statements_of(whole, folder)
    wanted = end_of(whole)
    for place, moment in enumerate(moments(count, 4)):
        url = database(kind)
        number = (signal.SIGINT, signal.SIGTERM)[place % 2]
        result = upgrade_signalled(url, folder, moment, number)
        assert result.code == {signal.SIGINT: 130, signal.SIGTERM: 143}[number], result
        told = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated (SIGTERM)"}[number]
        assert told in result.err, result
        assert "Traceback" not in result.err, result
        with opened(url) as db:
            db.runner(folder, lock_wait=0).upgrade()
        assert end_of(url) == wanted, moment
    print(f"{kind}: {place + 1} stops, each recovered, no difference")


def test_what_was_stopped_and_what_was_kept_is_told(any_database: sa.URL, folder: Folder) -> None:
    """In the message and in the journal; on MySQL the finished steps are named."""
    result = _stopped_in_the_second(any_database, folder)
    outside = any_database.get_backend_name() == "mysql"
    assert result.out == ""
    lines = result.err.splitlines()
    assert lines[-4 if outside else -3 :][:2] == [
        "error: upgrade of 0002_step_bbbb.py was stopped: interrupted",
        "applied before it, and kept: 0001_step_aaaa.py",
    ]
    if outside:
        assert lines[-2].startswith("finished steps, which stay: ~ execute INSERT INTO")
        hint = "to resume, or autodiff downgrade to undo those steps"
    else:
        hint = "to start it again"
    assert lines[-1].startswith("hint: ")
    assert lines[-1].endswith(hint)
    with opened(any_database) as db:
        [first, second] = db.runner(folder).log()
        assert first.outcome == "done"
        assert (second.outcome, f"{second.error}".splitlines()[0]) == ("failed", "interrupted")
        assert (db.runner(folder).unfinished() is not None) == outside
        assert db.history() == ["aaaa"]


@pytest.mark.parametrize(
    ("kind", "last"), [("sqlite", "PRAGMA busy_timeout = "), ("mariadb", "COMMIT")]
)
def test_what_was_committed_before_the_stop_is_done(
    database: Callable[[str], sa.URL], folder: Folder, kind: str, last: str
) -> None:
    """A stop that comes right behind the last commit: nothing has failed, or stopped half-way."""
    place = place_of(last, database(kind), folder)
    url = database(kind)
    result = upgrade_signalled(url, folder, Moment(place, "after"), signal.SIGINT)
    assert result.code == 130
    assert result.err.splitlines()[-3:] == [
        "error: upgrade was stopped: interrupted",
        "applied before it, and kept: 0001_step_aaaa.py, 0002_step_bbbb.py",
        "hint: run autodiff upgrade to continue with the next migration",
    ]
    with opened(url) as db:
        assert [entry.outcome for entry in db.runner(folder).log()] == ["done", "done"]
        assert db.runner(folder).upgrade() == []


def test_what_was_stopped_is_told_as_json(
    database: Callable[[str], sa.URL], folder: Folder
) -> None:
    """On stdout, with the kind of what stopped it."""
    result = _stopped_in_the_second(database("sqlite"), folder, signal.SIGTERM, "--json")
    data = json.loads(result.out)
    assert data["kind"] == "Terminated"
    assert data["error"].startswith(
        "upgrade of 0002_step_bbbb.py was stopped: terminated (SIGTERM)"
    )
    assert data["hint"] == "it left nothing behind; run autodiff upgrade to start it again"


def _stopped_in_the_second(
    url: sa.URL, folder: Folder, number: signal.Signals = signal.SIGINT, *options: str
) -> Stopped:
    """Stopped when the rename of the last step is about to be sent."""
    seen = 0
    place = -1
    engine = sa.create_engine(url, poolclass=sa.NullPool)

    @sa.event.listens_for(engine, "before_cursor_execute")
    def before(connection: object, cursor: object, statement: str, *_: object) -> None:
        nonlocal seen, place
        if "RENAME COLUMN age" in statement or ("CHANGE" in statement and "years" in statement):
            place = seen
        seen += 1

    with engine.connect() as connection:
        Runner(connection, load_graph(folder.path)).upgrade()
        Runner(connection, load_graph(folder.path)).downgrade("base")
    with opened(url) as db:
        db.execute("DROP TABLE autodiff_history", "DROP TABLE autodiff_journal")
    assert place > 0
    return upgrade_signalled(url, folder, Moment(place, "before"), number, *options)


@pytest.mark.parametrize(
    ("number", "code", "told"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated (SIGTERM)")],
)
def test_a_long_statement_is_stopped_at_once(
    database: Callable[[str], sa.URL], tmp_path: Path, number: int, code: int, told: str
) -> None:
    """The process waits for the server meanwhile; the server goes on with nothing."""
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", 'op.execute("SELECT pg_sleep(60)")')
    url = database("postgresql")
    text = url.render_as_string(hide_password=False)
    (tmp_path / "autodiff.toml").write_text('models = "nothing:here"\nmigrations = "m"\n')
    command = [sys.executable, "-m", "autodiff", "upgrade", "--url", text]
    process = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    asleep = "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)'"
    asleep += " AND state = 'active' AND datname = current_database()"
    with opened(url) as db:
        for wanted in (1, 0):
            deadline = time.monotonic() + 30
            while db.rows(asleep) != [(wanted,)]:
                assert time.monotonic() < deadline, process.poll()
                time.sleep(0.05)
            if wanted:
                process.send_signal(number)
        _, err = process.communicate(timeout=20)
        assert process.returncode == code, err
        assert f"error: upgrade of 0001_step_aaaa.py was stopped: {told}" in err
        assert "Traceback" not in err
        [entry] = db.runner(folder, lock_wait=0).log()
        assert (entry.outcome, entry.error) == ("failed", told)


def test_a_full_disk_leaves_nothing_on_sqlite(
    database: Callable[[str], sa.URL], folder: Folder
) -> None:
    """SQLite may take so many pages and no more, as where the disk is full: each number of them."""
    whole = database("sqlite")
    statements_of(whole, folder)
    wanted = end_of(whole)
    refused = 0
    for pages in range(1, 60) if ALL else range(3, 60, 4):
        url = database("sqlite")
        refused += _upgraded_with(url, folder, pages) is not None
        statements_of(url, folder)
        assert end_of(url) == wanted, pages
    assert refused >= 2


def _upgraded_with(url: sa.URL, folder: Folder, pages: int) -> Exception | None:
    """What was raised where the database has that many pages."""
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


FULL = """
op.create_table(
    "sizes", sa.Column("id", sa.Integer(), primary_key=True), sa.Column("n", sa.CHAR(200)),
    mysql_engine="MEMORY",
)
op.execute("INSERT INTO sizes SELECT seq, seq FROM seq_1_to_500")
op.execute("INSERT INTO people (id, name) VALUES (1, 'ann')")
op.add_column("sizes", sa.Column("more", sa.CHAR(250), server_default="x"))
op.add_column("people", sa.Column("email", sa.String(99)))
"""


def test_a_full_table_stops_the_step_on_mariadb(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """ER_RECORD_FILE_FULL, as of a full disk, in the midst of an ALTER: with room it goes on."""
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", PEOPLE, 'op.drop_table("people")')
    folder.write("bbbb", FULL)
    whole, url = database("mariadb"), database("mariadb")
    statements_of(whole, folder)
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
    assert end_of(url) == end_of(whole)
