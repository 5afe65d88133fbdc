"""Inside of an application: its engines and connections, its threads and its event loop."""

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
from autodiff.utils.connections import parse_url
from tests.support import Folder, opened

TABLE = 'op.create_table("t{0}", sa.Column("id", sa.Integer(), primary_key=True))'


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Two migrations, each with a table."""
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
    """Everything works by the engine, and gives its connections back."""
    with engine_of(any_database, pool_size=1, max_overflow=0, pool_timeout=5) as engine:
        project = Project(engine=engine, metadata=models(), directory=folder.path)
        assert len(project.upgrade()) == 2
        assert not project.check()
        assert project.status().pending == ()
        assert len(project.downgrade()) == 1
        assert project.stamp() != []
        assert engine.pool.checkedout() == 0  # type: ignore[attr-defined]


def test_a_pooled_connection_is_as_it_was(any_database: sa.URL, folder: Folder) -> None:
    """The application gets it next, with its own settings, and rolls back as ever."""
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


def settings(engine: sa.Engine) -> list[Any]:
    """What a session is set to; the same pooled connection each time."""
    queries = {
        "sqlite": ["PRAGMA foreign_keys", "PRAGMA busy_timeout", "PRAGMA query_only"],
        "postgresql": ["SELECT name, setting FROM pg_settings ORDER BY name"],
        "mysql": ["SHOW SESSION VARIABLES WHERE variable_name NOT IN ('timestamp')"],
    }
    with engine.connect() as connection:
        driver = connection.connection.dbapi_connection
        found: list[Any] = [getattr(driver, "isolation_level", None)]
        found.append(connection.get_isolation_level())
        for query in queries.get(engine.dialect.name, queries["mysql"]):
            found += connection.exec_driver_sql(query).all()
        return [row for row in found if str(row).split("'")[1:2] not in COUNTERS]


COUNTERS = [["timestamp"], ["identity"], ["last_insert_id"], ["insert_id"]]
"""Variables of MySQL that no setting changes."""


def test_sqlite_in_memory(folder: Folder) -> None:
    """With StaticPool there is one connection: the tables are where the application looks."""
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
    """SQLAlchemy's own recipe for transactions, and foreign keys that are switched on."""
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
    """autocommit=False, which SQLAlchemy recommends, is put back."""
    with engine_of(database("sqlite"), connect_args={"autocommit": False}) as engine:
        assert len(Project(engine=engine, directory=folder.path).upgrade()) == 2
        with engine.connect() as connection:
            assert connection.connection.driver_connection.autocommit is False


def test_an_engine_that_commits_each_statement(any_database: sa.URL, folder: Folder) -> None:
    """A migration is one transaction all the same, and the engine stays what it is."""
    folder.write("aaa3", 'op.execute("INSERT INTO t1 VALUES (1)")\nop.execute("nonsense")')
    with engine_of(any_database, isolation_level="AUTOCOMMIT") as engine:
        project = Project(engine=engine, directory=folder.path)
        with pytest.raises(MigrationFailedError, match="nonsense"):
            project.upgrade()
        with engine.connect() as connection:
            assert commits_by_itself(connection)
            rows = connection.exec_driver_sql("SELECT count(*) FROM t1").scalar()
            assert rows == (1 if engine.dialect.name == "mysql" else 0)


def commits_by_itself(connection: sa.Connection) -> bool:
    driver: Any = connection.connection.dbapi_connection
    if connection.dialect.name == "sqlite":
        return driver.isolation_level is None
    asked = getattr(driver, "get_autocommit", None)
    return bool(asked() if asked else driver.autocommit)


def test_a_connection(any_database: sa.URL, folder: Folder) -> None:
    """It stays open, is in no transaction, and can be handed over again."""
    with engine_of(any_database) as engine, engine.connect() as connection:
        project = Project(connection=connection, metadata=models(), directory=folder.path)
        assert len(project.upgrade()) == 2
        assert not connection.in_transaction()
        assert not project.check()
        assert len(project.downgrade("base")) == 2
        assert connection.exec_driver_sql("SELECT count(*) FROM autodiff_history").scalar() == 0


def test_a_connection_in_a_transaction(any_database: sa.URL, folder: Folder) -> None:
    """It is refused, and what was done in it is not lost."""
    with engine_of(any_database) as engine, engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE own (id INT)")
        connection.exec_driver_sql("INSERT INTO own VALUES (1)")
        with pytest.raises(ConfigError, match="the connection is in a transaction") as caught:
            Project(connection=connection, directory=folder.path).upgrade()
        assert "engine.begin() does not" in str(caught.value.hint)
        assert connection.exec_driver_sql("SELECT id FROM own").scalar() == 1


def test_what_can_not_be_used(folder: Folder) -> None:
    """An engine and a connection at once."""
    engine = sa.create_engine("sqlite://")
    both = pytest.raises(ConfigError, match="engine and connection are both given")
    with engine.connect() as connection, both:
        Project(engine=engine, connection=connection, directory=folder.path)


def test_a_configured_project_by_an_engine(folder: Folder, tmp_path: Path) -> None:
    """The engine comes before the url of the configuration."""
    (tmp_path / "autodiff.toml").write_text('url = "sqlite:///nowhere/at/all.db"\n')
    engine = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
    assert len(Project.load(tmp_path, engine=engine).upgrade()) == 2
    engine.dispose()


def test_a_plan_without_files(any_database: sa.URL) -> None:
    """diff and run, on a connection that is as it was afterwards."""
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


def test_workers_that_start_at_once(any_database: sa.URL, folder: Folder) -> None:
    """Each migration is applied once, and all end well, with one project or one each."""
    shared = Project(any_database, directory=folder.path)
    projects = [shared] * 4 + [Project(any_database, directory=folder.path) for _ in range(4)]
    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(lambda project: project.upgrade(), projects))
    assert sorted(map(len, done)) == [0, 0, 0, 0, 0, 0, *sorted(len(d) for d in done)[6:]]
    assert sum(map(len, done)) == 2


def test_threads_on_different_databases(
    database: Callable[[str], sa.URL], folder: Folder, tmp_path: Path
) -> None:
    """They share neither operations nor modules, also where files have one name."""
    other = Folder(tmp_path / "other")
    other.write("aaa1", TABLE.format("_other"), 'op.drop_table("t_other")')
    urls = [database(kind) for kind in ("sqlite", "postgresql", "mariadb") for _ in range(2)]
    pairs = [(url, folder if at % 2 else other) for at, url in enumerate(urls)]
    with ThreadPoolExecutor(6) as pool:
        jobs = [pool.submit(Project(url, directory=made.path).upgrade) for url, made in pairs]
        assert [len(job.result()) for job in jobs] == [1, 2] * 3
    for url, made in pairs:
        with opened(url) as db:
            expected = ["t1", "t2"] if made is folder else ["t_other"]
            own = {"autodiff_history", "autodiff_journal"}
            assert sorted(set(sa.inspect(db.connection).get_table_names()) - own) == expected


def test_plans_in_threads(any_database: sa.URL, database: Callable[[str], sa.URL]) -> None:
    """diff and run, several at once."""

    def build(url: sa.URL) -> int:
        with engine_of(url) as engine, engine.connect() as connection:
            plan = diff(connection, models())
            run(connection, plan)
            return len(diff(connection, models()).operations) + len(plan.operations) * 10

    kind = any_database.get_backend_name()
    urls = [any_database, *(database("mariadb" if kind == "mysql" else kind) for _ in range(3))]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(build, urls)) == [20] * 4


def test_nothing_global_is_left(database: Callable[[str], sa.URL], folder: Folder) -> None:
    """Import path, warnings, signals, logging and context are what they were, also after a
    failure and from several threads."""
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

    def go(url: sa.URL) -> None:
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
    go(urls[0])
    with ThreadPoolExecutor(5) as pool:
        list(pool.map(go, urls[1:]))
    assert state() == before


def test_a_driver_that_is_missing(monkeypatch: pytest.MonkeyPatch, folder: Folder) -> None:
    """Only an async driver is installed: the hint names the package to add."""
    monkeypatch.setattr("autodiff.utils.connections.find_spec", lambda name: None)
    project = Project("postgresql+asyncpg://h/db", directory=folder.path)
    with pytest.raises(DatabaseError, match="no driver for postgresql is installed") as caught:
        project.upgrade()
    assert caught.value.hint == 'pip install "sqlalchemy-autodiff[postgresql]"'
