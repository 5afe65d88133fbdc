"""Any URL that an application uses opens its database; no password is ever in a message."""

from __future__ import annotations

import socket
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff import Project
from autodiff.errors import AutodiffError, ConfigError, DatabaseError
from autodiff.utils.connect import masked, open_connection, readable_url
from tests.support import Folder

SECRET = "s3cr:t@/%x"


def refused(url: str | sa.URL) -> DatabaseError:
    text = url if isinstance(url, str) else url.render_as_string(hide_password=False)
    with pytest.raises(DatabaseError) as caught, open_connection(readable_url(text)) as connection:
        connection.execute(sa.text("SELECT 1"))
    return caught.value


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


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
    ("given", "used"),
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
        ("sqlite:///file:a.db?uri=true", "sqlite:///file:a.db?uri=true"),
        ("mssql+pyodbc://h/db", "mssql+pyodbc://h/db"),
    ],
)
def test_urls_are_read(given: str, used: str) -> None:
    """An async driver gives way to a plain one; a driver that was chosen stays."""
    found = readable_url(given, Path("/root"))
    assert found == sa.make_url(used)


@pytest.mark.parametrize(
    "text", ["", "app.db", "postgresql:/u:s3cret@h", "postgresql://u:x@h:s3c/d"]
)
def test_a_text_that_is_no_url_is_refused(text: str) -> None:
    """What it was is not told, as a password may be in it."""
    with pytest.raises(ConfigError) as caught:
        readable_url(text)
    assert caught.value.message == "the database URL cannot be read"
    assert caught.value.hint == (
        "it looks like postgresql://user@localhost/app, mysql://user@localhost/app "
        "or sqlite:///app.db"
    )


def test_an_unknown_dialect_is_refused() -> None:
    """By its name, with an example."""
    with (
        pytest.raises(ConfigError) as caught,
        open_connection(readable_url("nosuch://u:s3cret@h/db")),
    ):
        pass
    assert caught.value.message == "no SQLAlchemy dialect for 'nosuch'"
    assert caught.value.hint is not None and "sqlite:///app.db" in caught.value.hint


def test_an_unknown_driver_is_refused() -> None:
    """As an unknown dialect is."""
    url = readable_url("postgresql+nosuch://u:s3cret@h/db")
    with pytest.raises(ConfigError) as caught, open_connection(url):
        pass
    assert caught.value.message == "no SQLAlchemy dialect for 'postgresql+nosuch'"


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        ("postgresql+pg8000://h/db", 'pip install "autodiff[postgresql]"'),
        ("mysql+mysqldb://h/db", 'pip install "autodiff[mysql]"'),
        ("oracle+oracledb://h/db", "install it, or use another driver"),
    ],
)
def test_a_driver_that_is_not_installed_is_named(url: str, hint: str) -> None:
    """With the extra that brings one, where there is one."""
    error = refused(url)
    assert error.message.startswith(f"the driver of '{url.split(':')[0]}' is not installed: No mod")
    assert error.hint == hint


@pytest.mark.parametrize("drivername", ["postgresql", "postgresql+asyncpg", "mysql", "mariadb"])
def test_a_server_that_is_not_there(drivername: str) -> None:
    """The message names the server without the password, the hint asks the right questions."""
    url = sa.URL.create(drivername, "ann", SECRET, "127.0.0.1", free_port(), "app")
    error = refused(url)
    assert error.message.startswith(f"cannot connect to {masked(readable_url(str_of(url)))}: ")
    assert "ann:***@127.0.0.1" in error.message
    assert "refused" in error.message.lower()
    assert error.hint == "is the server running, and are host and port right?"
    assert SECRET not in str(error) and "s3cr" not in str(error)


def str_of(url: sa.URL) -> str:
    return url.render_as_string(hide_password=False)


def test_a_user_that_is_not_there(database: Callable[[str], sa.URL]) -> None:
    """PostgreSQL names the role."""
    error = refused(database("postgresql").set(username="nobody_here", password=SECRET))
    assert "nobody_here:***@" in error.message
    assert 'role "nobody_here" does not exist' in error.message
    assert error.hint == "check user and password in the URL"
    assert "s3cr" not in str(error)


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_a_database_that_is_not_there(database: Callable[[str], sa.URL], kind: str) -> None:
    """The hint says to create it."""
    error = refused(database(kind).set(database="no_such_database"))
    assert "no_such_database" in error.message
    assert error.hint == "create the database first, or correct its name in the URL"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://u:s3cret@h/db", "postgresql://u:***@h/db"),
        ("postgresql://u@h/db?password=s3cret", "postgresql://u@h/db?password=%2A%2A%2A"),
        ("mysql://u@h/db?passwd=s3cret&a=b", "mysql://u@h/db?a=b&passwd=%2A%2A%2A"),
        ("postgresql://u@h/db", "postgresql://u@h/db"),
        ("sqlite:///a.db", "sqlite:///a.db"),
    ],
)
def test_a_url_is_shown_without_its_password(url: str, shown: str) -> None:
    """Wherever in the URL it stands."""
    assert sorted(masked(sa.make_url(url)).split("?")[-1].split("&")) == sorted(
        shown.split("?")[-1].split("&")
    )
    assert "s3cret" not in masked(sa.make_url(url))


def test_a_password_in_the_reason_is_hidden() -> None:
    """Some drivers repeat the connection string in what they say."""
    error = refused(f"postgresql://u@127.0.0.1:{free_port()}/db?password=s3cret&s3cret=1")
    assert "s3cret" not in error.message.partition(": ")[2]


# SQLite's files


def read_commands(project: Project) -> dict[str, Callable[[], object]]:
    return {
        "check": project.check,
        "offline": lambda: project.check(offline=True),
        "status": project.status,
        "plan": lambda: project.plan_run("head", "upgrade"),
        "downgrade": project.downgrade,
        "draft": lambda: project.draft("x"),
        "generate": lambda: project.generate("x"),
        "relock": project.relock,
    }


@pytest.mark.parametrize("command", list(read_commands(Project())))
def test_a_missing_file_is_not_created_by_looking(tmp_path: Path, command: str) -> None:
    """Only upgrade and stamp make the database."""
    metadata = sa.MetaData()
    sa.Table("t", metadata, sa.Column("id", sa.Integer, primary_key=True))
    file = tmp_path / "app.db"
    project = Project(f"sqlite:///{file}", metadata, tmp_path / "m")
    read_commands(project)[command]()
    assert not file.exists()


@pytest.mark.parametrize("command", ["upgrade", "stamp"])
def test_a_missing_file_is_created_by_writing(tmp_path: Path, command: str) -> None:
    """There it is what is meant."""
    Folder(tmp_path / "m").write("aaaa")
    file = tmp_path / "app.db"
    getattr(Project(f"sqlite:///{file}", directory=tmp_path / "m"), command)()
    assert file.exists()


def test_a_relative_file_is_seen_from_the_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever the command is run."""
    (tmp_path / "autodiff.toml").write_text('url = "sqlite:///app.db"')
    Folder(tmp_path / "migrations").write("aaaa")
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    Project.load().upgrade()
    assert (tmp_path / "app.db").exists()


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    """The hint asks for it."""
    Folder(tmp_path / "m").write("aaaa")
    project = Project(f"sqlite:///{tmp_path}/no/app.db", directory=tmp_path / "m")
    with pytest.raises(DatabaseError) as caught:
        project.upgrade()
    assert caught.value.message == (
        f"cannot connect to sqlite:///{tmp_path}/no/app.db: unable to open database file"
    )
    assert caught.value.hint == "does the folder exist, and may you write to it?"


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    """It is said, and left as it is."""
    file = tmp_path / "app.db"
    file.write_text("this is no database at all" * 100)
    project = Project(f"sqlite:///{file}", sa.MetaData(), tmp_path / "m")
    for act in (project.check, project.status):
        with pytest.raises(DatabaseError) as caught:
            act()
        assert caught.value.message == f"sqlite:///{file} refused a request: file is not a database"
        assert caught.value.hint == "the file is something else: is the path in the URL right?"
    assert file.read_text().startswith("this is no database")


def test_a_database_that_another_program_holds(tmp_path: Path) -> None:
    """A lock that is not given ends in an error of ours, and in nothing changed."""
    file = tmp_path / "app.db"
    Folder(tmp_path / "m").write("aaaa", 'op.execute("CREATE TABLE t (a)")')
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("CREATE TABLE x (a)")
    other.execute("BEGIN EXCLUSIVE")
    project = Project(f"sqlite:///{file}?timeout=0.1", directory=tmp_path / "m")
    with pytest.raises(AutodiffError) as caught:
        project.upgrade()
    assert "database is locked" in caught.value.message
    assert caught.value.hint == "another program is writing: try again when it is done"
    other.execute("ROLLBACK")
    assert [m.revision for m in project.upgrade()] == ["aaaa"]
    other.close()


def test_what_may_not_be_done_is_an_error_of_ours(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """A schema for the history that is not there, for example."""
    Folder(tmp_path / "m").write("aaaa")
    url = database("postgresql")
    project = Project(url, directory=tmp_path / "m", history_schema="nowhere")
    with pytest.raises(DatabaseError) as caught:
        project.upgrade()
    assert 'refused a request: schema "nowhere" does not exist' in caught.value.message
    assert caught.value.hint == "may the user of the URL do that? --debug shows the statement"


def test_connections_are_closed(database: Callable[[str], sa.URL]) -> None:
    """Nothing is left open behind the block, also where it failed."""
    url = database("postgresql")
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), open_connection(url) as connection:
            connection.execute(sa.text("SELECT 1"))
            raise ZeroDivisionError
    assert connection.closed
    with open_connection(url) as connection:
        count = sa.text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
        assert connection.execute(count).scalar() == 1
