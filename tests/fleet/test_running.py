"""Test that many databases are upgraded independently, and each outcome is reported."""

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
    TargetProgress,
    TargetStarted,
)
from autodiff.runner.events import MigrationFinished, MigrationStarted
from tests.support import Folder, opened

MakeProject = Callable[..., Project]

pytestmark = pytest.mark.usefixtures("modules_imported")


def execute(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(sql)
        connection.commit()


def results(outcomes: Outcomes) -> dict[str, str]:
    return {outcome.name: outcome.result for outcome in outcomes}


def test_failed_targets_do_not_stop_the_others(sqlite_project: MakeProject, tmp_path: Path) -> None:
    """Each failure has a reason. The next run upgrades only the failed ones."""
    project = sqlite_project(40)
    for number in (7, 21):
        execute(tmp_path / "tenants" / f"t{number:02}.db", "CREATE TABLE t2 (x int)")
    outcomes = project.upgrade_all()
    assert not outcomes
    assert [outcome.name for outcome in outcomes] == [f"t{number:02}" for number in range(40)]
    assert Counter(results(outcomes).values()) == {"upgraded": 38, "failed": 2}
    failed = outcomes.outcomes[7]
    assert "table t2 already exists" in str(failed.error)
    assert (
        failed.hint
        == "the failed migration left nothing behind: fix it and run the same command again"
    )
    assert (failed.before, failed.after) == (None, "0001_step_aaa1")
    assert failed.migrations == ("0001_step_aaa1",)
    succeeded = outcomes.outcomes[0]
    assert (succeeded.before, succeeded.after, len(succeeded.migrations)) == (
        None,
        "0003_step_aaa3",
        3,
    )
    assert succeeded.seconds is not None

    execute(tmp_path / "tenants" / "t07.db", "DROP TABLE t2")
    second_run = project.upgrade_all()
    assert Counter(results(second_run).values()) == {"up to date": 38, "upgraded": 1, "failed": 1}
    assert second_run.outcomes[7].before == "0001_step_aaa1"
    assert len(second_run.outcomes[7].migrations) == 2
    execute(tmp_path / "tenants" / "t21.db", "DROP TABLE t2")
    assert project.upgrade_all()


def test_schemas_of_one_database_are_independent(postgresql_project: MakeProject) -> None:
    """Each has its own tables, history and lock. Nothing is written outside them."""
    project = postgresql_project(20)
    with opened(project.url) as db:
        db.execute('CREATE TABLE "Tenant 3".t3 (x int)')
    outcomes = project.upgrade_all(parallel=6)
    expected = {f"t{number:02}": "upgraded" for number in range(20)} | {"t03": "failed"}
    assert results(outcomes) == expected
    with opened(project.url) as db:
        assert db.tables() == ["tenants"]
        schema_rows = db.rows(
            "SELECT schemaname FROM pg_tables WHERE tablename = 'autodiff_history'"
        )
        assert sorted(schema_rows) == sorted((f"Tenant {number}",) for number in range(20))
        schema_rows = db.rows(
            "SELECT schemaname FROM pg_tables WHERE tablename IN ('t1', 't2', 't3')"
        )
        assert Counter(schema_rows) == {(f"Tenant {n}",): 3 for n in range(20)}
        db.execute('DROP TABLE "Tenant 3".t3')
    assert Counter(results(project.upgrade_all()).values()) == {"up to date": 19, "upgraded": 1}
    statuses = project.status_all()
    assert {status.current for status in statuses} == {"0003_step_aaa3"}
    assert {status.pending for status in statuses} == {()}


def test_the_search_path_is_kept_outside_transactions(
    postgresql_project: MakeProject, folder: Folder
) -> None:
    """op.autocommit(), reflection and manual statements all use the schema of the target."""
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
    project = postgresql_project(3)
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


def test_a_missing_schema_fails_its_target(postgresql_project: MakeProject) -> None:
    """The hint is the statement that creates it."""
    project = postgresql_project(2)
    with opened(project.url) as db:
        db.execute("INSERT INTO tenants VALUES (9, 't09')")
    outcomes = project.upgrade_all()
    assert results(outcomes) == {"t00": "upgraded", "t01": "upgraded", "t09": "failed"}
    failed = outcomes.outcomes[2]
    assert "schema Tenant 9 of postgresql" in str(failed.error)
    assert str(failed.hint).startswith('run CREATE SCHEMA "Tenant 9"')


def test_the_search_path_can_be_extended(postgresql_project: MakeProject, folder: Folder) -> None:
    """Types of other schemas are found. Tables are created in the tenant's schema."""
    folder.write("aaa4", 'op.execute("CREATE TABLE m (mood mood)")')
    project = postgresql_project(2, search_path=["shared"])
    with opened(project.url) as db:
        db.execute("CREATE SCHEMA shared", "CREATE TYPE shared.mood AS ENUM ('sad')")
        db.execute("CREATE TABLE shared.autodiff_history (x int)")
    assert project.upgrade_all()
    with opened(project.url) as db:
        schema_rows = db.rows("SELECT schemaname FROM pg_tables WHERE tablename = 'm' ORDER BY 1")
        assert schema_rows == [("Tenant 0",), ("Tenant 1",)]


def test_databases_of_one_mariadb_server_are_upgraded(
    database: Callable[[str], sa.URL], folder: Folder, tmp_path: Path
) -> None:
    """The next run resumes an unfinished migration."""
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
    status = project.status_all()[0]
    assert status.unfinished == "0004_step_aaa4"
    with opened(urls[0]) as db:
        assert db.rows("SELECT id FROM t1") == [(1,)]
        db.execute("CREATE TABLE t5 (id int)")
    second_run = project.upgrade_all()
    assert [outcome.result for outcome in second_run] == ["upgraded", *["up to date"] * 3]
    with opened(urls[0]) as db:
        assert db.rows("SELECT id FROM t1") == [(1,)]


TABLE_4 = 'op.create_table("t4", sa.Column("id", sa.Integer(), primary_key=True))'


def test_a_shared_history_is_refused(
    database: Callable[[str], sa.URL], folder: Folder, tmp_path: Path
) -> None:
    """On MySQL, history_schema is a database that all targets would write to."""
    url = database("mariadb")
    targets = {"urls": [url.render_as_string(hide_password=False)]}
    project = Project(url, directory=folder.path, history_schema="meta", targets=targets)
    with pytest.raises(ConfigError, match="would be one history for all targets") as caught:
        project.upgrade_all()
    assert caught.value.hint == "remove history_schema, so that each target has its own history"


def test_schema_targets_need_a_database_with_schemas(sqlite_project: MakeProject) -> None:
    """SQLite and MySQL do not support schemas inside a database."""
    project = sqlite_project(1)
    target = Target(name="a", url=project.url, schema="s")
    with pytest.raises(
        ConfigError, match="a is a schema, but sqlite does not support schemas"
    ) as caught:
        project.upgrade_all(targets=[target])
    assert caught.value.hint == 'set database = "tenant_{name}" instead of schema'


def test_a_failed_canary_stops_the_run(sqlite_project: MakeProject, tmp_path: Path) -> None:
    """No other target is started: its database is not even created."""
    project = sqlite_project(30, canary=["t11", "t12"])
    execute(tmp_path / "tenants" / "t11.db", "CREATE TABLE t1 (x int)")
    outcomes = project.upgrade_all()
    result_by_name = results(outcomes)
    assert (result_by_name.pop("t11"), result_by_name.pop("t12")) == ("failed", "upgraded")
    assert set(result_by_name.values()) == {"not started"}
    assert outcomes.outcomes[0].error == "the canary t11 failed"
    assert outcomes.outcomes[0].hint == "run the same command again: finished targets are skipped"
    assert len(list((tmp_path / "tenants").iterdir())) == 2
    assert results(project.upgrade_all(canary=0))["t00"] == "upgraded"


def test_canaries_finish_before_the_others_start(sqlite_project: MakeProject) -> None:
    events: list[FleetEvent] = []
    assert sqlite_project(8).upgrade_all(canary=3, on_event=events.append)
    positions = {
        (
            type(event),
            event.outcome.name if isinstance(event, TargetFinished) else event.name,
        ): index
        for index, event in enumerate(events)
        if not isinstance(event, TargetProgress)
    }
    last_finish = max(positions[TargetFinished, f"t0{number}"] for number in range(3))
    assert last_finish < min(positions[TargetStarted, f"t0{number}"] for number in range(3, 8))


def test_stop_after_limits_the_number_of_failures(
    sqlite_project: MakeProject, tmp_path: Path
) -> None:
    """No target is started after that many failures. Those in progress are finished."""
    project = sqlite_project(30, stop_after=2, parallel=1)
    for number in (1, 4, 5):
        execute(tmp_path / "tenants" / f"t{number:02}.db", "CREATE TABLE t1 (x int)")
    outcomes = project.upgrade_all()
    assert list(results(outcomes).values()) == [
        *["upgraded", "failed", "upgraded", "upgraded", "failed"],
        *["not started"] * 25,
    ]
    assert outcomes.outcomes[5].error == "2 targets failed, the limit set by stop_after"
    assert Counter(results(project.upgrade_all(stop_after=5)).values()) == {
        "up to date": 3,
        "failed": 3,
        "upgraded": 24,
    }


def test_shards_cover_each_target_once(sqlite_project: MakeProject) -> None:
    """Three processes with one shard each skip no target, and repeat none."""
    project = sqlite_project(30)
    names: list[str] = []
    for number in (1, 2, 3):
        shard = Shard(number=number, count=3)
        outcomes = project.upgrade_all(shard=shard, canary=1)
        assert set(results(outcomes).values()) == {"upgraded"}
        names += results(outcomes)
    assert sorted(names) == [f"t{number:02}" for number in range(30)]


def test_targets_can_be_selected_by_name(sqlite_project: MakeProject) -> None:
    """The order is still that of the targets."""
    outcomes = sqlite_project(5).upgrade_all(only=["t03", "t01"])
    assert results(outcomes) == {"t01": "upgraded", "t03": "upgraded"}


def test_an_empty_list_of_targets_is_not_an_error(sqlite_project: MakeProject) -> None:
    """A system without tenants has nothing to do."""
    outcomes = sqlite_project(0).upgrade_all()
    assert outcomes
    assert len(outcomes) == 0


@pytest.mark.parametrize("target", ["+1", "-1"])
def test_relative_targets_are_refused(sqlite_project: MakeProject, target: str) -> None:
    """A second run would move databases that have already succeeded."""
    with pytest.raises(ConfigError, match="is not valid for many databases") as caught:
        sqlite_project(1).downgrade_all(target)
    assert "so that the command can be repeated" in str(caught.value.hint)


def test_targets_of_a_branch(sqlite_project: MakeProject, folder: Folder) -> None:
    """The base of a branch is a valid target; steps from what is applied are refused."""
    path = folder.write("bbb1", parents=["aaa1"])
    path.write_text(f'{path.read_text()}\nlabels = ("billing",)\n')
    project = sqlite_project(1)
    for move, target in (
        (project.upgrade_all, "billing@+1"),
        (project.downgrade_all, "billing@-1"),
    ):
        with pytest.raises(ConfigError, match="is not valid for many databases"):
            move(target)
    assert results(project.upgrade_all("heads")) == {"t00": "upgraded"}
    [outcome] = project.downgrade_all("billing@base").outcomes
    assert (outcome.result, len(outcome.migrations)) == ("downgraded", 1)


def test_targets_run_in_parallel_up_to_the_limit(
    sqlite_project: MakeProject, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each migration waits until three of them run. There are never four."""
    shared = ModuleType("shared_barrier")
    shared.barrier = threading.Barrier(3, timeout=20)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "shared_barrier", shared)
    folder.write("aaa4", "import shared_barrier\nshared_barrier.barrier.wait()")
    running, peak = 0, 0

    def listen(event: FleetEvent) -> None:
        nonlocal running, peak
        running += isinstance(event, TargetStarted)
        running -= isinstance(event, TargetFinished)
        peak = max(peak, running)

    assert sqlite_project(12).upgrade_all(parallel=3, on_event=listen)
    assert peak == 3


def test_files_are_read_once_for_all_databases(sqlite_project: MakeProject, folder: Folder) -> None:
    """An edit during the run has no effect. Each database gets a new module of the migration."""
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
        if isinstance(event, TargetProgress) and isinstance(event.event, MigrationStarted):
            path.write_text("this is no Python")

    outcomes = sqlite_project(6).upgrade_all(on_event=listen)
    assert outcomes, outcomes


def test_ctrl_c_finishes_the_running_migrations(
    sqlite_project: MakeProject, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No other migration starts, none stops partway, and the outcomes are reported."""
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
            pressed.set()  # the pool has handled the interrupt by now
        return end.wait(0.05)

    def listen(event: FleetEvent) -> None:
        if isinstance(event, TargetProgress) and isinstance(event.event, MigrationFinished):
            finished.set()
            assert pressed.wait(10)

    monkeypatch.setattr("autodiff.fleet.pool._wait_briefly", press)
    project = sqlite_project(10, parallel=2)
    outcomes = project.upgrade_all(on_event=listen)
    monkeypatch.undo()
    assert outcomes.interrupted
    assert not outcomes
    stopped = outcomes.of("stopped")
    assert stopped and len(outcomes.of("not started")) == 10 - len(stopped)
    assert stopped[0].error == "interrupted after the running migration"
    assert outcomes.of("not started")[0].error == "interrupted"
    statuses = {status.name: status for status in project.status_all()}
    for outcome in stopped:
        assert statuses[outcome.name].current == outcome.after
        assert 1 <= len(outcome.migrations) < 6
    assert project.upgrade_all()


def test_ctrl_c_ends_the_wait_for_a_lock(
    sqlite_project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run does not wait for the holder of the lock."""
    project = sqlite_project(1)
    assert project.upgrade_all("aaa1")
    target = project.targets()[0]
    started = time.monotonic()
    pressed = threading.Event()

    def press(end: threading.Event) -> bool:
        if time.monotonic() - started > 1 and not pressed.is_set():
            pressed.set()
            raise KeyboardInterrupt
        return end.wait(0.05)

    with opened(target.url) as db:
        lock = dialect_of(db.connection).session.migration_lock(db.connection, None)
        assert lock.take("somebody")
        monkeypatch.setattr("autodiff.fleet.pool._wait_briefly", press)
        outcomes = project.upgrade_all()
        monkeypatch.undo()
        lock.release()
    assert results(outcomes) == {"t00": "stopped"}
    assert time.monotonic() - started < 10
    assert project.upgrade_all()


def test_a_schema_behind_a_pooler_is_refused(postgresql_project: MakeProject) -> None:
    """Its search_path would remain in a session that other clients get."""
    project = postgresql_project(1)
    direct = project.targets()[0]
    with fake_pooler(str(direct.url.host), direct.url.port or 5432) as port:
        url = direct.url.set(host="127.0.0.1", port=port, query={"sslmode": "disable"})
        target = Target(name="a", url=url, schema=direct.schema)
        [outcome] = project.upgrade_all(targets=[target])
    assert outcome.result == "failed"
    assert "cannot migrate schemas through a pooler, which may be in transaction mode" in str(
        outcome.error
    )
    hint = (
        "use the URL of the server itself; if it is that already, use the driver psycopg, because "
        "with some others autodiff cannot tell whether there is a pooler"
    )
    assert (outcome.hint or "").startswith(hint)
    assert project.upgrade_all()


@contextmanager
def fake_pooler(host: str, port: int) -> Iterator[int]:
    """Listen on a port that leads to the server, but changes the session's id as poolers do."""

    class Forwarder(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with socket.create_connection((host, port)) as server:
                sockets = {self.request: server, server: self.request}
                while True:
                    for ready in select.select(list(sockets), [], [])[0]:
                        data = ready.recv(65536)
                        if not data:
                            return
                        sockets[ready].sendall(BACKEND_KEY.sub(lambda m: m[1] + b"\0\0\0\1", data))

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Forwarder) as proxy:
        proxy.daemon_threads = True
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        yield proxy.server_address[1]
        proxy.shutdown()


BACKEND_KEY = re.compile(rb"(K\x00\x00\x00\x0c)....", re.DOTALL)
"""BackendKeyData: https://www.postgresql.org/docs/current/protocol-message-formats.html"""
