"""Opens the database of a URL. Passwords are never part of a message."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from autodiff.errors import ConfigError, DatabaseError

if TYPE_CHECKING:
    from sqlalchemy.engine import URL, Connection

__all__ = ["connect", "masked", "readable_url"]

_DRIVERS = {
    "postgresql": (("psycopg", "psycopg"), ("psycopg2", "psycopg2"), ("pg8000", "pg8000")),
    "mysql": (("pymysql", "pymysql"), ("mysqldb", "MySQLdb"), ("mysqlconnector", "mysql")),
    "mariadb": (("pymysql", "pymysql"), ("mysqldb", "MySQLdb"), ("mariadbconnector", "mariadb")),
}
_ASYNC = frozenset(("asyncpg", "psycopg_async", "aiosqlite", "aiomysql", "asyncmy"))
_EXTRAS = {"postgresql": "postgresql", "mysql": "mysql", "mariadb": "mysql"}
_EXAMPLE = "postgresql://user@localhost/app, mysql://user@localhost/app or sqlite:///app.db"


def readable_url(text: str, root: Path | None = None) -> URL:
    """The URL to connect with, parsed: for an async driver the plain one of the same database.

    A relative SQLite file is looked for from `root`.

    Raises ConfigError for a text that is no URL, and DatabaseError without a driver.
    """
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(text)
    except (ArgumentError, ValueError) as error:
        raise ConfigError(
            "the database URL cannot be read", hint=f"it looks like {_EXAMPLE}"
        ) from error
    backend = url.get_backend_name()
    if backend == "sqlite":
        return _sqlite(url, root)
    if backend not in _DRIVERS:
        return url
    return _with_driver(url, backend)


def _sqlite(url: URL, root: Path | None) -> URL:
    url = url.set(drivername="sqlite")
    file = url.database
    if root is None or file in (None, "", ":memory:") or file.startswith("file:"):
        return url
    return url.set(database=str(root / file))


def _with_driver(url: URL, backend: str) -> URL:
    """The driver that the URL names if it is there and not async, else one that is."""
    _, _, named = url.drivername.partition("+")
    drivers = _DRIVERS[backend]
    if named and named not in _ASYNC:
        return url
    for driver, module in drivers:
        if find_spec(module) is not None:
            url = url.set(drivername=f"{backend}+{driver}")
            return _plain_query(url) if named in _ASYNC else url
    raise DatabaseError(
        f"no driver for {backend} is installed",
        hint=f'pip install "autodiff[{_EXTRAS[backend]}]"',
    )


def _plain_query(url: URL) -> URL:
    """asyncpg calls ssl what the others call sslmode."""
    if "ssl" in url.query and url.get_backend_name() == "postgresql":
        mode = url.query["ssl"]
        url = url.difference_update_query(["ssl"]).update_query_dict({"sslmode": mode})
    return url


def masked(url: URL) -> str:
    """The URL as it may be shown: without password."""
    return url.render_as_string(hide_password=True)


@contextmanager
def connect(url: URL, *, create: bool = False) -> Iterator[Connection]:
    """A connection of its own, closed at the end.

    A SQLite file that does not exist is only created with `create`; without it, the database
    is an empty one in memory.

    Raises DatabaseError where there is no such database, server or user.
    """
    import sqlalchemy as sa
    from sqlalchemy.exc import NoSuchModuleError, SQLAlchemyError

    if _is_missing_file(url) and not create:
        url = url.set(database=None)
    try:
        engine = sa.create_engine(url, poolclass=sa.pool.NullPool)
    except NoSuchModuleError as error:
        raise ConfigError(
            f"no SQLAlchemy dialect for {url.drivername!r}", hint=f"a URL looks like {_EXAMPLE}"
        ) from error
    except ImportError as error:
        raise DatabaseError(
            f"the driver of {url.drivername!r} is not installed: {error}",
            hint=f'pip install "autodiff[{_EXTRAS.get(url.get_backend_name(), "postgresql")}]"',
        ) from error
    try:
        try:
            connection = engine.connect()
        except (SQLAlchemyError, OSError) as error:
            raise _refused(url, error) from error
        with connection:
            yield connection
    finally:
        engine.dispose()


def _is_missing_file(url: URL) -> bool:
    file = url.database
    if url.get_backend_name() != "sqlite" or file in (None, "", ":memory:"):
        return False
    return not file.startswith("file:") and not Path(file).exists()


def _refused(url: URL, error: Exception) -> DatabaseError:
    reason = str(getattr(error, "orig", None) or error).strip()
    if url.password:
        reason = reason.replace(str(url.password), "***")
    lines = [line.strip() for line in reason.splitlines() if line.strip()]
    text = " ".join(lines[:2]) or type(error).__name__
    return DatabaseError(f"cannot connect to {masked(url)}: {text}", hint=_hint(text.lower()))


def _hint(reason: str) -> str:
    if "password" in reason or "access denied" in reason or "authentication" in reason:
        return "check user and password in the URL"
    if "does not exist" in reason or "unknown database" in reason:
        return "create the database first, or correct its name in the URL"
    if "unable to open database file" in reason:
        return "does the folder exist, and may you write to it?"
    if "refused" in reason or "timeout" in reason or "resolve" in reason or "connect" in reason:
        return "is the server running, and are host and port right?"
    return "check the URL (--url, DATABASE_URL, or url in the configuration)"
