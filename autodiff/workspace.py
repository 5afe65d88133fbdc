"""The context that every command needs: configuration, models, migrations and connection."""

from __future__ import annotations

import reprlib
import shlex
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Self, Unpack

from autodiff.config import ProjectSettings, config_from_settings, load_config
from autodiff.errors import (
    ConfigError,
    HistoryError,
    HookFailedError,
    MigrationFileError,
    ModelsError,
)
from autodiff.migrations import Graph, LockFile, load_graph, read_lock
from autodiff.migrations.alembic_history import read_version_table
from autodiff.utils.connections import (
    describe_url,
    engine_or_connection,
    open_connection,
    parse_url,
    use_connection,
)
from autodiff.utils.imports import add_import_folders

if TYPE_CHECKING:
    import sqlalchemy as sa

    from autodiff.dialects import Dialect
    from autodiff.dialects.scope import Selection
    from autodiff.dialects.timeouts import Limits
    from autodiff.runner.events import Listener
    from autodiff.runner.hooks import Hooks
    from autodiff.runner.loader import Loader
    from autodiff.runner.runner import Runner
    from autodiff.schema.objects import ColumnType, Schema

__all__ = ["Workspace"]


class Workspace:
    """The models, the migrations folder and the database of a project.

    The modules in `autodiff.commands` take a workspace; `Project` adds the commands as methods.
    """

    def __init__(
        self,
        url: str | sa.URL | None = None,
        metadata: sa.MetaData | Sequence[sa.MetaData] | None = None,
        directory: str | Path = "migrations",
        *,
        engine: sa.Engine | None = None,
        connection: sa.Connection | None = None,
        hooks: Hooks | None = None,
        **settings: Unpack[ProjectSettings],
    ) -> None:
        """Build a project in code, without a configuration file.

        Args:
            url: The URL of the database.
            metadata: The MetaData of the models, or several.
            directory: The migrations folder.
            engine: An engine of the application to use instead of a URL.
            connection: A connection of the application to use instead of a URL. It must not be in
                a transaction, is used by one thread at a time, and is returned in the state in
                which it was passed.
            hooks: Functions to call around runs and migrations.
            **settings: The settings of `autodiff.config.ProjectSettings`.
        """
        self._by = engine_or_connection(engine, connection)
        if self._by is not None:
            url = self._by.engine.url
        text = (
            url
            if url is None or isinstance(url, str)
            else url.render_as_string(hide_password=False)
        )
        self.config = config_from_settings(text, directory, settings)
        self.exclude_version_table()
        self._metadata = metadata
        self._hooks = hooks
        self._on_connect: Callable[[str], None] | None = None
        self._while_connecting: Callable[[], AbstractContextManager[object]] = nullcontext
        self._config_path: Path | None = None
        self._on_step: Callable[[str], None] | None = None

    @classmethod
    def load(
        cls,
        path: str | Path = ".",
        *,
        url: str | None = None,
        env: str | None = None,
        environment: Mapping[str, str] | None = None,
        engine: sa.Engine | None = None,
        connection: sa.Connection | None = None,
    ) -> Self:
        """Load the project whose configuration is in a folder or in the nearest one above it.

        Args:
            path: The folder, or the configuration file itself.
            url: The URL of the database, which overrides the configured one.
            env: The name of an environment of the configuration.
            environment: The environment variables to use instead of `os.environ`.
            engine: An engine of the application to use instead of a URL.
            connection: A connection of the application to use instead of a URL; see `Project`.

        Raises:
            ConfigError: No configuration is found, it is invalid, or it has no such environment.
        """
        by = engine_or_connection(engine, connection)
        if by is not None:
            url = by.engine.url.render_as_string(hide_password=False)
        config = load_config(path, environment, env=env)
        project = cls.__new__(cls)
        project.config = replace(
            config, url=url or config.url, override=None if url else config.override
        )
        project.exclude_version_table()
        project._metadata = None
        project._hooks = None
        project._by = by
        project._on_connect = None
        project._while_connecting = nullcontext
        project._config_path = Path(path).resolve() if Path(path).is_file() else config.root
        project._on_step = None
        return project

    @property
    def config_path(self) -> Path | None:
        """The configuration file that was named, else its folder; None if built in code."""
        return self._config_path

    def exclude_version_table(self) -> None:
        """Leave the version table of an adopted Alembic history out of every comparison."""
        with suppress(HistoryError):  # reading the migrations reports it
            table = read_version_table(self.directory)
            if table is not None and table not in self.config.exclude_tables:
                names = (*self.config.exclude_tables, table)
                self.config = replace(self.config, exclude_tables=names)

    def on_connect(self, listener: Callable[[str], None]) -> None:
        """Call a function with the name of the database before the first connection to it.

        Args:
            listener: Receives a text such as `postgresql://app@localhost/shop`, which has no
                password.
        """
        self._on_connect = listener

    def while_connecting(self, show: Callable[[], AbstractContextManager[object]]) -> None:
        """Enter a context manager while a connection is opened, which a server can leave waiting.

        Args:
            show: Returns the context manager, such as one that shows progress.
        """
        self._while_connecting = show

    def announce(self) -> None:
        """Call the function of `on_connect`, once."""
        listener, self._on_connect = self._on_connect, None
        if listener is not None:
            note = f" ({self.config.override})" if self.config.override else ""
            listener(f"{describe_url(self.url if self._by is None else self._by.engine.url)}{note}")

    def on_step(self, listener: Callable[[str], None]) -> None:
        """Call a function before each part of work that can take long, such as a rehearsal.

        Args:
            listener: Receives a text such as `rehearsing 0004_add_index (4 of 12)`.
        """
        self._on_step = listener

    def announce_step(self, text: str) -> None:
        """Call the function of `on_step`."""
        if self._on_step is not None:
            self._on_step(text)

    @property
    def directory(self) -> Path:
        """The migrations folder, the first one if there are several; it has the lock file."""
        return self.config.migrations

    @property
    def folders(self) -> tuple[Path, ...]:
        """All migrations folders.

        Raises:
            ConfigError: One of several folders is missing.
        """
        folders = tuple(dict.fromkeys(path.resolve() for path in self.config.locations))
        for folder in folders:
            if not folder.is_dir():
                raise ConfigError(
                    f"the location {folder} is not a folder",
                    hint=f"create it: mkdir {shlex.quote(str(folder))}; or correct the setting "
                    "locations",
                )
        return folders or (self.directory,)

    def location(self, name: str) -> Path:
        """Return one of the migrations folders, by its path or by the end of its path.

        Raises:
            ConfigError: No folder or several folders match.
        """
        parts = PurePath(name).parts
        matching = [
            folder
            for folder in self.folders
            if folder == Path(name).resolve()
            or folder == (self.config.root / name).resolve()
            or (parts and folder.parts[-len(parts) :] == parts)
        ]
        exact = [folder for folder in matching if folder == (self.config.root / name).resolve()]
        if len(exact or matching) != 1:
            problem = "matches several locations" if matching else "is not one of the locations"
            known = ", ".join(map(self._short_path, self.folders))
            raise ConfigError(f"{name!r} {problem}", hint=f"the locations are: {known}")
        return (exact or matching)[0]

    def _short_path(self, folder: Path) -> str:
        root = self.config.root.resolve()
        return str(folder.relative_to(root) if folder.is_relative_to(root) else folder)

    def metadata(self) -> list[sa.MetaData]:
        """Return the MetaData objects of the models.

        Raises:
            ConfigError: No models are configured.
            ModelsError: The models cannot be loaded, or they have no tables.
        """
        import sqlalchemy as sa

        if self._metadata is not None:
            metadata = self._metadata
            return [metadata] if isinstance(metadata, sa.MetaData) else list(metadata)
        if not self.config.models:
            raise ConfigError(
                "no models are configured",
                hint='set them in the configuration, such as models = "app.models:Base"',
            )
        from autodiff.models import load_metadata

        loaded = load_metadata(self.config.models, self.config.import_path)
        if not any(metadata.tables for metadata in loaded) and not self.config.allow_empty_models:
            raise self._no_tables()
        return loaded

    def _no_tables(self) -> ModelsError:
        """Return the error for models without tables: most likely no model module was imported."""
        named = ", ".join(map(repr, self.config.models))
        module = self.config.models[0].partition(":")[0]
        package = module.rpartition(".")[0] or module
        return ModelsError(
            f"models {named} have no tables: no module that defines a table was imported",
            hint=f'name a module that defines them, such as models = "{package}.models:db", or a '
            f'function that imports it, such as models = "{package}:create_app"; if there are no '
            "tables on purpose, set allow_empty_models = true, or pass --allow-empty-models to "
            "generate",
        )

    @property
    def has_database(self) -> bool:
        """Whether a database is configured."""
        return self._by is not None or bool(self.config.url)

    @property
    def has_models(self) -> bool:
        """Whether any models are configured."""
        return self._metadata is not None or bool(self.config.models)

    def declare(self, dialect: Dialect) -> Schema:
        """Return the schema that the models describe, without excluded tables.

        Args:
            dialect: The database for which the schema is.

        Raises:
            ModelsError: The models cannot be loaded, or use something that autodiff or the database
                does not support.
        """
        from autodiff.models import declare

        return declare(self.metadata(), dialect, self.selection())

    def selection(self) -> Selection:
        """Return which objects the project manages.

        Raises:
            ConfigError: The function of `include_object` cannot be imported.
        """
        from autodiff.dialects.scope import Selection

        config = self.config
        ask = self.function("include_object", "def include_object(kind, name, schema, reflected)")

        def includes(kind: str, name: str, schema: str | None, reflected: bool) -> bool:
            assert ask is not None
            answer = ask(kind, name, schema, reflected)
            if isinstance(answer, bool):
                return answer
            raise self.wrong_result("include_object", answer, "True or False")

        return Selection(
            include=config.include_tables,
            exclude=config.exclude_tables,
            history_table=config.history_table,
            include_object=None if ask is None else includes,
        )

    def rewrite_plan(self) -> Callable[[Any], Any] | None:
        """Return the function of `rewrite_plan`, None if it is not set.

        Raises:
            ConfigError: The function cannot be imported.
        """
        from autodiff.plan import MigrationPlan

        call = self.function("rewrite_plan", "def rewrite_plan(plan)")
        if call is None:
            return None

        def rewrite(plan: MigrationPlan) -> MigrationPlan:
            result = call(plan)
            if isinstance(result, MigrationPlan):
                return result
            raise self.wrong_result("rewrite_plan", result, "a plan")

        return rewrite

    def render_type(self) -> Callable[[ColumnType], tuple[str, tuple[str, ...]] | None] | None:
        """Return the function of `render_type`, None if it is not set.

        Raises:
            ConfigError: The function cannot be imported.
        """
        from autodiff.utils.python_source import is_expression, is_import

        call = self.function("render_type", "def render_type(type)")
        if call is None:
            return None

        def render(type_: ColumnType) -> tuple[str, tuple[str, ...]] | None:
            match result := call(type_):
                case None:
                    return None
                case (str() as source, str() | list() | tuple() | set() | frozenset() as imports):
                    lines = (imports,) if isinstance(imports, str) else tuple(imports)
                    if is_expression(source) and all(map(is_import, lines)):
                        return source, lines
            expected = "the source of a type and its import statements, or None"
            raise self.wrong_result("render_type", result, expected)

        return render

    def function(self, name: str, usage: str) -> Callable[..., Any] | None:
        """Return the function of a setting, None if it is not set.

        Args:
            name: The setting, which is also the name of the hook in messages.
            usage: The first line of such a function, for the hint.

        Raises:
            ConfigError: The function cannot be imported.
        """
        from autodiff.utils.functions import call_function

        found = self._named_function(name, usage)
        if found is None:
            return None
        return partial(call_function, name, found, self.config.import_path)

    def wrong_result(self, name: str, result: object, expected: str) -> HookFailedError:
        """Return the error for a function of a setting that returned something else."""
        from autodiff.utils.functions import place_of

        found = self._named_function(name, "")
        place = name if found is None else place_of(found, self.config.import_path)
        return HookFailedError(
            name,
            place,
            f"it returned {reprlib.repr(result)}, not {expected}",
            hint=f"return {expected}",
        )

    def _named_function(self, name: str, usage: str) -> Callable[..., Any] | None:
        from autodiff.utils.functions import load_function

        target = getattr(self.config, name)
        if not isinstance(target, str):
            return target  # type: ignore[no-any-return]
        return load_function(
            name, target, self.config.import_path, setting=name, usage=f"write {usage}: ..."
        )

    def graph(self, problems: list[MigrationFileError] | None = None) -> Graph:
        """Read the migrations folders and return their migrations as a graph.

        The migrations can import from the folders that the configuration names.

        Args:
            problems: A list for the errors of single files, which are then not raised.

        Raises:
            ConfigError: One of several folders is missing.
            HistoryError: A folder is invalid.
        """
        if self._config_path is not None:
            add_import_folders(self.config.import_path)
        return load_graph(*self.folders, problems=problems)

    def lock(self) -> LockFile | None:
        """Read the lock file; return None if there is none.

        Raises:
            HistoryError: The lock file is invalid.
        """
        return read_lock(self.directory)

    @property
    def url(self) -> sa.URL:
        """The URL of the database.

        Raises:
            ConfigError: No URL is set, or it cannot be parsed.
        """
        if self.config.unset and not self.config.url:
            owner = f" of environment {self.config.env}" if self.config.env else ""
            raise ConfigError(
                f"the url{owner} needs the environment variable {self.config.unset[0]}, "
                "which is not set",
                hint=f"set {self.config.unset[0]}, or pass --url{self.config.env_file_hint}",
            )
        if not self.config.url:
            raise ConfigError(
                "no database URL is set",
                hint="pass --url, set DATABASE_URL, or set url in the configuration",
            )
        return parse_url(self.config.url, self.config.root)

    @property
    def scratch_url(self) -> sa.URL | None:
        """The URL of the database to use as the scratch database, which is emptied; or None."""
        text = self.config.scratch_url
        return parse_url(text, self.config.root) if text else None

    @contextmanager
    def connect(self, *, create: bool = False, to_read: bool = False) -> Iterator[sa.Connection]:
        """Connect to the database and yield the connection.

        If the project was built with an engine or a connection, that is used.

        Args:
            create: Whether to create a SQLite file that does not exist; otherwise an empty database
                in memory is used.
            to_read: Whether nothing is written. Then the first query also looks for the tables
                with the history, and needs fewer round trips.

        Raises:
            ConfigError: No URL is set.
            DatabaseError: The database cannot be reached.
        """
        self.announce()
        if self._by is None:
            prepare = self._prepare_to_read if to_read else None
            with ExitStack() as stack:
                with self._while_connecting():
                    opened = open_connection(self.url, create=create, prepare=prepare)
                    connection = stack.enter_context(opened)
                yield connection
            return
        from autodiff.dialects import dialect_of

        with (
            use_connection(self._by) as connection,
            dialect_of(connection).session.preserve(connection),
        ):
            yield connection

    def _prepare_to_read(self, engine: sa.Engine) -> None:
        from autodiff.dialects import prepare_engine
        from autodiff.dialects.scope import journal_table

        table = self.config.history_table
        prepare_engine(engine, (table, journal_table(table)), self.config.history_schema)

    @property
    def connects_by_url(self) -> bool:
        """Whether the project was loaded from a configuration, and connects to its URL."""
        return self._by is None and self._config_path is not None

    def hooks(self) -> Hooks:
        """Return the functions that runs call, from the constructor or the configuration.

        Raises:
            ConfigError: A configured function cannot be imported.
        """
        from autodiff.runner.hook_loader import load_hooks

        return self._hooks or load_hooks(self.config.hooks, self.config.import_path)

    @contextmanager
    def open_runner(
        self,
        on_event: Listener | None = None,
        *,
        create: bool = False,
        lock_wait: float | None = None,
        hooks: Hooks | None = None,
    ) -> Iterator[Runner]:
        """Connect to the database and yield a runner for the project's migrations.

        Args:
            on_event: Called for each event of the runner.
            create: Whether to create a SQLite file that does not exist; otherwise an empty database
                in memory is used.
            lock_wait: Seconds to wait for another run; by default the setting `lock_wait`.
            hooks: Functions to call around runs and migrations.
        """
        from autodiff.runner.listeners import named_in_errors

        listener = None if on_event is None else named_in_errors(on_event)
        graph = self.graph()
        with self.connect(create=create) as connection:
            yield self.runner(
                connection, graph, on_event=listener, lock_wait=lock_wait, hooks=hooks
            )

    def runner(
        self,
        connection: sa.Connection,
        graph: Graph,
        *,
        schema: str | None = None,
        on_event: Listener | None = None,
        lock_wait: float | None = None,
        sleep: Callable[[float], None] = time.sleep,
        hooks: Hooks | None = None,
        loader: Loader | None = None,
    ) -> Runner:
        """Return a runner on a connection, with the limits of the configuration.

        Args:
            connection: The connection to run migrations on.
            graph: The migrations.
            schema: The schema of the history tables, if it is not the configured one.
            on_event: Called for each event of the runner.
            lock_wait: Seconds to wait for another run; by default the setting `lock_wait`.
            sleep: Called with the seconds to wait for a lock or before another attempt.
            hooks: Functions to call around runs and migrations.
            loader: Imports migration files; runners on several databases can share one.
        """
        from autodiff.runner.events import ignore
        from autodiff.runner.runner import Runner

        return Runner(
            connection,
            graph,
            schema=schema or self.config.history_schema,
            history_table=self.config.history_table,
            on_event=on_event or ignore,
            lock_wait=self.config.lock_wait if lock_wait is None else lock_wait,
            limits=self.limits(),
            sleep=sleep,
            hooks=hooks,
            loader=loader,
        )

    def limits(self) -> Limits:
        from autodiff.dialects.timeouts import Limits

        return Limits(
            lock=self.config.lock_timeout,
            statement=self.config.statement_timeout,
            retries=int(self.config.lock_retries),
        )

    def offline_dialect(self) -> Dialect:
        """Return the dialect of the URL or, without one, of the lock file, without connecting.

        With `mysql://`, the lock file says whether the server is MariaDB.

        Raises:
            HistoryError: There is neither a URL nor a lock file.
        """
        if self.config.url:
            backend = self.url.get_backend_name()
            with suppress(HistoryError):  # the URL is enough
                lock = self.lock()
                if lock is not None:
                    found = self._dialect_for(lock.backend, version=lock.version)
                    if found.matches(backend):
                        return found
            return self._dialect_for(backend)
        lock = self.lock()
        if lock is None:
            raise HistoryError(
                "cannot determine the kind of database: there is no URL and no lock file",
                hint="pass --url, or set DATABASE_URL",
            )
        return self._dialect_for(lock.backend, version=lock.version)

    def dialect_of_lock(self, lock: LockFile, *, scratch_url: sa.URL | None = None) -> Dialect:
        """Return the dialect of the lock file, without connecting.

        On MySQL the URL has the name of the default schema, which is the database itself.
        """
        dialect = self._dialect_for(lock.backend, version=lock.version, scratch_url=scratch_url)
        if dialect.default_schema or not self.config.url:
            return dialect
        url = self.url
        if not dialect.matches(url.get_backend_name()):
            return dialect
        return self._dialect_for(
            lock.backend,
            version=lock.version,
            default_schema=url.database,
            scratch_url=scratch_url,
        )

    def _dialect_for(self, backend: str, **known: Any) -> Dialect:
        """Return the dialect of a kind of server, as SQLAlchemy names it on a connection.

        MariaDB is "mysql" unless the URL says `mariadb://`, also if there is no URL, because most
        projects write it so.
        """
        from autodiff.dialects import dialect_for

        is_mysql = backend == "mariadb" and not (
            self.config.url and self.url.get_backend_name() == "mariadb"
        )
        return dialect_for(backend, sqlalchemy_name="mysql" if is_mysql else None, **known)
