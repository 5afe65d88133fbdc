"""Run a project's env.py by Alembic itself, on the database that autodiff names.

An env.py makes its own engine, often from settings of the application. While it runs, the engines
of its thread connect to the given database, whatever their URL says.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, redirect_stdout, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import sqlalchemy as sa

from autodiff.dialects import dialect_for
from autodiff.errors import ConfigError, DatabaseError, HistoryError, exception_words
from autodiff.migrations.alembic_folder import AlembicFolder
from autodiff.migrations.alembic_history import AlembicHistory
from autodiff.runner.events import Direction
from autodiff.runner.hidden_tables import hide_tables
from autodiff.utils.connections import async_driver, with_query_of
from autodiff.utils.imports import import_application_module

if TYPE_CHECKING:
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.runtime.migration import MigrationContext, MigrationStep
    from alembic.script import ScriptDirectory
    from sqlalchemy.engine import URL, Connection

__all__ = ["AlembicEnvironment"]

Steps: TypeAlias = (
    "Callable[[ScriptDirectory, MigrationContext, Sequence[str]], list[MigrationStep]]"
)
"""Receives the scripts, the context and the present heads, and returns the steps to run."""

_ONE_AT_A_TIME = threading.RLock()
"""Alembic's `context` and `op` are global to the process."""
_RUN: ContextVar[object] = ContextVar("autodiff_alembic_run", default=None)
"""The run of this thread, and of the worker threads that asyncio and anyio start for it."""
_ADDRESS = frozenset(
    "host hostaddr port user username password passwd database dbname db unix_socket service dsn"
    "".split()
)
"""The arguments of drivers that name a server, a database or a user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlembicEnvironment:
    """The env.py of an Alembic history, and the database to run it on.

    url: the URL of the database.
    prepare: called with each new connection; raises an error for one to another database.
    own_tables: the tables of autodiff, which revisions that look for all tables must not find.
    """

    history: AlembicHistory
    url: URL
    prepare: Callable[[Connection], None] = lambda connection: None
    own_tables: tuple[str, ...] = ()

    def run(self, steps: Steps, direction: Direction, revision: str) -> None:
        """Run env.py, and the steps for the heads that it finds.

        Args:
            steps: Returns the steps.
            direction: Whether they upgrade or downgrade the database.
            revision: Where they end, as env.py may read it from the arguments of the command.

        Raises ConfigError if Alembic is not installed; and whatever env.py and the steps raise.
        """
        with _ONE_AT_A_TIME:
            self._run(steps, direction, {"destination_rev": revision})

    def script(
        self, steps: Steps, direction: Direction, revision: str, starting: Sequence[str]
    ) -> str:
        """Return the SQL of the steps, without a connection, by Alembic's offline mode.

        Args:
            steps, direction, revision: See `run`.
            starting: The heads before the steps.
        """
        output = io.StringIO()
        options = {
            "as_sql": True,
            "starting_rev": tuple(starting) or None,
            "destination_rev": revision,
            "output_buffer": output,
        }
        called = False

        def noting(*arguments: Any) -> list[MigrationStep]:
            nonlocal called
            called = True
            return steps(*arguments)

        with _ONE_AT_A_TIME:
            self._run(noting, direction, options)
        if not called:
            raise HistoryError(
                "env.py did not call context.run_migrations() in offline mode",
                hint="env.py must run the revisions if context.is_offline_mode() is true",
            )
        return output.getvalue()

    def _run(self, steps: Steps, direction: Direction, options: dict[str, Any]) -> None:
        folder = self.history.folder
        assert folder is not None
        _require_alembic(folder)
        from alembic.script import ScriptDirectory

        config = self._config(folder, direction, options)
        with _import_path(folder):
            scripts = ScriptDirectory.from_config(config)
            attributes = config.attributes = _Attributes()
            if self.history.configure is not None:
                _configure(self.history.configure, config)
            begun = False

            def take(heads: Any, context: MigrationContext) -> list[MigrationStep]:
                nonlocal begun
                begun = True
                return steps(scripts, context, tuple(heads or ()))

            def run_env() -> None:
                with _environment_context(config, scripts, take, options):
                    scripts.run_env()

            def run() -> None:
                with (
                    redirect_stdout(sys.stderr),  # what env.py prints is not our output
                    _async_drivers(),
                    _connecting_to(self.url, self.prepare, self.own_tables),
                    _application(folder),
                ):
                    try:
                        run_env()
                    except Exception:
                        if begun or not attributes.asked_for_connection or "as_sql" in options:
                            raise
                        with self._passed_connection() as connection:
                            attributes["connection"] = connection
                            run_env()

            with _kept_logging(), _kept_folder():
                _outside_event_loop(run)

    @contextmanager
    def _passed_connection(self) -> Iterator[Connection]:
        """Yield a connection for an env.py that does not open one itself.

        https://alembic.sqlalchemy.org/en/latest/cookbook.html#sharing-a-connection-across-one-or-more-programmatic-migration-commands
        """
        engine = sa.create_engine(self.url, poolclass=sa.pool.NullPool)
        with engine.connect() as connection:
            yield connection
            connection.commit()

    def _config(
        self, folder: AlembicFolder, direction: Direction, options: dict[str, Any]
    ) -> Config:
        """Return the configuration as Alembic's command line makes it."""
        from alembic import command
        from alembic.config import Config

        arguments = argparse.Namespace(
            cmd=(getattr(command, direction), ["revision"], ["sql", "tag"]),
            config=str(folder.source),
            name=folder.section,
            x=list(self.history.x) or None,
            raiseerr=True,
            revision=options["destination_rev"],
            sql="as_sql" in options,
            tag=None,
        )
        ini = None if folder.ini is None else str(folder.ini)
        toml: dict[str, Any] = {} if folder.toml is None else {"toml_file": str(folder.toml)}
        # what Alembic prints is not the output of the command
        config = Config(
            ini, ini_section=folder.section, cmd_opts=arguments, stdout=sys.stderr, **toml
        )
        config.set_main_option("script_location", str(folder.script_location).replace("%", "%%"))
        url = self.url.render_as_string(hide_password=False)
        config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
        if self.history.database is not None:
            config.set_main_option("databases", self.history.database)
            option = url.replace("%", "%%")
            config.set_section_option(self.history.database, "sqlalchemy.url", option)
        return config


class _Attributes(dict[str, Any]):
    """The attributes of Alembic's Config, which the caller of its commands can set."""

    asked_for_connection = False

    def get(self, key: str, default: Any = None) -> Any:
        self.asked_for_connection |= key == "connection"
        return super().get(key, default)

    def __missing__(self, key: str) -> Any:
        self.asked_for_connection |= key == "connection"
        raise KeyError(key)

    def __contains__(self, key: object) -> bool:
        self.asked_for_connection |= key == "connection"
        return super().__contains__(key)


def _configure(name: str, config: Config) -> None:
    """Let a function of the application prepare Alembic's Config, as its own command does.

    Raises ConfigError if there is no such function, or it fails.
    """
    module, _, function = name.partition(":")
    found = import_application_module(
        module,
        (),
        subject=f"the function {name!r} of alembic.toml",
        setting="configure",
        error_class=ConfigError,
    )
    try:
        getattr(found, function)(config)
    except Exception as error:
        raise ConfigError(
            f"the function {name!r} of alembic.toml failed: {exception_words(error)}",
            hint="it receives Alembic's Config, and sets the attributes that env.py reads",
        ) from error


def _environment_context(
    config: Config, scripts: ScriptDirectory, steps: Callable[..., Any], options: dict[str, Any]
) -> EnvironmentContext:
    """Return Alembic's environment.

    In offline mode, all SQL goes to the buffer of the options. Otherwise the env.py of the
    multi-database template writes it to a file.
    """
    from alembic.runtime.environment import EnvironmentContext

    environment = EnvironmentContext(config, scripts, fn=steps, **options)
    configure = environment.configure
    configured: list[Connection] = []

    def configure_here(*arguments: Any, **given: Any) -> None:
        if (connection := given.get("connection")) is not None:
            _require_one_connection(configured, connection)
            configured.append(connection)
        if "output_buffer" in options and given.get("output_buffer") is not None:
            given["output_buffer"] = options["output_buffer"]
        configure(*arguments, **given)

    # alembic.context calls it on this object; a subclass is not known to that module
    environment.configure = configure_here  # type: ignore[method-assign]
    return environment


def _require_one_connection(configured: Sequence[Connection], connection: Connection) -> None:
    """Raise DatabaseError if env.py runs the revisions in another transaction at the same time.

    It does so for several databases, such as those of Flask-Migrate's `--multidb`. All connections
    go to one database, where the transactions would wait for each other for ever.
    """
    for other in configured:
        if other is not connection and not other.closed and other.in_transaction():
            raise DatabaseError(
                "env.py runs the revisions for several databases, and autodiff runs them for one",
                hint="let env.py choose one database by context.get_x_argument(as_dictionary="
                'True), and name it in alembic.toml: x = ["NAME=VALUE"]',
            )


def _require_alembic(folder: AlembicFolder) -> None:
    try:
        import alembic  # noqa: F401
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"Alembic is not installed, and it must run the revisions in {folder.script_location}",
            hint='pip install "sqlalchemy-autodiff[alembic]"; or replace them by one migration: '
            "autodiff baseline --legacy",
        ) from error


@contextmanager
def _import_path(folder: AlembicFolder) -> Iterator[None]:
    """Put the folders of `prepend_sys_path` first on the import path, and that of the file last.

    Without the last one, env.py often finds its models only by PYTHONPATH.
    """
    before = list(sys.path)
    sys.path[:0] = map(str, folder.prepend_sys_path)
    sys.path.append(str(folder.source.parent))
    try:
        yield
    finally:
        sys.path[:] = before


@contextmanager
def _application(folder: AlembicFolder) -> Iterator[None]:
    """Enter the context of the Flask application if env.py uses it, as `flask db` does."""
    if b"current_app" not in folder.env_py.read_bytes():
        yield
        return
    try:
        from flask.cli import ScriptInfo
    except ModuleNotFoundError:
        yield
        return
    with ScriptInfo(os.environ.get("FLASK_APP")).load_app().app_context():
        yield


@contextmanager
def _kept_folder() -> Iterator[None]:
    """Restore the current folder, from which relative paths start: env.py may change it."""
    before = Path.cwd()
    try:
        yield
    finally:
        os.chdir(before)


@contextmanager
def _kept_logging() -> Iterator[None]:
    """Restore the configuration of logging, which env.py usually replaces.

    The lines of Alembic about each revision are left out: the runner's events say the same.
    """
    migration = logging.getLogger("alembic.runtime.migration")
    migration.addFilter(_above_info)
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    loggers = [
        each for each in root.manager.loggerDict.values() if isinstance(each, logging.Logger)
    ]
    states = [(each, each.disabled, each.level, list(each.handlers)) for each in loggers]
    try:
        yield
    finally:
        migration.removeFilter(_above_info)
        root.handlers[:] = handlers
        root.setLevel(level)
        for each, disabled, old_level, old_handlers in states:
            each.disabled = disabled
            each.setLevel(old_level)
            each.handlers[:] = old_handlers


def _above_info(record: logging.LogRecord) -> bool:
    return record.levelno > logging.INFO


def _outside_event_loop(run: Callable[[], None]) -> None:
    """Run a function; in another thread if this one has an event loop, for asyncio.run()."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        run()
        return
    errors: list[BaseException] = []

    def catching() -> None:
        try:
            run()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=catching, name="alembic")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]


@contextmanager
def _async_drivers() -> Iterator[None]:
    """Let asynchronous engines take an installed asynchronous driver for a URL of another driver.

    The URL that env.py reads names the driver of autodiff, which is synchronous.
    """
    name = "get_async_dialect_cls"
    original = vars(sa.Dialect)[name]

    def chosen(cls: type[sa.Dialect], url: URL) -> type[sa.Dialect]:
        backend = url.get_backend_name()
        driver = async_driver(backend)
        if cls.is_async or driver is None:
            return cls.get_dialect_cls(url)
        return url.set(drivername=f"{backend}+{driver}").get_dialect()

    setattr(sa.Dialect, name, classmethod(chosen))
    try:
        yield
    finally:
        setattr(sa.Dialect, name, original)


@contextmanager
def _connecting_to(
    url: URL, prepare: Callable[[Connection], None], own_tables: Sequence[str]
) -> Iterator[None]:
    """Let all new connections of this thread go to the database of the URL, and prepare them.

    An engine of the application keeps connections in its pool. Those that were opened before are
    closed, because they reach another database; at the end, those to this database are.
    """
    owner = threading.get_ident()
    run = object()
    opened: list[Any] = []
    connections: list[Connection] = []
    engines: dict[int, sa.Engine] = {}
    dialects: set[int] = set()
    hiding = ExitStack()

    def is_own_thread() -> bool:
        """Return whether this is the thread of the run, or a worker thread that it has started."""
        return threading.get_ident() == owner or _RUN.get() is run

    def connect(dialect: sa.Dialect, record: Any, args: Any, parameters: dict[str, Any]) -> Any:
        if not is_own_thread():
            return None
        if not dialect_for(url.get_backend_name()).matches(dialect.name):
            raise DatabaseError(
                f"env.py connects to a database of {dialect.name}, and the database of autodiff is "
                f"{url.get_backend_name()}",
                hint="name the database of a multi-database env.py: autodiff adopt --name NAME",
            )
        target = with_query_of(url, dialect.driver).set(
            drivername=f"{dialect.name}+{dialect.driver}"
        )
        new_args, new_parameters = dialect.create_connect_args(target)
        kept = {k: v for k, v in parameters.items() if k not in _ADDRESS}
        opened.append(dialect.connect(*new_args, **{**kept, **new_parameters}))
        return opened[-1]

    def check(connection: Connection) -> None:
        if not is_own_thread():
            return
        if _opened_here(connection):
            engines[id(connection.engine)] = connection.engine
        elif isinstance(connection.engine.pool, sa.pool.QueuePool):
            connection.engine.dispose()
            connection.invalidate()
            engines[id(connection.engine)] = connection.engine
        if not connection.dialect.is_async:
            connections.append(connection)
        prepare(connection)
        connection.rollback()
        if id(connection.dialect) not in dialects:
            dialects.add(id(connection.dialect))
            hiding.enter_context(hide_tables(connection.dialect, own_tables))

    def _opened_here(connection: Connection) -> bool:
        raw = connection.connection.dbapi_connection
        return any(raw is each for each in opened)

    sa.event.listen(sa.Engine, "do_connect", connect)
    sa.event.listen(sa.Engine, "engine_connect", check)
    token = _RUN.set(run)
    try:
        yield
    finally:
        _RUN.reset(token)
        hiding.close()
        sa.event.remove(sa.Engine, "engine_connect", check)
        sa.event.remove(sa.Engine, "do_connect", connect)
        for connection in connections:  # an env.py that fails may leave them open, with locks
            with suppress(Exception):
                connection.close()
        for engine in engines.values():
            # connections of an asynchronous driver can be closed only in its event loop
            with suppress(Exception):
                engine.dispose(close=not engine.dialect.is_async)
