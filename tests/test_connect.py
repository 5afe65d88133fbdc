"""Test that any URL of an application opens its database and that messages hide passwords."""

from __future__ import annotations

import socket
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from autodiff import Project
from autodiff.errors import AutodiffError, ConfigError, DatabaseError, MigrationFailedError
from autodiff.utils.connections import hide_secrets, mask_passwords, open_connection, parse_url
from tests.support import Folder

SECRET = "s3cr:t@/%x"


def refused(url: str | sa.URL) -> DatabaseError:
    """Return the error that connecting to this URL raises."""
    text = url if isinstance(url, str) else url.render_as_string(hide_password=False)
    with pytest.raises(DatabaseError) as caught, open_connection(parse_url(text)) as connection:
        connection.execute(sa.text("SELECT 1"))
    return caught.value


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def administered(url: sa.URL) -> Iterator[Callable[[str], object]]:
    """Yield a function that runs and commits a statement."""
    with open_connection(url) as connection:

        def execute(sql: str) -> None:
            connection.exec_driver_sql(sql)
            connection.commit()

        yield execute


@pytest.mark.parametrize(
    ("kind", "driver"),
    [
        ("sqlite", "sqlite+aiosqlite"),
        ("postgresql", "postgresql+asyncpg"),
        ("postgresql", "postgresql+psycopg_async"),
        ("mariadb", "mysql+aiomysql"),
        ("mariadb", "mariadb+aiomysql"),
        ("mariadb", "mysql"),
        ("postgresql", "postgresql"),
    ],
)
def test_a_project_works_with_any_driver(
    database: Callable[[str], sa.URL], tmp_path: Path, kind: str, driver: str
) -> None:
    """The URL of an async application is enough to generate, upgrade and check."""
    metadata = sa.MetaData()
    sa.Table("t", metadata, sa.Column("id", sa.Integer, primary_key=True))
    project = Project(database(kind).set(drivername=driver), metadata, tmp_path / "m")
    assert project.generate("first") is not None
    assert [m.message for m in project.upgrade()] == ["first"]
    assert not project.check()


@pytest.mark.parametrize(
    ("original", "expected"),
    [
        ("postgresql://h/db", "postgresql+psycopg://h/db"),
        ("postgresql+asyncpg://h/db?ssl=require", "postgresql+psycopg://h/db?sslmode=require"),
        (
            "postgresql+asyncpg://h/db?prepared_statement_cache_size=0&application_name=a",
            "postgresql+psycopg://h/db?application_name=a",
        ),
        ("postgresql+psycopg2://h/db", "postgresql+psycopg2://h/db"),
        ("postgresql+pg8000://h/db?ssl=x", "postgresql+pg8000://h/db?ssl=x"),
        ("mysql+aiomysql://h/db?charset=utf8mb4", "mysql+pymysql://h/db?charset=utf8mb4"),
        ("mysql+asyncmy://h/db", "mysql+pymysql://h/db"),
        ("mariadb://h/db", "mariadb+pymysql://h/db"),
        ("sqlite+aiosqlite:///a.db", "sqlite:////root/a.db"),
        ("sqlite:////abs/a.db", "sqlite:////abs/a.db"),
        ("sqlite+pysqlcipher://:key@/a.db", "sqlite+pysqlcipher://:key@//root/a.db"),
        ("sqlite://", "sqlite://"),
        ("sqlite:///:memory:", "sqlite:///:memory:"),
        ("sqlite:///file:a.db?uri=true", "sqlite:///file:/root/a.db?uri=true"),
        ("sqlite:///file:///a.db?mode=ro&uri=true", "sqlite:///file:/a.db?mode=ro&uri=true"),
        ("sqlite:///file://localhost/a.db?uri=true", "sqlite:///file:/a.db?uri=true"),
        ("sqlite:///file:a?mode=memory&uri=true", "sqlite:///file:a?mode=memory&uri=true"),
        ("sqlite:///file:/a?vfs=memdb&uri=true", "sqlite:///file:/a?vfs=memdb&uri=true"),
        ("sqlite:///file:a?vfs=memdb&uri=true", "sqlite:///file:a?vfs=memdb&uri=true"),
        ("sqlite:///file::memory:?uri=true", "sqlite:///file::memory:?uri=true"),
        ("mssql+pyodbc://h/db", "mssql+pyodbc://h/db"),
    ],
)
def test_readable_url(original: str, expected: str) -> None:
    """An async driver is replaced by a synchronous one; another explicit driver is kept."""
    url = parse_url(original, Path("/root"))
    assert url == sa.make_url(expected)


@pytest.mark.parametrize(
    "text", ["", "app.db", "postgresql:/u:s3cret@h", "postgresql://u:x@h:s3c/d"]
)
def test_an_invalid_url_is_refused(text: str) -> None:
    """The message does not repeat the URL, because it may contain a password."""
    with pytest.raises(ConfigError) as caught:
        parse_url(text)
    assert caught.value.message == "cannot parse the database URL"
    assert caught.value.hint == (
        "write it like postgresql://user@localhost/app, mysql://user@localhost/app "
        "or sqlite:///app.db"
    )


def test_an_unknown_dialect_is_refused() -> None:
    """The error names the dialect and the hint gives an example."""
    with pytest.raises(ConfigError) as caught, open_connection(parse_url("nosuch://u:s3cret@h/db")):
        pass
    assert caught.value.message == "no SQLAlchemy dialect for 'nosuch'"
    assert caught.value.hint is not None and "sqlite:///app.db" in caught.value.hint


def test_an_unknown_driver_is_refused() -> None:
    url = parse_url("postgresql+nosuch://u:s3cret@h/db")
    with pytest.raises(ConfigError) as caught, open_connection(url):
        pass
    assert caught.value.message == "no SQLAlchemy dialect for 'postgresql+nosuch'"


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        (
            "postgresql+pg8000://h/db",
            "pip install pg8000, or write postgresql:// in the URL, which uses an installed driver",
        ),
        (
            "mysql+mysqldb://h/db",
            "pip install mysqlclient, or write mysql:// in the URL, which uses an installed driver",
        ),
        ("oracle+oracledb://h/db", "install it, or use another driver"),
    ],
)
def test_a_missing_driver_is_reported(url: str, hint: str) -> None:
    """The hint names the package of the driver, and a URL that works without it."""
    error = refused(url)
    assert error.message.startswith(f"the driver of '{url.split(':')[0]}' is not installed: No mod")
    assert error.hint == hint


@pytest.mark.parametrize("drivername", ["postgresql", "postgresql+asyncpg", "mysql", "mariadb"])
def test_a_server_that_does_not_run(drivername: str) -> None:
    """The message names the server without the password; the hint names likely causes."""
    url = sa.URL.create(drivername, "ann", SECRET, "127.0.0.1", free_port(), "app")
    error = refused(url)
    assert error.message.startswith(f"cannot connect to {mask_passwords(parse_url(str_of(url)))}: ")
    assert "ann:***@127.0.0.1" in error.message
    assert "refused" in error.message.lower()
    assert error.hint == "check that the server is running, and the host and port in the URL"
    assert SECRET not in str(error) and "s3cr" not in str(error)


def str_of(url: sa.URL) -> str:
    return url.render_as_string(hide_password=False)


@pytest.mark.parametrize(
    ("kind", "option", "message"),
    [
        ("postgresql", {"bogus": "1"}, 'invalid connection option "bogus"'),
        ("postgresql", {"sslmode": "nonsense"}, "invalid sslmode value"),
        ("postgresql", {"sslmode": "require"}, "server does not support SSL"),
        ("postgresql", {"options": "-cnosuch=1"}, "unrecognized configuration parameter"),
        ("postgresql", {"options": "-cstatement_timeout=x"}, 'invalid value for parameter "stat'),
        ("postgresql", {"connect_timeout": "x"}, "bad value for connect_timeout"),
        ("mariadb", {"bogus": "1"}, "unexpected keyword argument 'bogus'"),
        ("mariadb", {"charset": "nonsense"}, "the driver knows no charset 'nonsense'"),
        ("mariadb", {"ssl_disabled": "", "ssl": "x"}, "'str' object has no attribute 'get'"),
        ("mariadb", {"connect_timeout": "x"}, "invalid literal"),
    ],
)
def test_a_wrong_option(
    database: Callable[[str], sa.URL], kind: str, option: dict[str, str], message: str
) -> None:
    """The hint names the options, although most messages of PostgreSQL begin with connection."""
    error = refused(database(kind).update_query_dict(option))
    assert message in error.message
    assert error.hint == "check the options after ? in the URL"


def test_a_file_with_two_slashes() -> None:
    """SQLAlchemy takes its name for that of a server."""
    hint = refused("sqlite://app.db").hint
    assert hint is not None and hint.endswith("sqlite:///app.db")


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_a_user_without_a_right_to_the_database(
    database: Callable[[str], sa.URL], kind: str
) -> None:
    """The password is right, so the hint is about privileges."""
    url = database(kind)
    name, quoted = "ann_of_test", "'ann_of_test'@'%'" if kind == "mariadb" else "ann_of_test"
    password = f"IDENTIFIED BY '{name}'" if kind == "mariadb" else f"LOGIN PASSWORD '{name}'"
    with open_connection(url) as connection:
        connection.exec_driver_sql(f"CREATE USER {quoted.replace('%', '%%')} {password}")
        if kind == "postgresql":
            connection.exec_driver_sql(f"REVOKE CONNECT ON DATABASE {url.database} FROM PUBLIC")
        connection.commit()
    try:
        error = refused(url.set(username=name, password=name))
    finally:
        with open_connection(url) as connection:
            connection.exec_driver_sql(f"DROP USER {quoted.replace('%', '%%')}")
            connection.commit()
    assert error.hint is not None and error.hint.startswith("grant the user in the URL privileges")


def test_a_user_that_does_not_exist(database: Callable[[str], sa.URL]) -> None:
    """The message repeats PostgreSQL's error about the role."""
    error = refused(database("postgresql").set(username="nobody_here", password=SECRET))
    assert "nobody_here:***@" in error.message
    assert 'role "nobody_here" does not exist' in error.message
    assert error.hint == "check the user and the password in the URL"
    assert "s3cr" not in str(error)


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_a_database_that_does_not_exist(database: Callable[[str], sa.URL], kind: str) -> None:
    """The hint is to create it."""
    error = refused(database(kind).set(database="no_such_database"))
    assert "no_such_database" in error.message
    assert error.hint == "create the database first, or correct its name in the URL"


@pytest.mark.parametrize(
    "command", ["check", "status", "upgrade", "downgrade", "draft", "stamp", "diff", "engine"]
)
def test_a_server_without_a_database(
    database: Callable[[str], sa.URL], tmp_path: Path, command: str
) -> None:
    """MariaDB and MySQL accept the connection; there is nothing to compare or change."""
    metadata = sa.MetaData()
    sa.Table("t", metadata, sa.Column("id", sa.Integer, primary_key=True))
    Folder(tmp_path / "m").write("aaaa")
    url = database("mariadb")._replace(database=None)
    project = Project(url, metadata, tmp_path / "m")
    engine = Project(engine=sa.create_engine(url), metadata=metadata, directory=tmp_path / "m")
    calls = reading_calls(project) | {
        "upgrade": project.upgrade,
        "stamp": lambda: project.stamp("head"),
        "diff": lambda: project.diff("database", "models"),
        "engine": engine.status,
    }
    with pytest.raises(ConfigError) as caught:
        calls[command]()
    assert caught.value.message == "the URL names a server, but no database on it"
    assert caught.value.hint is not None and "://user@host/DATABASE" in caught.value.hint


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://u:s3cret@h/db", "postgresql://u:***@h/db"),
        ("postgresql://u@h/db?password=s3cret", "postgresql://u@h/db?password=%2A%2A%2A"),
        ("mysql://u@h/db?passwd=s3cret&charset=b", "mysql://u@h/db?charset=b&passwd=%2A%2A%2A"),
        ("postgresql://u@h/db?options=s3cret", "postgresql://u@h/db?options=%2A%2A%2A"),
        ("postgresql://u@h/db?s3cret%40x=1", "postgresql://u@h/db?%2A%2A%2A=%2A%2A%2A"),
        ("postgresql://u@h/db", "postgresql://u@h/db"),
        ("sqlite:///a.db", "sqlite:///a.db"),
    ],
)
def test_a_url_is_shown_without_its_password(url: str, shown: str) -> None:
    """The password may be in the user part or in the query."""
    assert sorted(mask_passwords(sa.make_url(url)).split("?")[-1].split("&")) == sorted(
        shown.split("?")[-1].split("&")
    )
    assert "s3cret" not in mask_passwords(sa.make_url(url))


def test_a_password_in_the_drivers_error_is_hidden() -> None:
    """Some drivers repeat the connection string in their errors."""
    error = refused(f"postgresql://u@127.0.0.1:{free_port()}/db?password=s3cret&s3cret=1")
    assert "s3cret" not in error.message.partition(": ")[2]


# SQLite files


def reading_calls(project: Project) -> dict[str, Callable[[], object]]:
    return {
        "check": project.check,
        "offline": lambda: project.check(offline=True),
        "status": project.status,
        "plan": lambda: project.preview_run("head", "upgrade"),
        "downgrade": project.downgrade,
        "draft": lambda: project.draft("x"),
        "generate": lambda: project.generate("x"),
        "relock": project.relock,
    }


@pytest.mark.parametrize("command", list(reading_calls(Project())))
def test_reading_does_not_create_a_missing_file(tmp_path: Path, command: str) -> None:
    """Only upgrade and stamp create the database."""
    metadata = sa.MetaData()
    sa.Table("t", metadata, sa.Column("id", sa.Integer, primary_key=True))
    file = tmp_path / "app.db"
    project = Project(f"sqlite:///{file}", metadata, tmp_path / "m")
    reading_calls(project)[command]()
    assert not file.exists()


@pytest.mark.parametrize("command", ["upgrade", "stamp"])
def test_writing_creates_a_missing_file(tmp_path: Path, command: str) -> None:
    Folder(tmp_path / "m").write("aaaa")
    file = tmp_path / "app.db"
    getattr(Project(f"sqlite:///{file}", directory=tmp_path / "m"), command)()
    assert file.exists()


@pytest.mark.parametrize("url", ["app.db", "file:app.db?uri=true", "file:app.db?mode=rwc&uri=true"])
def test_a_relative_file_is_resolved_against_the_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    """The current folder makes no difference."""
    (tmp_path / "autodiff.toml").write_text(f'url = "sqlite:///{url}"')
    Folder(tmp_path / "migrations").write("aaaa")
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    assert [m.revision for m in Project.load().status().pending] == ["aaaa"]
    assert not (tmp_path / "app.db").exists()
    Project.load().upgrade()
    assert (tmp_path / "app.db").exists()
    assert not list((tmp_path / "below").iterdir())
    if "uri" in url:
        monkeypatch.setenv("DATABASE_URL", "sqlite:///file:app.db?mode=ro&uri=true")
        assert not Project.load().status().pending


@pytest.mark.parametrize("name", ["/{}?vfs=memdb", "{}?mode=memory&cache=shared"])
def test_a_shared_database_in_memory_is_read(tmp_path: Path, name: str) -> None:
    """It is no file that is missing."""
    uri = f"file:{name.format('shared_by_a_test')}"
    Folder(tmp_path / "m").write("aaaa", 'op.execute("CREATE TABLE t (a)")')
    project = Project(f"sqlite:///{uri}&uri=true", directory=tmp_path / "m")
    with closing(sqlite3.connect(uri, uri=True)) as other:
        project.upgrade()
        assert other.execute("SELECT * FROM t").fetchall() == []
        assert not project.status().pending


def test_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    """The hint asks for the folder and its permissions."""
    Folder(tmp_path / "m").write("aaaa")
    project = Project(f"sqlite:///{tmp_path}/no/app.db", directory=tmp_path / "m")
    with pytest.raises(DatabaseError) as caught:
        project.upgrade()
    assert caught.value.message == (
        f"cannot connect to sqlite:///{tmp_path}/no/app.db: unable to open database file"
    )
    assert caught.value.hint == "check that the folder exists and is writable"


def test_a_file_that_is_not_a_database(tmp_path: Path) -> None:
    """The error reports this, and the file is not changed."""
    file = tmp_path / "app.db"
    file.write_text("this is no database at all" * 100)
    project = Project(f"sqlite:///{file}", sa.MetaData(), tmp_path / "m")
    for method in (project.check, project.status):
        with pytest.raises(DatabaseError) as caught:
            method()
        assert caught.value.message == f"sqlite:///{file} refused a request: file is not a database"
        assert caught.value.hint == "the file is not a SQLite database: check the path in the URL"
    assert file.read_text().startswith("this is no database")


def test_a_database_locked_by_another_program(tmp_path: Path) -> None:
    """The lock timeout becomes an AutodiffError, and nothing is changed."""
    file = tmp_path / "app.db"
    Folder(tmp_path / "m").write("aaaa", 'op.execute("CREATE TABLE t (a)")')
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("CREATE TABLE x (a)")
    other.execute("BEGIN EXCLUSIVE")
    project = Project(f"sqlite:///{file}?timeout=0.1", directory=tmp_path / "m")
    with pytest.raises(AutodiffError) as caught:
        project.upgrade()
    assert "database is locked" in caught.value.message
    assert (
        caught.value.hint
        == "another program is writing to the database: try again when it has finished"
    )
    other.execute("ROLLBACK")
    assert [m.revision for m in project.upgrade()] == ["aaaa"]
    other.close()


READ_ONLY = "the database is read-only here: "
OTHER_VERSION = "another program or another version of autodiff may have changed the table; "
CLOSE_OTHERS = "close other connections and try again, or raise the limit of "


@pytest.mark.parametrize("limited", ["ROLE limited_in_test", "DATABASE {}"])
def test_too_many_connections_to_postgresql(
    database: Callable[[str], sa.URL], limited: str
) -> None:
    """The limit is that of the user or that of the database."""
    url = database("postgresql")
    with administered(url) as execute:
        execute("CREATE ROLE limited_in_test LOGIN PASSWORD 'secret'")
        try:
            execute(f"ALTER {limited.format(url.database)} CONNECTION LIMIT 0")
            error = refused(url.set(username="limited_in_test", password="secret"))
        finally:
            execute("DROP ROLE limited_in_test")
    assert "too many connections for " in error.message
    assert str(error.hint).startswith(CLOSE_OTHERS)


def test_too_many_connections_to_mariadb(database: Callable[[str], sa.URL]) -> None:
    url = database("mariadb")
    user = url.set(username="limited_in_test", password="secret")
    with administered(url) as execute:
        execute("CREATE USER limited_in_test IDENTIFIED BY 'secret' WITH MAX_USER_CONNECTIONS 1")
        try:
            execute(f"GRANT ALL ON {url.database}.* TO limited_in_test")
            with open_connection(user):
                error = refused(user)
        finally:
            execute("DROP USER limited_in_test")
    assert str(error.hint).startswith(CLOSE_OTHERS)


def test_a_database_that_accepts_no_connections(database: Callable[[str], sa.URL]) -> None:
    url = database("postgresql")
    with administered(url.set(database="postgres")) as execute:
        execute(f"ALTER DATABASE {url.database} ALLOW_CONNECTIONS false")
        try:
            error = refused(url)
        finally:
            execute(f"ALTER DATABASE {url.database} ALLOW_CONNECTIONS true")
    assert str(error.hint).startswith("the database accepts no connections: ")


def test_a_statement_timeout_while_connecting(database: Callable[[str], sa.URL]) -> None:
    """The hint does not ask for options of the URL, which has none."""
    url = database("postgresql")

    def slow(engine: sa.Engine) -> None:
        @sa.event.listens_for(engine, "connect")
        def wait(connection: Any, record: object) -> None:
            connection.execute("SELECT pg_sleep(9)")

    with administered(url) as execute:
        execute(f"ALTER DATABASE {url.database} SET statement_timeout = '100ms'")
    with pytest.raises(DatabaseError) as caught, open_connection(url, prepare=slow):
        pass
    assert caught.value.message.endswith("canceling statement due to statement timeout")
    assert str(caught.value.hint).startswith("raise the time limit of statements: ")


def read_only(url: sa.URL) -> sa.URL:
    """Return a URL whose sessions can only read."""
    match url.get_backend_name():
        case "postgresql":
            return url.update_query_dict({"options": "-cdefault_transaction_read_only=on"})
        case "mysql":
            return url.update_query_dict({"init_command": "SET SESSION TRANSACTION READ ONLY"})
        case _:
            Path(str(url.database)).touch()
            return url.set(database=f"file:{url.database}").update_query_dict(
                {"mode": "ro", "uri": "true"}
            )


def test_a_read_only_database(any_database: sa.URL, tmp_path: Path) -> None:
    """The hint says so, whether autodiff's own tables exist or not."""
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", 'op.execute("CREATE TABLE a (id INT)")')
    folder.write("bbbb", 'op.execute("CREATE TABLE b (id INT)")')
    reader = Project(read_only(any_database), directory=folder.path)
    with pytest.raises(DatabaseError) as refused_tables:
        reader.upgrade()
    Project(any_database, directory=folder.path).upgrade("aaaa")
    with pytest.raises(MigrationFailedError) as failed:
        reader.upgrade()
    for error in (refused_tables.value, failed.value):
        assert str(error.hint).startswith(READ_ONLY)


def test_a_push_to_a_read_only_database(any_database: sa.URL, tmp_path: Path) -> None:
    """The hint is that of the other commands."""
    metadata = sa.MetaData()
    sa.Table("t", metadata, sa.Column("id", sa.Integer, primary_key=True))
    created = Project(any_database, metadata, tmp_path / "m").push()
    assert created is not None
    created.apply()
    sa.Table("t", metadata, sa.Column("n", sa.Integer), extend_existing=True)
    push = Project(read_only(any_database), metadata, tmp_path / "m").push()
    assert push is not None
    with pytest.raises(MigrationFailedError) as caught:
        push.apply()
    assert str(caught.value.hint).startswith(READ_ONLY)


@pytest.mark.parametrize("table", ["autodiff_history", "autodiff_journal"])
def test_a_missing_column_of_an_own_table(any_database: sa.URL, tmp_path: Path, table: str) -> None:
    """Somebody has changed the table; the privileges are right."""
    Folder(tmp_path / "m").write("aaaa")
    project = Project(any_database, directory=tmp_path / "m")
    project.upgrade()
    with administered(any_database) as execute:
        execute(f"ALTER TABLE {table} RENAME COLUMN name TO other")
    with pytest.raises(DatabaseError) as caught:
        project.upgrade()
    assert str(caught.value.hint).startswith(OTHER_VERSION)


def test_an_error_of_the_database_is_a_database_error(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """An example is a history schema that does not exist."""
    Folder(tmp_path / "m").write("aaaa")
    url = database("postgresql")
    project = Project(url, directory=tmp_path / "m", history_schema="nowhere")
    with pytest.raises(DatabaseError) as caught:
        project.upgrade()
    assert 'refused a request: schema "nowhere" does not exist' in caught.value.message
    assert (
        caught.value.hint
        == "check the privileges of the user in the URL; --debug shows the statement"
    )


def test_a_short_password_in_words() -> None:
    """It is hidden where it stands alone; words with its letters stay readable."""
    url = sa.make_url("postgresql://u:x@h/db")
    text = "cannot execute: user 'x' with password=x, x"
    assert hide_secrets(text, url) == "cannot execute: user '***' with password=***, ***"
    assert hide_secrets("axyzb", url.set(password="axyz")) == "***b"


def test_connections_are_closed(database: Callable[[str], sa.URL]) -> None:
    """They are closed after the block, even if it raised an exception."""
    url = database("postgresql")
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), open_connection(url) as connection:
            connection.execute(sa.text("SELECT 1"))
            raise ZeroDivisionError
    assert connection.closed
    with open_connection(url) as connection:
        count = sa.text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
        assert connection.execute(count).scalar() == 1


@pytest.mark.parametrize(
    ("kind", "own", "kill"),
    [
        ("postgresql", "SELECT pg_backend_pid()", "SELECT pg_terminate_backend({})"),
        ("mariadb", "SELECT connection_id()", "KILL {}"),
    ],
)
def test_a_connection_that_is_lost(
    database: Callable[[str], sa.URL], kind: str, own: str, kill: str
) -> None:
    """Closing it fails too, which is no other error."""
    url = database(kind)
    with (
        pytest.raises(DatabaseError, match="lost the connection to") as caught,
        open_connection(url) as connection,
    ):
        number = connection.exec_driver_sql(own).scalar_one()
        with open_connection(url) as other:
            other.exec_driver_sql(kill.format(number))
        connection.exec_driver_sql("SELECT 1")
    assert caught.value.hint == "run it again when the server is available"
