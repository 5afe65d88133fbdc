"""Test runs through PgBouncer, where each transaction may use another session."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import PIPE, Popen, run

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine

from autodiff import Project
from autodiff.dialects.postgresql.session.locks import is_pooled
from autodiff.errors import DatabaseError, MigrationFailedError
from autodiff.runner.hooks import HookedRun, Hooks
from tests.servers.pgbouncer import Pooler
from tests.support import Folder, opened

TABLE = """
op.create_table("t{0}", sa.Column("id", sa.Integer(), primary_key=True))
op.execute("INSERT INTO t{0} (id) VALUES (1)")
op.execute("SELECT pg_sleep(0.05)")
"""
PROCESSES = 10


@pytest.fixture
def server(database: Callable[[str], sa.URL]) -> sa.URL:
    """Return a database, with the URL of the server itself."""
    return database("postgresql")


@pytest.fixture
def pooled(server: sa.URL, pooler: Pooler) -> sa.URL:
    """Return the URL of the same database through the pooler."""
    return pooler.url(server)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Return five migrations that fail if they run twice."""
    folder = Folder(tmp_path / "m")
    for number in range(5):
        folder.write(f"aaa{number}", TABLE.format(number), f'op.drop_table("t{number}")')
    return folder


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2", "pg8000"])
def test_a_pooler_is_detected(server: sa.URL, pooled: sa.URL, folder: Folder, driver: str) -> None:
    """The session's process id differs from the one that the driver received."""
    pytest.importorskip(driver)
    for url, detected in ((server, False), (pooled, True)):
        with opened(url.set(drivername=f"postgresql+{driver}")) as db:
            lock = db.runner(folder).dialect.session.migration_lock(db.connection, None)
            assert lock.in_transaction == detected


def test_a_pooler_is_detected_by_an_async_driver(server: sa.URL, pooled: sa.URL) -> None:
    """Connections of run_sync keep no lock in a session that other clients use."""
    pytest.importorskip("greenlet", reason="SQLAlchemy's asyncio needs greenlet")

    async def is_detected(url: sa.URL) -> bool:
        engine = create_async_engine(url.set(drivername="postgresql+asyncpg"))
        try:
            async with engine.connect() as connection:
                return await connection.run_sync(is_pooled)
        finally:
            await engine.dispose()

    assert not asyncio.run(is_detected(server))
    assert asyncio.run(is_detected(pooled))


def test_many_processes_apply_each_migration_once(
    server: sa.URL, pooled: sa.URL, folder: Folder
) -> None:
    """All of them succeed, although they share four sessions."""
    url = pooled.render_as_string(hide_password=False)
    (folder.path.parent / "autodiff.toml").write_text('models = "no:no"\nmigrations = "m"\n')
    command = [sys.executable, "-m", "autodiff", "upgrade", "--url", url]
    processes = [
        Popen(command, cwd=folder.path.parent, stdout=PIPE, stderr=PIPE, text=True)
        for _ in range(PROCESSES)
    ]
    results = [(process.communicate(timeout=200), process.returncode) for process in processes]
    assert [code for _, code in results] == [0] * PROCESSES, results
    with opened(server) as db:
        assert db.history() == [f"aaa{number}" for number in range(5)]
        assert [entry.outcome for entry in db.runner(folder).log()] == ["done"] * 5
        assert db.rows("SELECT count(*) FROM t4") == [(1,)]
        lock_count = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
        assert db.rows(lock_count) == [(0,)]


def test_autocommit_is_refused(server: sa.URL, pooled: sa.URL, folder: Folder) -> None:
    """The hint suggests the URL of the server. Earlier steps of the migration are rolled back."""
    folder.write(
        "bbbb",
        """
        op.drop_table("t0")
        with op.autocommit():
            op.create_index("ix", "t1", ["id"], postgresql_concurrently=True)
        """,
    )
    with pytest.raises(MigrationFailedError) as caught:
        Project(pooled, directory=folder.path).upgrade()
    assert (
        "op.autocommit() needs its own session, but a pooler is in between, which may be in "
        "transaction mode" in caught.value.message
    )
    assert caught.value.hint == (
        "use the URL of the server itself; if it is that already, use the driver psycopg, because "
        "with some others autodiff cannot tell whether there is a pooler"
    )
    with opened(server) as db:
        assert db.tables() == [f"t{number}" for number in range(5)]
    assert len(Project(server, directory=folder.path).upgrade()) == 1


def test_session_settings_are_unchanged_during_a_hook(
    server: sa.URL, pooled: sa.URL, folder: Folder
) -> None:
    """A client that gets the runner's session while a hook runs finds its settings unchanged."""
    with opened(server) as db:
        db.execute(f"ALTER DATABASE {server.database} SET statement_timeout = '70s'")
    timeouts = []

    def read_timeout(run: HookedRun) -> None:
        with opened(pooled) as other:
            timeouts.extend(other.rows("SHOW statement_timeout"))

    Project(pooled, directory=folder.path, hooks=Hooks(before_upgrade=read_timeout)).upgrade()
    assert timeouts == [("70s",)]


def test_limits_do_not_leak_to_other_clients(
    server: sa.URL, pooled: sa.URL, folder: Folder
) -> None:
    """Clients that get the runner's sessions later find them unchanged."""
    settings = "SELECT current_setting('lock_timeout'), current_setting('statement_timeout')"
    settings += ", current_setting('application_name')"
    folder.write("bbbb", 'op.execute("SELECT nonsense")')
    project = Project(pooled, directory=folder.path, lock_timeout=1.5, statement_timeout=7)
    with pytest.raises(MigrationFailedError, match="nonsense"):
        project.upgrade()
    assert project.status().current == "aaa4"
    assert len(project.downgrade("-2")) == 2
    clients = [opened(pooled) for _ in range(4)]
    dbs = [client.__enter__() for client in clients]
    try:
        for db in dbs:  # each one keeps a transaction open, and so its own session
            row = db.connection.exec_driver_sql(settings).one()
            assert tuple(row)[:2] == ("0", "0")
            assert not row[2].startswith("autodiff")
    finally:
        for client in clients:
            client.__exit__(None, None, None)


def test_a_script_runs_through_a_pooler(server: sa.URL, pooled: sa.URL, folder: Folder) -> None:
    """It changes no settings of a session, and keeps no lock of one."""
    from tests.servers.clients import client

    script = Project(pooled, directory=folder.path).script().text
    options = ["-h", f"{pooled.host}", "-p", f"{pooled.port}", "-U", f"{pooled.username}"]
    command = [client("postgresql").path, "--no-psqlrc", *options, "-f", "-", f"{pooled.database}"]
    result = run(command, input=script, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    with opened(server) as db:
        assert db.history() == [f"aaa{number}" for number in range(5)]
        assert db.rows("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == [(0,)]


@pytest.mark.parametrize(
    ("settings", "hint"),
    [
        ({"pool_mode": "statement"}, "autodiff needs transactions, which statement pooling "),
        ({"max_client_conn": 1}, "close other connections and try again, or raise the limit "),
        ({"default_pool_size": 1, "query_wait_timeout": 1}, "the pooler gave no session in time"),
    ],
)
def test_a_pooler_that_refuses_a_client(
    server: sa.URL, pooled: sa.URL, folder: Folder, settings: dict[str, str | int], hint: str
) -> None:
    """The hint names the cause, not the URL or a server that does not run."""
    pooler = Pooler(server, **settings)
    try:
        url = pooler.url(server)
        text = url.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(text, autocommit=True) as other:
            if settings.get("pool_mode") != "statement":
                other.execute("BEGIN")  # keeps its place
            with pytest.raises(DatabaseError) as caught:
                Project(url, directory=folder.path).status()
        assert str(caught.value.hint).startswith(hint)
    finally:
        pooler.stop()
