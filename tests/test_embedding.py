"""Test autodiff inside an application: its engines, connections and threads."""

from __future__ import annotations

import contextvars
import logging
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from autodiff import Project, diff, op, run
from autodiff.errors import ConfigError, DatabaseError, MigrationFailedError
from autodiff.runner.events import Event, MigrationFinished, MigrationStarted, StatementRun
from autodiff.utils.connections import parse_url
from tests.support import Folder, opened

pytestmark = pytest.mark.usefixtures("modules_imported")

TABLE = 'op.create_table("t{0}", sa.Column("id", sa.Integer(), primary_key=True))'


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Write two migrations that create a table each."""
    folder = Folder(tmp_path / "migrations")
    for number in (1, 2):
        folder.write(f"aaa{number}", TABLE.format(number), f'op.drop_table("t{number}")')
    return folder


def models() -> sa.MetaData:
    metadata = sa.MetaData()
    for number in (1, 2):
        sa.Table(f"t{number}", metadata, sa.Column("id", sa.Integer, primary_key=True))
    return metadata


@contextmanager
def engine_of(url: sa.URL, **arguments: Any) -> Iterator[sa.Engine]:
    engine = sa.create_engine(parse_url(url.render_as_string(hide_password=False)), **arguments)
    try:
        yield engine
    finally:
        engine.dispose()


# Engines and connections of the application


def test_an_engine(any_database: sa.URL, folder: Folder) -> None:
    """Every method works on the engine and returns its connections to the pool."""
    with engine_of(any_database, pool_size=1, max_overflow=0, pool_timeout=5) as engine:
        project = Project(engine=engine, metadata=models(), directory=folder.path)
        assert len(project.upgrade()) == 2
        assert not project.check()
        assert project.status().pending == ()
        assert len(project.downgrade()) == 1
        assert project.stamp() != []
        assert engine.pool.checkedout() == 0  # type: ignore[attr-defined]


def test_a_pooled_connection_keeps_its_settings(any_database: sa.URL, folder: Folder) -> None:
    """The application can use the connection and roll back as before."""
    with engine_of(any_database, pool_size=1, max_overflow=0) as engine:
        with engine.begin() as connection:
            connection.exec_driver_sql("CREATE TABLE own (id INT)")
        before = settings(engine)
        Project(engine=engine, directory=folder.path).upgrade()
        assert settings(engine) == before
        with engine.connect() as connection:
            connection.exec_driver_sql("INSERT INTO own VALUES (1)")
            connection.rollback()
            assert connection.exec_driver_sql("SELECT count(*) FROM own").scalar() == 0


@pytest.mark.parametrize("options", [{"stream_results": True}, {"yield_per": 2}], ids=str)
def test_results_are_not_streamed(
    any_database: sa.URL, folder: Folder, options: dict[str, Any]
) -> None:
    """PostgreSQL refuses a server-side cursor for some statements. The options are restored."""
    with engine_of(any_database) as plain:
        engine = plain.execution_options(**options)
        project = Project(engine=engine, metadata=models(), directory=folder.path)
        assert len(project.upgrade()) == 2
        assert not project.check()
        with engine.connect() as connection:
            project = Project(connection=connection, directory=folder.path)
            assert len(project.downgrade("base")) == 2
            kept = connection.get_execution_options()
            assert {name: kept[name] for name in options} == options


def settings(engine: sa.Engine) -> list[Any]:
    """Return the settings of a session on the only pooled connection."""
    queries = {
        "sqlite": ["PRAGMA foreign_keys", "PRAGMA busy_timeout", "PRAGMA query_only"],
        "postgresql": ["SELECT name, setting FROM pg_settings ORDER BY name"],
        "mysql": ["SHOW SESSION VARIABLES WHERE variable_name NOT IN ('timestamp')"],
    }
    with engine.connect() as connection:
        driver = connection.connection.dbapi_connection
        values: list[Any] = [getattr(driver, "isolation_level", None)]
        values.append(connection.get_isolation_level())
        for query in queries.get(engine.dialect.name, queries["mysql"]):
            values += connection.exec_driver_sql(query).all()
        return [row for row in values if str(row).split("'")[1:2] not in COUNTERS]


COUNTERS = [["timestamp"], ["identity"], ["last_insert_id"], ["insert_id"]]
"""MySQL session variables that statements change, so they are not settings."""


def test_sqlite_in_memory(folder: Folder) -> None:
    """StaticPool has one connection, so the application sees the migrated tables."""
    engine = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
    project = Project(engine=engine, metadata=models(), directory=folder.path)
    assert len(project.upgrade()) == 2
    assert sa.inspect(engine).get_table_names()[-2:] == ["t1", "t2"]
    assert not project.check()
    with engine.connect() as connection:
        connection.exec_driver_sql("INSERT INTO t1 VALUES (1)")
        connection.rollback()
        assert connection.exec_driver_sql("SELECT count(*) FROM t1").scalar() == 0
    engine.dispose()


def test_sqlite_with_listeners(
    database: Callable[[str], sa.URL], folder: Folder, tmp_path: Path
) -> None:
    """Listeners that begin transactions and enable foreign keys keep working."""
    folder.write(
        "aaa3",
        """
        op.create_table("child", sa.Column("id", sa.Integer(), primary_key=True),
            sa.Column("t1_id", sa.Integer(), sa.ForeignKey("t1.id", ondelete="CASCADE")))
        op.execute("INSERT INTO t1 VALUES (1)")
        op.execute("INSERT INTO child VALUES (1, 1)")
        """,
    )
    folder.write(
        "aaa4",
        'op.add_column("t1", sa.Column("n", sa.Integer(), sa.CheckConstraint("n > 0")))\n'
        'op.alter_column("t1", "id", type_=sa.BigInteger())',
    )
    with engine_of(database("sqlite")) as engine:

        @sa.event.listens_for(engine, "connect")
        def connected(driver: Any, record: object) -> None:
            driver.isolation_level = None
            driver.execute("PRAGMA foreign_keys = ON")

        @sa.event.listens_for(engine, "begin")
        def begun(connection: sa.Connection) -> None:
            connection.exec_driver_sql("BEGIN")

        project = Project(engine=engine, directory=folder.path)
        assert len(project.upgrade()) == 4
        folder.write("aaa5", 'op.execute("CREATE TABLE t5 (id)")\nop.execute("nonsense")')
        with pytest.raises(MigrationFailedError, match="nonsense"):
            project.upgrade()
        with engine.connect() as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM child").scalar() == 1
            assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
            assert not sa.inspect(connection).has_table("t5")


@pytest.mark.skipif(sys.version_info < (3, 12), reason="sqlite3 has no autocommit before")
def test_sqlite_without_autocommit(database: Callable[[str], sa.URL], folder: Folder) -> None:
    """autocommit=False, which SQLAlchemy recommends, is restored."""
    with engine_of(database("sqlite"), connect_args={"autocommit": False}) as engine:
        assert len(Project(engine=engine, directory=folder.path).upgrade()) == 2
        with engine.connect() as connection:
            assert connection.connection.driver_connection.autocommit is False


def test_an_engine_in_autocommit_mode(any_database: sa.URL, folder: Folder) -> None:
    """A migration still runs in one transaction, and the engine keeps its mode."""
    folder.write("aaa3", 'op.execute("INSERT INTO t1 VALUES (1)")\nop.execute("nonsense")')
    with engine_of(any_database, isolation_level="AUTOCOMMIT") as engine:
        project = Project(engine=engine, directory=folder.path)
        with pytest.raises(MigrationFailedError, match="nonsense"):
            project.upgrade()
        with engine.connect() as connection:
            assert is_autocommit(connection)
            rows = connection.exec_driver_sql("SELECT count(*) FROM t1").scalar()
            assert rows == (1 if engine.dialect.name == "mysql" else 0)


def is_autocommit(connection: sa.Connection) -> bool:
    driver: Any = connection.connection.dbapi_connection
    if connection.dialect.name == "sqlite":
        return driver.isolation_level is None
    get_autocommit = getattr(driver, "get_autocommit", None)
    return bool(get_autocommit() if get_autocommit else driver.autocommit)


def test_a_connection(any_database: sa.URL, folder: Folder) -> None:
    """It stays open, outside a transaction, and can be used again."""
    with engine_of(any_database) as engine, engine.connect() as connection:
        project = Project(connection=connection, metadata=models(), directory=folder.path)
        assert len(project.upgrade()) == 2
        assert not connection.in_transaction()
        assert not project.check()
        assert len(project.downgrade("base")) == 2
        assert connection.exec_driver_sql("SELECT count(*) FROM autodiff_history").scalar() == 0


def test_a_connection_in_a_transaction_is_refused(any_database: sa.URL, folder: Folder) -> None:
    """The changes of its transaction are kept."""
    with engine_of(any_database) as engine, engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE own (id INT)")
        connection.exec_driver_sql("INSERT INTO own VALUES (1)")
        with pytest.raises(ConfigError, match="the connection is in a transaction") as caught:
            Project(connection=connection, directory=folder.path).upgrade()
        assert "engine.begin() does not" in str(caught.value.hint)
        assert connection.exec_driver_sql("SELECT id FROM own").scalar() == 1


def test_a_closed_connection_is_refused(folder: Folder) -> None:
    with engine_of(sa.make_url("sqlite://")) as engine:
        with engine.connect() as connection:
            project = Project(connection=connection, directory=folder.path)
        with pytest.raises(ConfigError, match="the connection is closed"):
            project.upgrade()


@pytest.mark.parametrize(
    ("event", "applied"), [(MigrationStarted, 0), (StatementRun, 0), (MigrationFinished, 1)]
)
def test_a_listener_that_raises_stops_the_run(
    any_database: sa.URL, folder: Folder, event: type[Event], applied: int
) -> None:
    """The error names the event, and no line of the migration; what has finished stays applied."""

    def listen(received: Event) -> None:
        if isinstance(received, event):
            raise ValueError("boom")

    project = Project(any_database, directory=folder.path)
    with pytest.raises(MigrationFailedError) as caught:
        project.upgrade(on_event=listen)
    assert caught.value.lines[0].endswith(
        f"the listener (on_event) failed on {event.__name__}: ValueError: boom"
    )
    assert " at line " not in caught.value.message
    assert len(project.upgrade()) == 2 - applied


def test_engine_and_connection_together_are_refused(folder: Folder) -> None:
    engine = sa.create_engine("sqlite://", poolclass=sa.NullPool)
    both = pytest.raises(ConfigError, match="engine and connection are both given")
    with engine.connect() as connection, both:
        Project(engine=engine, connection=connection, directory=folder.path)


def test_an_engine_takes_precedence_over_the_configured_url(folder: Folder, tmp_path: Path) -> None:
    (tmp_path / "autodiff.toml").write_text('url = "sqlite:///nowhere/at/all.db"\n')
    engine = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
    assert len(Project.load(tmp_path, engine=engine).upgrade()) == 2
    engine.dispose()


def test_a_plan_without_files(any_database: sa.URL) -> None:
    """diff and run leave the connection's settings unchanged."""
    with engine_of(any_database, pool_size=1, max_overflow=0) as engine:
        before = settings(engine)
        with engine.connect() as connection:
            run(connection, diff(connection, models()))
            assert diff(connection, models()).operations == ()
        assert settings(engine) == before
        with engine.begin() as connection:
            plan = diff(connection, sa.MetaData())
            with pytest.raises(ConfigError, match="the transaction of a with block") as caught:
                run(connection, plan)
        assert "engine.connect()" in str(caught.value.hint)


# Threads


def test_concurrent_upgrades_apply_each_migration_once(
    any_database: sa.URL, folder: Folder
) -> None:
    """All workers succeed, whether they share a project or have one each."""
    shared = Project(any_database, directory=folder.path)
    projects = [shared] * 4 + [Project(any_database, directory=folder.path) for _ in range(4)]
    with ThreadPoolExecutor(8) as pool:
        applied = list(pool.map(lambda project: project.upgrade(), projects))
    assert sorted(map(len, applied)) == [0, 0, 0, 0, 0, 0, *sorted(len(d) for d in applied)[6:]]
    assert sum(map(len, applied)) == 2


def test_threads_on_different_databases(
    database: Callable[[str], sa.URL], folder: Folder, tmp_path: Path
) -> None:
    """They share no operations or modules, even if files have the same name."""
    other = Folder(tmp_path / "other")
    other.write("aaa1", TABLE.format("_other"), 'op.drop_table("t_other")')
    urls = [database(kind) for kind in ("sqlite", "postgresql", "mariadb") for _ in range(2)]
    assignments = [(url, folder if number % 2 else other) for number, url in enumerate(urls)]
    with ThreadPoolExecutor(6) as pool:
        jobs = [
            pool.submit(Project(url, directory=migrations.path).upgrade)
            for url, migrations in assignments
        ]
        assert [len(job.result()) for job in jobs] == [1, 2] * 3
    for url, migrations in assignments:
        with opened(url) as db:
            expected = ["t1", "t2"] if migrations is folder else ["t_other"]
            own_tables = {"autodiff_history", "autodiff_journal"}
            assert sorted(set(sa.inspect(db.connection).get_table_names()) - own_tables) == expected


def test_plans_in_threads(any_database: sa.URL, database: Callable[[str], sa.URL]) -> None:
    """diff and run can be called concurrently."""

    def apply_plan(url: sa.URL) -> int:
        with engine_of(url) as engine, engine.connect() as connection:
            plan = diff(connection, models())
            run(connection, plan)
            return len(diff(connection, models()).operations) + len(plan.operations) * 10

    kind = any_database.get_backend_name()
    urls = [any_database, *(database("mariadb" if kind == "mysql" else kind) for _ in range(3))]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(apply_plan, urls)) == [20] * 4


def test_global_state_is_restored(database: Callable[[str], sa.URL], folder: Folder) -> None:
    """The import path, warnings, signals, logging and context are unchanged after failures too."""
    folder.write("aaa3", 'op.execute("nonsense")')

    def state() -> list[Any]:
        return [
            list(sys.path),
            list(warnings.filters),
            warnings.showwarning,
            [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)],
            list(logging.getLogger().handlers),
            logging.getLogger().level,
            dict(contextvars.copy_context().items()),
            threading.active_count(),
        ]

    def run_project(url: sa.URL) -> None:
        project = Project(url, models(), folder.path)
        project.upgrade("aaa2")
        project.check()
        with pytest.raises(MigrationFailedError):
            project.upgrade()
        with pytest.raises(
            MigrationFailedError, match="a function of op was called outside a migration"
        ):
            op.execute("SELECT 1")

    urls = [database("sqlite") for _ in range(6)]
    before = state()
    run_project(urls[0])
    with ThreadPoolExecutor(5) as pool:
        list(pool.map(run_project, urls[1:]))
    assert state() == before


def test_a_missing_synchronous_driver(monkeypatch: pytest.MonkeyPatch, folder: Folder) -> None:
    """If only an async driver is installed, the hint names the package to install."""
    monkeypatch.setattr("autodiff.utils.connections.find_spec", lambda name: None)
    project = Project("postgresql+asyncpg://h/db", directory=folder.path)
    with pytest.raises(DatabaseError, match="no driver for postgresql is installed") as caught:
        project.upgrade()
    assert caught.value.hint == 'pip install "sqlalchemy-autodiff[postgresql]"'
