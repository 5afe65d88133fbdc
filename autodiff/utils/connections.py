"""Connect to the database of a URL, without showing passwords in messages."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus, unquote

from autodiff.errors import AutodiffError, ConfigError, DatabaseError, database_words
from autodiff.utils.server_states import state_hint

if TYPE_CHECKING:
    from sqlalchemy.engine import URL, Connection, Engine

__all__ = [
    "OWN_ENGINE",
    "WITHOUT_POOLER",
    "async_driver",
    "database_errors",
    "describe_url",
    "engine_or_connection",
    "hide_secrets",
    "hint_for",
    "mask_passwords",
    "mask_passwords_in_text",
    "no_schema_hint",
    "only_public_options",
    "open_connection",
    "parse_url",
    "use_connection",
    "with_query_of",
]

OWN_ENGINE = {"skip_user_error_events": True}
"""The execution options of engines that the application did not create.

A listener that it has for the errors of all engines may raise others, which nothing here expects.
"""
WITHOUT_POOLER = (
    "use the URL of the server itself; if it is that already, use the driver psycopg, because with "
    "some others autodiff cannot tell whether there is a pooler"
)
"""The hint for what does not work behind a pooler."""

_DRIVERS = {
    "postgresql": (("psycopg", "psycopg"), ("psycopg2", "psycopg2"), ("pg8000", "pg8000")),
    "mysql": (("pymysql", "pymysql"), ("mysqldb", "MySQLdb"), ("mysqlconnector", "mysql")),
    "mariadb": (("pymysql", "pymysql"), ("mysqldb", "MySQLdb"), ("mariadbconnector", "mariadb")),
}
_ASYNC_DRIVERS = {
    "sqlite": (("aiosqlite", "aiosqlite"),),
    "postgresql": (("asyncpg", "asyncpg"), ("psycopg_async", "psycopg")),
    "mysql": (("aiomysql", "aiomysql"), ("asyncmy", "asyncmy")),
    "mariadb": (("aiomysql", "aiomysql"), ("asyncmy", "asyncmy")),
}
_ASYNC = frozenset(driver for drivers in _ASYNC_DRIVERS.values() for driver, _ in drivers)
_PACKAGES = {
    "mysqldb": "mysqlclient",
    "mysqlconnector": "mysql-connector-python",
    "mariadbconnector": "mariadb",
}
"""Packages with a driver of another name."""
_EXTRAS = {"postgresql": "postgresql", "mysql": "mysql", "mariadb": "mysql"}
_FILES = ("sqlite", "duckdb")
"""Databases in a file, which a connection would create."""
_NO_FILES = ("file:", "md:", "motherduck:")
"""How a name begins that is a URI of SQLite, or a database of MotherDuck."""
_TRUE = frozenset("1 on t true y yes".split())
"""What SQLAlchemy takes for true in the query of a URL."""
_PUBLIC_OPTIONS = frozenset(
    "application_name autocommit cache channel_binding charset client_encoding client_flag "
    "collation connect_timeout gssencmode host hostaddr keepalives keepalives_count "
    "keepalives_idle keepalives_interval local_infile mode port prepare_threshold read_timeout "
    "ssl ssl_disabled ssl_verify_cert ssl_verify_identity sslcert sslkey sslmode sslrootcert "
    "target_session_attrs tcp_user_timeout timeout unix_socket uri use_unicode "
    "write_timeout".split()
)
"""Keys in the query of a URL whose values may be shown. Any other value may be a secret."""
_CREDENTIALS = re.compile(r"[^:/]*://[^:/]*:[^@]*@(?P<rest>.*)", re.DOTALL)
_URL_IN_TEXT = re.compile(r"(\b[a-z][\w+.-]*://[^\s:/@'\"]*:)[^\s@'\"]+@", re.IGNORECASE)
_OPTION_IN_TEXT = re.compile(
    r"(\b(?:password|passwd|pwd|sslpassword)(?:=|['\"]\s*:\s*)['\"]?)[^\s&;,'\"\])}]+",
    re.IGNORECASE,
)
_SHORT = 4
"""Secrets of fewer letters are parts of ordinary words."""
_OPTION_NAME = re.compile(r"[A-Za-z][\w.-]{0,39}")
_ASYNCPG_ONLY = (
    "async_fallback",
    "command_timeout",
    "max_cached_statement_lifetime",
    "max_cacheable_statement_size",
    "prepared_statement_cache_size",
    "prepared_statement_name_func",
    "statement_cache_size",
)
_EXAMPLE = "postgresql://user@localhost/app, mysql://user@localhost/app or sqlite:///app.db"


def parse_url(text: str, root: Path | None = None) -> URL:
    """Parse a URL, and replace an async driver by a synchronous one for the same database.

    The path of a SQLite or DuckDB file is relative to `root`.

    Raises ConfigError if the text is not a URL, and DatabaseError if no driver is installed.
    """
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        text.encode()  # bytes of the command line that are not UTF-8 become surrogates
        url = make_url(text)
    except (ArgumentError, ValueError) as error:
        raise ConfigError(
            "cannot parse the database URL", hint=f"write it like {_EXAMPLE}"
        ) from error
    backend = url.get_backend_name()
    if backend in _FILES:
        return _file(url, root)
    _refuse_unescaped_at(text)
    if backend not in _DRIVERS:
        return url
    return _with_driver(url, backend)


def _refuse_unescaped_at(text: str) -> None:
    """Refuse a second @ after a password: the password would be cut off, and its rest be shown."""
    match = _CREDENTIALS.match(text)
    if match is not None and "@" in match["rest"]:
        raise ConfigError(
            "cannot parse the database URL: it has more than one @",
            hint="write each @ in the password as %40, each / as %2F and each : as %3A",
        )


def _file(url: URL, root: Path | None) -> URL:
    if url.drivername == "sqlite+aiosqlite":
        url = url.set(drivername="sqlite")
    file = url.database
    if root is not None and _is_uri(url) and (path := _path_of_uri(url)):
        return url.set(database=f"file:{quote(str(root / path))}")
    if root is None or file in (None, "", ":memory:") or file.startswith(_NO_FILES):
        return url
    return url.set(database=str(root / file))


def _is_uri(url: URL) -> bool:
    """Return whether the database is a URI, such as file:app.db?mode=ro&uri=true."""
    is_asked = str(url.query.get("uri", "")).lower() in _TRUE
    return is_asked and (url.database or "").startswith("file:")


def _path_of_uri(url: URL) -> str | None:
    """Return the path in a URI of SQLite; None for a database in memory.

    https://www.sqlite.org/uri.html
    """
    path = re.split("[?#]", (url.database or "").removeprefix("file:"))[0]
    if path.startswith("//"):  # an authority: empty, or localhost
        path = "/" + path[2:].partition("/")[2]
    is_in_memory = url.query.get("mode") == "memory" or url.query.get("vfs") == "memdb"
    return None if is_in_memory or path in ("", ":memory:") else unquote(path)


def _with_driver(url: URL, backend: str) -> URL:
    """Return the URL with its own driver, or an installed one if it is async or not named."""
    _, _, named = url.drivername.partition("+")
    drivers = _DRIVERS[backend]
    if named and named not in _ASYNC:
        return url
    driver = _first_installed(drivers)
    if driver is not None:
        url = url.set(drivername=f"{backend}+{driver}")
        return _synchronous_query(url) if named in _ASYNC else url
    raise DatabaseError(
        f"no driver for {backend} is installed",
        hint=f'pip install "sqlalchemy-autodiff[{_EXTRAS[backend]}]"',
    )


def async_driver(backend: str) -> str | None:
    """Return the name of an installed asynchronous driver for a database, None without one."""
    return _first_installed(_ASYNC_DRIVERS.get(backend, ()))


def _first_installed(drivers: tuple[tuple[str, str], ...]) -> str | None:
    return next((driver for driver, module in drivers if find_spec(module) is not None), None)


def _synchronous_query(url: URL) -> URL:
    """Rename asyncpg's ssl to sslmode, and remove settings that other drivers reject."""
    url = url.difference_update_query(_ASYNCPG_ONLY)
    if "ssl" in url.query and url.get_backend_name() == "postgresql":
        mode = url.query["ssl"]
        url = url.difference_update_query(["ssl"]).update_query_dict({"sslmode": mode})
    return url


def with_query_of(url: URL, driver: str) -> URL:
    """Return the URL with the options that a driver of env.py knows: asyncpg's name is ssl."""
    if driver != "asyncpg" or "sslmode" not in url.query:
        return url
    mode = url.query["sslmode"]
    return url.difference_update_query(["sslmode"]).update_query_dict({"ssl": mode})


def mask_passwords(url: URL) -> str:
    """Return the text of a URL with *** for the password and for options that may be secret."""
    hidden = [key for key in url.query if not _is_public(key)]
    shown = url.difference_update_query(hidden)
    names = (key if _OPTION_NAME.fullmatch(key) else "***" for key in hidden)
    return shown.update_query_pairs([(name, "***") for name in names]).render_as_string()


def mask_passwords_in_text(text: str) -> str:
    """Return a text, such as a traceback, with *** for the passwords of URLs and options in it."""
    return _OPTION_IN_TEXT.sub(r"\1***", _URL_IN_TEXT.sub(r"\1***@", text))


def only_public_options(url: URL) -> URL:
    """Return a URL without the options whose values may be secret."""
    return url.difference_update_query([key for key in url.query if not _is_public(key)])


def _is_public(key: str) -> bool:
    return key.lower() in _PUBLIC_OPTIONS


def describe_url(url: URL) -> str:
    """Return what identifies the database of a URL: no driver, no password, no parameters."""
    if url.get_backend_name() in _FILES:
        file = url.database or ":memory:"
        missing = " (the file does not exist yet)" if _is_missing_file(url) else ""
        return f"{url.get_backend_name()}:///{file}{missing}"
    shown = url.set(drivername=url.get_backend_name(), query={}, password=None)
    return shown.render_as_string(hide_password=True)


@contextmanager
def open_connection(
    url: URL, *, create: bool = False, prepare: Callable[[Engine], None] | None = None
) -> Iterator[Connection]:
    """Open a new connection, and close it at the end.

    Without `create`, a file that does not exist is not created: the connection is to an
    empty database in memory. `prepare` is called with the engine before it connects.

    Raises DatabaseError if the database, the server or the user does not exist, and if the
    database refuses a request while the connection is open.
    """
    import sqlalchemy as sa
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError

    if _is_missing_file(url) and not create:
        query = {} if _is_uri(url) else url.query  # they would be a part of the name
        url = url.set(database=":memory:", query=query)
    try:
        # The pool closes each connection, which also ends its transaction, so it need not reset it.
        engine = sa.create_engine(
            url,
            poolclass=sa.pool.NullPool,
            pool_reset_on_return=None,
            connect_args=_arguments(url),
            execution_options=OWN_ENGINE,
        )
    except NoSuchModuleError as error:
        raise ConfigError(
            f"no SQLAlchemy dialect for {url.drivername!r}", hint=f"write the URL like {_EXAMPLE}"
        ) from error
    except ImportError as error:
        raise DatabaseError(
            f"the driver of {url.drivername!r} is not installed: {error}",
            hint=_install_hint(url),
        ) from error
    except (ArgumentError, TypeError, ValueError) as error:
        raise _refused(url, error) from error
    if prepare is not None:
        prepare(engine)
    try:
        with _connected(engine) as connection:
            yield connection
    finally:
        engine.dispose()


@contextmanager
def _connected(engine: Engine) -> Iterator[Connection]:
    """Open a connection of an engine, and return it to the pool at the end.

    Raises DatabaseError as `open_connection` does.
    """
    try:
        connection = engine.connect()
    except AutodiffError:
        raise
    except Exception as error:  # drivers raise TypeError for an unknown option, and others
        raise _refused(engine.url, error) from error
    with database_errors(engine.url), connection:  # closing a lost connection fails too
        yield connection


def engine_or_connection(engine: object, connection: object) -> Engine | Connection | None:
    """Return the engine or the connection that the application passes, None without either.

    Raises ConfigError if both are given, and if an object is not one of these, such as an
    AsyncEngine.
    """
    if engine is not None and connection is not None:
        raise ConfigError("engine and connection are both given", hint="pass only one of them")
    given = engine if engine is not None else connection
    if given is None:
        return None
    from sqlalchemy.engine import Connection, Engine

    if isinstance(given, Engine | Connection):
        return given
    name = type(given).__name__
    raise ConfigError(
        f"cannot use {name}: it is neither a sqlalchemy.Engine nor a sqlalchemy.Connection",
        hint="with an AsyncConnection, use: await connection.run_sync(lambda c: "
        "Project(connection=c, ...).upgrade()); or pass the url and use: "
        "await asyncio.to_thread(project.upgrade)",
    )


@contextmanager
def use_connection(given: Engine | Connection) -> Iterator[Connection]:
    """Use the application's connection, or one of its engine, and end any transaction after use.

    Raises ConfigError if the connection is closed, and if it is in a transaction, which would be
    ended with the work of the application in it.
    """
    from sqlalchemy.engine import Connection

    if not isinstance(given, Connection):
        with _connected(given) as connection, _without_streaming(connection):
            yield connection
        return
    with _without_transaction(given), _without_streaming(given):
        yield given


@contextmanager
def _without_streaming(connection: Connection) -> Iterator[None]:
    """Fetch whole results: PostgreSQL refuses a server-side cursor for statements such as SHOW."""
    before = connection.get_execution_options()
    connection.execution_options(stream_results=False, yield_per=None)
    try:
        yield
    finally:
        connection.execution_options(
            stream_results=before.get("stream_results", False), yield_per=before.get("yield_per")
        )


@contextmanager
def _without_transaction(connection: Connection) -> Iterator[None]:
    if connection.closed:
        raise ConfigError(
            "the connection is closed", hint="pass an open one, such as engine.connect() returns"
        )
    if connection.in_transaction():
        raise ConfigError(
            "the connection is in a transaction, but migrations begin and end their own",
            hint="commit or roll back first; engine.connect() returns a connection without a "
            "transaction, engine.begin() does not",
        )
    with database_errors(connection.engine.url):
        try:
            yield
        finally:
            if not connection.closed and not connection.invalidated:
                connection.rollback()


@contextmanager
def database_errors(url: URL) -> Iterator[None]:
    """Raise DatabaseError for every request that the database refuses."""
    from sqlalchemy.exc import DBAPIError

    try:
        yield
    except DBAPIError as error:
        raise _failed(url, error) from error


def _arguments(url: URL) -> dict[str, None]:
    """Return arguments that turn off psycopg's prepared statements.

    Behind a pooler such as PgBouncer, the next session does not know a prepared statement.

    https://www.psycopg.org/psycopg3/docs/advanced/prepare.html#using-prepared-statements-with-pgbouncer
    """
    name = "prepare_threshold"
    return {name: None} if url.drivername == "postgresql+psycopg" and name not in url.query else {}


def _is_missing_file(url: URL) -> bool:
    file = url.database
    if url.get_backend_name() not in _FILES or file in (None, "", ":memory:"):
        return False
    if _is_uri(url):
        path = _path_of_uri(url)
        return path is not None and not Path(path).exists()
    return not file.startswith(_NO_FILES) and not Path(file).exists()


def _refused(url: URL, error: Exception) -> DatabaseError:
    text = _reason(url, error)
    return DatabaseError(
        f"cannot connect to {mask_passwords(url)}: {text}",
        hint=state_hint(error) or hint_for(text.lower()),
    )


def _failed(url: URL, error: Exception) -> DatabaseError:
    if getattr(error, "connection_invalidated", False):
        return DatabaseError(
            f"lost the connection to {mask_passwords(url)}: {_reason(url, error)}",
            hint=state_hint(error) or "run it again when the server is available",
        )
    return DatabaseError(
        f"{mask_passwords(url)} refused a request: {_reason(url, error)}",
        hint=state_hint(error) or _later_hint(f"{getattr(error, 'orig', None) or error}".lower()),
    )


def _later_hint(reason: str) -> str:
    if "locked" in reason or "timeout" in reason:
        return "another program is writing to the database: try again when it has finished"
    if "no schema has been selected" in reason:
        return no_schema_hint()
    if "not a database" in reason:
        return "the file is not a SQLite database: check the path in the URL"
    return "check the privileges of the user in the URL; --debug shows the statement"


def no_schema_hint(path: str = "") -> str:
    """Return what to do if PostgreSQL finds no schema of the search_path, which may be shown."""
    shown = f" ({path})" if path else ""
    return (
        f"no schema of the search_path{shown} exists: create one, or correct the search_path in "
        "the URL, or of the role or the database"
    )


def _install_hint(url: URL) -> str:
    """Return how to get the driver of a URL: the extra has only the first one of its database."""
    backend = url.get_backend_name()
    if backend not in _DRIVERS:
        return "install it, or use another driver"
    driver = url.drivername.partition("+")[2]
    drivers = _DRIVERS[backend]
    extra = f'pip install "sqlalchemy-autodiff[{_EXTRAS[backend]}]"'
    if driver == drivers[0][0]:
        return extra
    is_other_installed = any(find_spec(module) is not None for _, module in drivers)
    other = f"write {backend}:// in the URL, which uses an installed driver"
    return f"pip install {_PACKAGES.get(driver, driver)}, or " + (
        other if is_other_installed else f"{extra} and {other}"
    )


def _reason(url: URL, error: Exception) -> str:
    """Return the message of the driver on one line, without passwords."""
    if isinstance(error, AttributeError) and "'encoding'" in f"{error}" and "charset" in url.query:
        # PyMySQL has looked for the encoding of the charset.
        return f"the driver knows no charset {url.query['charset']!r}"
    reason = hide_secrets(database_words(getattr(error, "orig", None) or error).strip(), url)
    lines = [line.strip() for line in reason.splitlines() if line.strip()]
    return " ".join(lines[:2]) or type(error).__name__


def hide_secrets(text: str, url: URL) -> str:
    """Return a text with *** for the password of a URL and its options that may be secret.

    A short secret is hidden only where it is a whole word: others contain its letters by chance.
    """
    for secret in _secrets(url):
        pattern = re.escape(secret)
        if len(secret) < _SHORT:
            pattern = rf"(?<!\w){pattern}(?!\w)"
        text = re.sub(pattern, "***", text)
    return text


def _secrets(url: URL) -> list[str]:
    """Return the texts to hide, also in their URL-encoded form, with the longest first."""
    found = [str(url.password or "")]
    for key, value in url.query.items():
        if not _is_public(key):
            found += [value] if isinstance(value, str) else value
    return sorted({*found, *map(quote, found), *map(quote_plus, found)} - {""}, key=len)[::-1]


def hint_for(reason: str) -> str:
    """Return what to do about an error of connecting, by its message in lower case."""
    if "could not determine version from string 'cockroachdb" in reason:
        return (
            "use SQLAlchemy's dialect for CockroachDB: pip install sqlalchemy-cockroachdb, and a "
            "URL that begins with cockroachdb://"
        )
    for words, hint in _HINTS:
        if any(word in reason for word in words):
            return hint
    return "check the URL (--url, DATABASE_URL, or url in the configuration)"


_HINTS = (
    (
        ("valid sqlite url forms",),
        "write three slashes before a relative path, and four before an absolute one: "
        "sqlite:///app.db",
    ),
    (
        ("' to database", "permission denied for database"),
        "grant the user in the URL privileges on the database, or correct the name of the database",
    ),
    (
        ("no pg_hba.conf entry",),
        "check the user and the database in the URL, or allow them in pg_hba.conf of the server",
    ),
    (
        (
            *(
                "connection option",
                "keyword argument",
                "sslmode",
                "does not support ssl",
                "charset",
            ),
            *("configuration parameter", "value for", "has no attribute"),
        ),
        "check the options after ? in the URL",
    ),
    (
        ("password", "access denied", "authentication", "role "),
        "check the user and the password in the URL",
    ),
    (
        ("does not exist", "unknown database"),
        "create the database first, or correct its name in the URL",
    ),
    (  # DuckDB
        ("could not set lock on file",),
        "another process has the file open: try again when it has closed the database",
    ),
    (("unable to open database file",), "check that the folder exists and is writable"),
    (
        ("refused", "timeout", "resolve", "connect"),
        "check that the server is running, and the host and port in the URL",
    ),
    (("argument", "option", "invalid"), "check the options after ? in the URL"),
)
"""What to do about an error of connecting, by words in its message; the first that match count.

Most messages of PostgreSQL contain "connection", so words that say more come before it.
"""
