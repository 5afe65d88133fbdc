"""Many databases: each is upgraded by itself, and what came of each is told."""

from __future__ import annotations

import re
import select
import socket
import socketserver
import sqlite3
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import ModuleType

import pytest
import sqlalchemy as sa

from autodiff import Project
from autodiff.dialects import dialect_of
from autodiff.errors import ConfigError
from autodiff.fleet import (
    FleetEvent,
    Outcomes,
    Shard,
    Target,
    TargetFinished,
    TargetStarted,
    TargetTold,
)
from autodiff.runner.events import MigrationFinished, MigrationStarted
from tests.support import Folder, opened

Make = Callable[..., Project]


def execute(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(sql)
        connection.commit()


def results(outcomes: Outcomes) -> dict[str, str]:
    return {outcome.name: outcome.result for outcome in outcomes}


def test_forty_files_some_of_which_fail(files: Make, tmp_path: Path) -> None:
    """Those that fail say why, the others are upgraded; run again, only they are left."""
    project = files(40)
    for number in (7, 21):
        execute(tmp_path / "tenants" / f"t{number:02}.db", "CREATE TABLE t2 (x int)")
    outcomes = project.upgrade_all()
    assert not outcomes
    assert [outcome.name for outcome in outcomes] == [f"t{number:02}" for number in range(40)]
    assert Counter(results(outcomes).values()) == {"upgraded": 38, "failed": 2}
    failed = outcomes.outcomes[7]
    assert "table t2 already exists" in str(failed.error)
    assert failed.hint == "the failed migration left nothing behind; mend it and run again"
    assert (failed.before, failed.after) == (None, "0001_step_aaa1")
    assert failed.migrations == ("0001_step_aaa1",)
    well = outcomes.outcomes[0]
    assert (well.before, well.after, len(well.migrations)) == (None, "0003_step_aaa3", 3)
    assert well.seconds is not None

    execute(tmp_path / "tenants" / "t07.db", "DROP TABLE t2")
    again = project.upgrade_all()
    assert Counter(results(again).values()) == {"up to date": 38, "upgraded": 1, "failed": 1}
    assert again.outcomes[7].before == "0001_step_aaa1"
    assert len(again.outcomes[7].migrations) == 2
    execute(tmp_path / "tenants" / "t21.db", "DROP TABLE t2")
    assert project.upgrade_all()


def test_twenty_schemas_of_one_database(schemas: Make) -> None:
    """Each has its tables, its history and its lock; nothing is written beside them."""
    project = schemas(20)
    with opened(project.url) as db:
        db.execute('CREATE TABLE "Tenant 3".t3 (x int)')
    outcomes = project.upgrade_all(parallel=6)
    expected = {f"t{number:02}": "upgraded" for number in range(20)} | {"t03": "failed"}
    assert results(outcomes) == expected
    with opened(project.url) as db:
        assert db.tables() == ["tenants"]
        found = db.rows("SELECT schemaname FROM pg_tables WHERE tablename = 'autodiff_history'")
        assert sorted(found) == sorted((f"Tenant {number}",) for number in range(20))
        found = db.rows("SELECT schemaname FROM pg_tables WHERE tablename IN ('t1', 't2', 't3')")
        assert Counter(found) == {(f"Tenant {n}",): 3 for n in range(20)}
        db.execute('DROP TABLE "Tenant 3".t3')
    assert Counter(results(project.upgrade_all()).values()) == {"up to date": 19, "upgraded": 1}
    standings = project.status_all()
    assert {standing.current for standing in standings} == {"0003_step_aaa3"}
    assert {standing.pending for standing in standings} == {()}


def test_a_schema_keeps_its_path_outside_of_transactions(schemas: Make, folder: Folder) -> None:
    """op.autocommit(), a concurrent index, reflection and statements by hand stay in it."""
    folder.write(
        "aaa4",
        """
        with op.autocommit():
            op.create_index("ix_t1", "t1", ["id"], postgresql_concurrently=True)
        op.execute("INSERT INTO t1 VALUES (1)")
        op.add_column("t1", sa.Column("n", sa.Integer(), nullable=True))
        op.backfill("t1", {"n": 5})
        op.get_bind().execute(sa.text("INSERT INTO t2 VALUES (2)"))
        op.create_table("t1", sa.Column("id", sa.Integer()), if_not_exists=True)
        """,
        'op.drop_index("ix_t1", "t1")\nop.drop_column("t1", "n")\nop.execute("DELETE FROM t2")',
    )
    project = schemas(3)
    with opened(project.url) as db:
        db.execute("CREATE TABLE t1 (id int)", "CREATE TABLE t2 (id int)")
    assert project.upgrade_all()
    with opened(project.url) as db:
        assert db.rows("SELECT count(*) FROM t1") == [(0,)]
        for number in range(3):
            assert db.rows(f'SELECT id, n FROM "Tenant {number}".t1') == [(1, 5)]
            assert db.rows(f'SELECT id FROM "Tenant {number}".t2') == [(2,)]
            assert db.table("t1", f"Tenant {number}").index("ix_t1") is not None
    outcomes = project.downgrade_all("0003_step_aaa3")
    assert outcomes and {len(outcome.migrations) for outcome in outcomes} == {1}


def test_a_schema_that_is_not_there(schemas: Make) -> None:
    """It is a failure of that target, and the hint creates it."""
    project = schemas(2)
    with opened(project.url) as db:
        db.execute("INSERT INTO tenants VALUES (9, 't09')")
    outcomes = project.upgrade_all()
    assert results(outcomes) == {"t00": "upgraded", "t01": "upgraded", "t09": "failed"}
    failed = outcomes.outcomes[2]
    assert "there is no schema Tenant 9 in postgresql" in str(failed.error)
    assert str(failed.hint).startswith('CREATE SCHEMA "Tenant 9"')


def test_the_search_path_can_go_on(schemas: Make, folder: Folder) -> None:
    """Types and extensions of other schemas are found, and tables are made in the tenant's."""
    folder.write("aaa4", 'op.execute("CREATE TABLE m (mood mood)")')
    project = schemas(2, search_path=["shared"])
    with opened(project.url) as db:
        db.execute("CREATE SCHEMA shared", "CREATE TYPE shared.mood AS ENUM ('sad')")
        db.execute("CREATE TABLE shared.autodiff_history (x int)")
    assert project.upgrade_all()
    with opened(project.url) as db:
        found = db.rows("SELECT schemaname FROM pg_tables WHERE tablename = 'm' ORDER BY 1")
        assert found == [("Tenant 0",), ("Tenant 1",)]


def test_mariadb_databases(
    database: Callable[[str], sa.URL], folder: Folder, tmp_path: Path
) -> None:
    """What stopped half-way is gone on with."""
    urls = [database("mariadb") for _ in range(4)]
    names = "\n".join(str(url.database) for url in urls)
    (tmp_path / "names").write_text(names)
    folder.write(
        "aaa4",
        'op.execute("INSERT INTO t1 VALUES (1)")\n' + TABLE_4 + '\nop.execute("DROP TABLE t5")',
    )
    project = Project(
        urls[0],
        directory=folder.path,
        root=tmp_path,
        targets={"file": "names", "database": "{name}", "parallel": 3},
    )
    for url in urls[1:]:
        with opened(url) as db:
            db.execute("CREATE TABLE t5 (id int)")
    outcomes = project.upgrade_all()
    assert [outcome.result for outcome in outcomes] == ["failed", *["upgraded"] * 3]
    half = project.status_all()[0]
    assert half.unfinished == "0004_step_aaa4"
    with opened(urls[0]) as db:
        assert db.rows("SELECT id FROM t1") == [(1,)]
        db.execute("CREATE TABLE t5 (id int)")
    again = project.upgrade_all()
    assert [outcome.result for outcome in again] == ["upgraded", *["up to date"] * 3]
    with opened(urls[0]) as db:
        assert db.rows("SELECT id FROM t1") == [(1,)]


TABLE_4 = 'op.create_table("t4", sa.Column("id", sa.Integer(), primary_key=True))'


def test_one_history_for_all_is_refused(
    database: Callable[[str], sa.URL], folder: Folder, tmp_path: Path
) -> None:
    """On MySQL history_schema names a database, which all targets would write to."""
    url = database("mariadb")
    targets = {"urls": [url.render_as_string(hide_password=False)]}
    project = Project(url, directory=folder.path, history_schema="meta", targets=targets)
    with pytest.raises(ConfigError, match="would be one history for all targets") as caught:
        project.upgrade_all()
    assert caught.value.hint == "leave it out: each target keeps its own"


def test_schemas_need_a_database_that_has_them(files: Make) -> None:
    """SQLite and MySQL have none within a database."""
    project = files(1)
    target = Target(name="a", url=project.url, schema="s")
    with pytest.raises(ConfigError, match="a is a schema, which sqlite has not") as caught:
        project.upgrade_all(targets=[target])
    assert caught.value.hint == 'say database = "tenant_{name}" instead'


def test_a_canary_that_fails_is_the_only_one(files: Make, tmp_path: Path) -> None:
    """Nothing else is begun, and its database is not even there."""
    project = files(30, canary=["t11", "t12"])
    execute(tmp_path / "tenants" / "t11.db", "CREATE TABLE t1 (x int)")
    outcomes = project.upgrade_all()
    found = results(outcomes)
    assert (found.pop("t11"), found.pop("t12")) == ("failed", "upgraded")
    assert set(found.values()) == {"not begun"}
    assert outcomes.outcomes[0].error == "t11 goes first, and failed"
    assert outcomes.outcomes[0].hint == "run it again: what is done is passed by"
    assert len(list((tmp_path / "tenants").iterdir())) == 2
    assert results(project.upgrade_all(canary=0))["t00"] == "upgraded"


def test_canaries_are_done_before_the_others(files: Make) -> None:
    """The others wait for the last of them."""
    events: list[FleetEvent] = []
    assert files(8).upgrade_all(canary=3, on_event=events.append)
    places = {
        (type(event), event.outcome.name if isinstance(event, TargetFinished) else event.name): at
        for at, event in enumerate(events)
        if not isinstance(event, TargetTold)
    }
    last = max(places[TargetFinished, f"t0{number}"] for number in range(3))
    assert last < min(places[TargetStarted, f"t0{number}"] for number in range(3, 8))


def test_enough_failures(files: Make, tmp_path: Path) -> None:
    """After so many no more are begun; those under way come to their end."""
    project = files(30, stop_after=2, parallel=1)
    for number in (1, 4, 5):
        execute(tmp_path / "tenants" / f"t{number:02}.db", "CREATE TABLE t1 (x int)")
    outcomes = project.upgrade_all()
    assert list(results(outcomes).values()) == [
        *["upgraded", "failed", "upgraded", "upgraded", "failed"],
        *["not begun"] * 25,
    ]
    assert outcomes.outcomes[5].error == "2 failures, which are enough (stop_after)"
    assert Counter(results(project.upgrade_all(stop_after=5)).values()) == {
        "up to date": 3,
        "failed": 3,
        "upgraded": 24,
    }


def test_shards_cover_all_once(files: Make) -> None:
    """Three processes with a shard each leave nothing out and do nothing twice."""
    project = files(30)
    found: list[str] = []
    for number in (1, 2, 3):
        shard = Shard(number=number, count=3)
        outcomes = project.upgrade_all(shard=shard, canary=1)
        assert set(results(outcomes).values()) == {"upgraded"}
        found += results(outcomes)
    assert sorted(found) == [f"t{number:02}" for number in range(30)]


def test_only_some(files: Make) -> None:
    """By name; the order stays that of the targets."""
    outcomes = files(5).upgrade_all(only=["t03", "t01"])
    assert results(outcomes) == {"t01": "upgraded", "t03": "upgraded"}


def test_no_targets_are_well(files: Make) -> None:
    """A system without tenants yet has nothing to do."""
    outcomes = files(0).upgrade_all()
    assert outcomes
    assert len(outcomes) == 0


@pytest.mark.parametrize("target", ["+1", "-1"])
def test_relative_targets_are_refused(files: Make, target: str) -> None:
    """Run again, they would go further where they had done well."""
    with pytest.raises(ConfigError, match="is not one place for many databases") as caught:
        files(1).downgrade_all(target)
    assert "so that the run can be repeated" in str(caught.value.hint)


def test_it_is_parallel_and_bounded(
    files: Make, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three run at once, and never four: each waits in its migration for two others."""
    meeting = ModuleType("meeting")
    meeting.place = threading.Barrier(3, timeout=20)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "meeting", meeting)
    folder.write("aaa4", "import meeting\nmeeting.place.wait()")
    now, most = 0, 0

    def listen(event: FleetEvent) -> None:
        nonlocal now, most
        now += isinstance(event, TargetStarted)
        now -= isinstance(event, TargetFinished)
        most = max(most, now)

    assert files(12).upgrade_all(parallel=3, on_event=listen)
    assert most == 3


def test_files_are_read_once(files: Make, folder: Folder) -> None:
    """A file that is edited meanwhile is what it was for all of them; what a run leaves in the
    module of its migration is not met by the next."""
    path = folder.write(
        "aaa4",
        """
        assert not seen
        seen.append(1)
        op.add_column("t1", column)
        """,
    )
    text = path.read_text().replace(
        "\n\ndef up", '\nseen = []\ncolumn = sa.Column("n", sa.Integer())\n\n\ndef up'
    )
    path.write_text(text)

    def listen(event: FleetEvent) -> None:
        if isinstance(event, TargetTold) and isinstance(event.event, MigrationStarted):
            path.write_text("this is no Python")

    outcomes = files(6).upgrade_all(on_event=listen)
    assert outcomes, outcomes


def test_ctrl_c_ends_the_migrations_under_way(
    files: Make, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No other begins, none stops in its middle, and the outcomes are told."""
    for number in (4, 5, 6):
        folder.write(f"aaa{number}", "pass")
    finished = threading.Event()
    pressed = threading.Event()
    pressing: list[int] = []

    def press(end: threading.Event) -> bool:
        if finished.is_set() and not pressed.is_set():
            if not pressing:
                pressing.append(1)
                raise KeyboardInterrupt
            pressed.set()  # by now the crew knows of it
        return end.wait(0.05)

    def listen(event: FleetEvent) -> None:
        if isinstance(event, TargetTold) and isinstance(event.event, MigrationFinished):
            finished.set()
            assert pressed.wait(10)

    monkeypatch.setattr("autodiff.fleet.pool._waited", press)
    project = files(10, parallel=2)
    outcomes = project.upgrade_all(on_event=listen)
    monkeypatch.undo()
    assert outcomes.interrupted
    assert not outcomes
    stopped = outcomes.of("stopped")
    assert stopped and len(outcomes.of("not begun")) == 10 - len(stopped)
    assert stopped[0].error == "interrupted, after the migration that was under way"
    assert outcomes.of("not begun")[0].error == "interrupted"
    standings = {standing.name: standing for standing in project.status_all()}
    for outcome in stopped:
        assert standings[outcome.name].current == outcome.after
        assert 1 <= len(outcome.migrations) < 6
    assert project.upgrade_all()


def test_a_run_that_waits_for_a_lock_is_interrupted(
    files: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C does not wait for somebody else's run."""
    project = files(1)
    assert project.upgrade_all("aaa1")
    target = project.targets()[0]
    begun = time.monotonic()
    waited = threading.Event()

    def press(end: threading.Event) -> bool:
        if time.monotonic() - begun > 1 and not waited.is_set():
            waited.set()
            raise KeyboardInterrupt
        return end.wait(0.05)

    with opened(target.url) as db:
        lock = dialect_of(db.connection).session.migration_lock(db.connection, None)
        assert lock.take("somebody")
        monkeypatch.setattr("autodiff.fleet.pool._waited", press)
        outcomes = project.upgrade_all()
        monkeypatch.undo()
        lock.release()
    assert results(outcomes) == {"t00": "stopped"}
    assert time.monotonic() - begun < 10
    assert project.upgrade_all()


def test_a_schema_behind_a_pooler_is_refused(schemas: Make) -> None:
    """Its search_path would stay with a session that others get."""
    project = schemas(1)
    direct = project.targets()[0]
    with pretending_pooler(str(direct.url.host), direct.url.port or 5432) as port:
        url = direct.url.set(host="127.0.0.1", port=port, query={"sslmode": "disable"})
        target = Target(name="a", url=url, schema=direct.schema)
        [outcome] = project.upgrade_all(targets=[target])
    assert outcome.result == "failed"
    assert "can't be migrated through a transaction pooler" in str(outcome.error)
    assert outcome.hint == "connect to the server itself"
    assert project.upgrade_all()


@contextmanager
def pretending_pooler(host: str, port: int) -> Iterator[int]:
    """A port that leads to the server and gives another number of the session, as poolers do."""

    class Passing(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with socket.create_connection((host, port)) as server:
                sockets = {self.request: server, server: self.request}
                while True:
                    for ready in select.select(list(sockets), [], [])[0]:
                        data = ready.recv(65536)
                        if not data:
                            return
                        sockets[ready].sendall(KEY.sub(lambda m: m[1] + b"\0\0\0\1", data))

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Passing) as listening:
        listening.daemon_threads = True
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield listening.server_address[1]
        listening.shutdown()


KEY = re.compile(rb"(K\x00\x00\x00\x0c)....", re.DOTALL)
"""BackendKeyData: https://www.postgresql.org/docs/current/protocol-message-formats.html"""
