"""Behind a transaction pooler, a real one, each transaction may get another session."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import PIPE, Popen, run

import pytest
import sqlalchemy as sa

from autodiff import Project
from autodiff.errors import MigrationFailedError
from autodiff.runner.hooks import HookedRun, Hooks
from tests.servers.pgbouncer import Pooler
from tests.support import Folder, opened

TABLE = """
op.create_table("t{0}", sa.Column("id", sa.Integer(), primary_key=True))
op.execute("INSERT INTO t{0} (id) VALUES (1)")
op.execute("SELECT pg_sleep(0.05)")
"""


@pytest.fixture
def server(database: Callable[[str], sa.URL]) -> sa.URL:
    """A database, by way of the server itself."""
    return database("postgresql")


@pytest.fixture
def pooled(server: sa.URL, pooler: Pooler) -> sa.URL:
    """The same database by way of the pooler."""
    return pooler.url(server)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Five migrations that fail where they run twice."""
    folder = Folder(tmp_path / "m")
    for number in range(5):
        folder.write(f"aaa{number}", TABLE.format(number), f'op.drop_table("t{number}")')
    return folder


def test_a_pooler_is_noticed(server: sa.URL, pooled: sa.URL, folder: Folder) -> None:
    """By the session's number, which is not the one that the driver was told."""
    for url, noticed in ((server, False), (pooled, True)):
        with opened(url) as db:
            lock = db.runner(folder).dialect.session.migration_lock(db.connection, None)
            assert lock.in_transaction == noticed


def test_twenty_processes_apply_each_migration_once(
    server: sa.URL, pooled: sa.URL, folder: Folder
) -> None:
    """All end well, whichever comes first; four sessions are enough for them."""
    url = pooled.render_as_string(hide_password=False)
    (folder.path.parent / "autodiff.toml").write_text('models = "no:no"\nmigrations = "m"\n')
    command = [sys.executable, "-m", "autodiff", "upgrade", "--url", url]
    started = [
        Popen(command, cwd=folder.path.parent, stdout=PIPE, stderr=PIPE, text=True)
        for _ in range(20)
    ]
    ended = [(process.communicate(timeout=200), process.returncode) for process in started]
    assert [code for _, code in ended] == [0] * 20, ended
    with opened(server) as db:
        assert db.history() == [f"aaa{number}" for number in range(5)]
        assert [entry.outcome for entry in db.runner(folder).log()] == ["done"] * 5
        assert db.rows("SELECT count(*) FROM t4") == [(1,)]
        held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
        assert db.rows(held) == [(0,)]


def test_leaving_the_transaction_is_refused(server: sa.URL, pooled: sa.URL, folder: Folder) -> None:
    """With the way out; what came before it in the migration is rolled back."""
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
        "op.autocommit() needs a session of its own; a transaction pooler stands between"
        in caught.value.message
    )
    assert caught.value.hint == "run this migration with the URL of the server itself"
    with opened(server) as db:
        assert db.tables() == [f"t{number}" for number in range(5)]
    assert len(Project(server, directory=folder.path).upgrade()) == 1


def test_a_hook_leaves_the_sessions_settings_alone(
    server: sa.URL, pooled: sa.URL, folder: Folder
) -> None:
    """Whoever gets the runner's session, while the hook of a run is at it, finds it as it was."""
    with opened(server) as db:
        db.execute(f"ALTER DATABASE {server.database} SET statement_timeout = '70s'")
    seen = []

    def look(run: HookedRun) -> None:
        with opened(pooled) as other:
            seen.extend(other.rows("SHOW statement_timeout"))

    Project(pooled, directory=folder.path, hooks=Hooks(before_upgrade=look)).upgrade()
    assert seen == [("70s",)]


def test_limits_do_not_leak_to_other_clients(
    server: sa.URL, pooled: sa.URL, folder: Folder
) -> None:
    """Those that get the runner's sessions after it find them as they were."""
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
        for db in dbs:  # all of them in a transaction: each on a session of its own
            row = db.connection.exec_driver_sql(settings).one()
            assert tuple(row)[:2] == ("0", "0")
            assert not row[2].startswith("autodiff")
    finally:
        for client in clients:
            client.__exit__(None, None, None)


def test_a_script_runs_through_a_pooler(server: sa.URL, pooled: sa.URL, folder: Folder) -> None:
    """It sets nothing for a session, and holds no lock of one."""
    from tests.servers.clients import client

    text = Project(pooled, directory=folder.path).script().text
    place = ["-h", f"{pooled.host}", "-p", f"{pooled.port}", "-U", f"{pooled.username}"]
    command = [client("postgresql").path, "--no-psqlrc", *place, "-f", "-", f"{pooled.database}"]
    done = run(command, input=text, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    with opened(server) as db:
        assert db.history() == [f"aaa{number}" for number in range(5)]
        assert db.rows("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == [(0,)]
