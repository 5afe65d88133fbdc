"""Opens the database of a URL. Passwords are never part of a message."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from autodiff.errors import ConfigError, DatabaseError, database_words

if TYPE_CHECKING:
    from sqlalchemy.engine import URL, Connection, Engine

__all__ = ["PASSWORDS", "borrowed", "bound", "masked", "open_connection", "readable_url"]

_DRIVERS = {
    "postgresql": (("psycopg", "psycopg"), ("psycopg2", "psycopg2"), ("pg8000", "pg8000")),
    "mysql": (("pymysql", "pymysql"), ("mysqldb", "MySQLdb"), ("mysqlconnector", "mysql")),
    "mariadb": (("pymysql", "pymysql"), ("mysqldb", "MySQLdb"), ("mariadbconnector", "mariadb")),
}
_ASYNC = frozenset(("asyncpg", "psycopg_async", "aiosqlite", "aiomysql", "asyncmy"))
_EXTRAS = {"postgresql": "postgresql", "mysql": "mysql", "mariadb": "mysql"}
PASSWORDS = frozenset(("password", "passwd", "sslpassword", "ssl_key_password"))
"""Parts of a URL's query that are secrets."""
_ASYNCPG_ALONE = (
    "async_fallback",
    "command_timeout",
    "max_cached_statement_lifetime",
    "max_cacheable_statement_size",
    "prepared_statement_cache_size",
    "prepared_statement_name_func",
    "statement_cache_size",
)
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
    if url.drivername == "sqlite+aiosqlite":
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
    """asyncpg calls ssl what the others call sslmode, and has settings that they refuse."""
    url = url.difference_update_query(_ASYNCPG_ALONE)
    if "ssl" in url.query and url.get_backend_name() == "postgresql":
        mode = url.query["ssl"]
        url = url.difference_update_query(["ssl"]).update_query_dict({"sslmode": mode})
    return url


def masked(url: URL) -> str:
    """The URL as it may be shown: without password."""
    hidden = {key: "***" for key in url.query if key.lower() in PASSWORDS}
    return url.update_query_dict(hidden).render_as_string(hide_password=True)


@contextmanager
def open_connection(
    url: URL, *, create: bool = False, prepare: Callable[[Engine], None] | None = None
) -> Iterator[Connection]:
    """A connection of its own, closed at the end.

    A SQLite file that does not exist is only created with `create`; without it, the database
    is an empty one in memory. `prepare` is given the engine before it connects.

    Raises DatabaseError where there is no such database, server or user, and for what the
    database refuses while the connection is open.
    """
    import sqlalchemy as sa
    from sqlalchemy.exc import NoSuchModuleError

    if _is_missing_file(url) and not create:
        url = url.set(database=":memory:")
    try:
        engine = sa.create_engine(url, poolclass=sa.pool.NullPool, connect_args=_arguments(url))
    except NoSuchModuleError as error:
        raise ConfigError(
            f"no SQLAlchemy dialect for {url.drivername!r}", hint=f"a URL looks like {_EXAMPLE}"
        ) from error
    except ImportError as error:
        raise DatabaseError(
            f"the driver of {url.drivername!r} is not installed: {error}",
            hint=_install_hint(url),
        ) from error
    if prepare is not None:
        prepare(engine)
    try:
        with _connected(engine) as connection:
            yield connection
    finally:
        engine.dispose()


@contextmanager
def _connected(engine: Engine) -> Iterator[Connection]:
    """A connection of an engine, given back at the end.

    Raises DatabaseError as `connect` does.
    """
    from sqlalchemy.exc import SQLAlchemyError

    try:
        connection = engine.connect()
    except (SQLAlchemyError, OSError) as error:
        raise _refused(engine.url, error) from error
    with connection, _told(engine.url):
        yield connection


def bound(engine: object, connection: object) -> Engine | Connection | None:
    """What the application hands over, if it can be used; None where it is nothing.

    Raises ConfigError for both at once, and for those of async code.
    """
    if engine is not None and connection is not None:
        raise ConfigError("engine and connection are both given", hint="leave one out")
    given = engine if engine is not None else connection
    if given is None:
        return None
    from sqlalchemy.engine import Connection, Engine

    if isinstance(given, Engine | Connection):
        return given
    name = type(given).__name__
    raise ConfigError(
        f"{name} can't be used: it is no sqlalchemy.Engine and no sqlalchemy.Connection",
        hint="of an AsyncConnection: await connection.run_sync(lambda c: Project(connection=c, "
        "...).upgrade()); or give the url, and: await asyncio.to_thread(project.upgrade)",
    )


@contextmanager
def borrowed(given: Engine | Connection) -> Iterator[Connection]:
    """The application's connection, or one of its engine; given back without a transaction.

    Raises ConfigError where it is in one, which would be ended with what was done in it.
    """
    from sqlalchemy.engine import Connection

    if not isinstance(given, Connection):
        with _connected(given) as connection:
            yield connection
        return
    with _lent(given):
        yield given


@contextmanager
def _lent(connection: Connection) -> Iterator[None]:
    if connection.in_transaction():
        raise ConfigError(
            "the connection is in a transaction, and migrations begin and end their own",
            hint="commit it or roll it back first; engine.connect() gives one without, "
            "engine.begin() does not",
        )
    with _told(connection.engine.url):
        try:
            yield
        finally:
            if not connection.closed and not connection.invalidated:
                connection.rollback()


@contextmanager
def _told(url: URL) -> Iterator[None]:
    """What the database refuses is told as a DatabaseError."""
    from sqlalchemy.exc import DBAPIError

    try:
        yield
    except DBAPIError as error:
        raise _failed(url, error) from error


def _arguments(url: URL) -> dict[str, None]:
    """psycopg prepares what comes again, which another session behind a pooler does not know.

    https://www.psycopg.org/psycopg3/docs/advanced/prepare.html#using-prepared-statements-with-pgbouncer
    """
    name = "prepare_threshold"
    return {name: None} if url.drivername == "postgresql+psycopg" and name not in url.query else {}


def _is_missing_file(url: URL) -> bool:
    file = url.database
    if url.get_backend_name() != "sqlite" or file in (None, "", ":memory:"):
        return False
    return not file.startswith("file:") and not Path(file).exists()


def _refused(url: URL, error: Exception) -> DatabaseError:
    text = _reason(url, error)
    return DatabaseError(f"cannot connect to {masked(url)}: {text}", hint=_hint(text.lower()))


def _failed(url: URL, error: Exception) -> DatabaseError:
    return DatabaseError(
        f"{masked(url)} refused a request: {_reason(url, error)}",
        hint=_later_hint(f"{getattr(error, 'orig', None) or error}".lower()),
    )


def _later_hint(reason: str) -> str:
    if "locked" in reason or "timeout" in reason:
        return "another program is writing: try again when it is done"
    if "not a database" in reason:
        return "the file is something else: is the path in the URL right?"
    return "may the user of the URL do that? --debug shows the statement"


def _install_hint(url: URL) -> str:
    extra = _EXTRAS.get(url.get_backend_name())
    return f'pip install "autodiff[{extra}]"' if extra else "install it, or use another driver"


def _reason(url: URL, error: Exception) -> str:
    """What the driver said, on one line and without the password."""
    reason = database_words(getattr(error, "orig", None) or error).strip()
    for secret in _secrets(url):
        reason = reason.replace(secret, "***")
    lines = [line.strip() for line in reason.splitlines() if line.strip()]
    return " ".join(lines[:2]) or type(error).__name__


def _secrets(url: URL) -> list[str]:
    found = [value for key, value in url.query.items() if key.lower() in PASSWORDS]
    texts = [str(url.password or ""), *(value for value in found if isinstance(value, str))]
    return [text for text in texts if text]


def _hint(reason: str) -> str:
    if any(word in reason for word in ("password", "access denied", "authentication", "role ")):
        return "check user and password in the URL"
    if "does not exist" in reason or "unknown database" in reason:
        return "create the database first, or correct its name in the URL"
    if "unable to open database file" in reason:
        return "does the folder exist, and may you write to it?"
    if "refused" in reason or "timeout" in reason or "resolve" in reason or "connect" in reason:
        return "is the server running, and are host and port right?"
    return "check the URL (--url, DATABASE_URL, or url in the configuration)"
