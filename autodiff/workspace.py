"""The context that every command needs: configuration, models, migrations and connection."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from autodiff.config import Config, load_config
from autodiff.errors import ConfigError, HistoryError
from autodiff.migrations import Graph, Lock, load_graph, read_lock
from autodiff.utils.connect import borrowed, bound, open_connection, readable_url

if TYPE_CHECKING:
    import sqlalchemy as sa

    from autodiff.dialects import Dialect
    from autodiff.dialects.timeouts import Limits
    from autodiff.runner.events import Listener
    from autodiff.runner.hooks import Hooks
    from autodiff.runner.loader import Loader
    from autodiff.runner.runner import Runner

__all__ = ["Workspace"]


class Workspace:
    """The models, the migrations folder and the database of a project.

    Commands take a workspace; `Project` adds the commands to it.
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
        **settings: Any,
    ) -> None:
        """A project built in code. `settings` are those of `Config`: models, exclude_tables...

        Instead of a url an `engine` or a `connection` of the application is used. A connection must
        not be in a transaction, is used by one thread at a time, and is given back as it was.
        `hooks` are functions to call around runs and migrations.
        """
        self._by = bound(engine, connection)
        if self._by is not None:
            url = self._by.engine.url
        text = (
            url
            if url is None or isinstance(url, str)
            else url.render_as_string(hide_password=False)
        )
        for name in ("models", "exclude_tables"):
            if isinstance(settings.get(name), str):
                settings[name] = (settings[name],)
        self.config = Config(url=text, migrations=Path(directory).resolve(), **settings)
        self._metadata = metadata
        self._hooks = hooks

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
        """The project whose configuration is found from `path`; `url` comes before its own.

        So do an `engine` and a `connection` of the application, as for a project built in code.
        `env` names one of its environments; `environment` stands for os.environ.

        Raises ConfigError where there is no configuration or no such environment.
        """
        by = bound(engine, connection)
        if by is not None:
            url = by.engine.url.render_as_string(hide_password=False)
        config = load_config(path, environment, env=env)
        project = cls.__new__(cls)
        project.config = replace(config, url=url or config.url)
        project._metadata = None
        project._hooks = None
        project._by = by
        return project

    @property
    def directory(self) -> Path:
        """The folder of the migrations."""
        return self.config.migrations

    def metadata(self) -> list[sa.MetaData]:
        """The models' MetaData.

        Raises ModelsError where they don't load, ConfigError where none are configured.
        """
        import sqlalchemy as sa

        if self._metadata is not None:
            given = self._metadata
            return [given] if isinstance(given, sa.MetaData) else list(given)
        if not self.config.models:
            raise ConfigError(
                "no models are configured",
                hint='say where they are: models = "app.models:Base"',
            )
        from autodiff.models import load_metadata

        return load_metadata(self.config.models, self.config.root)

    @property
    def has_models(self) -> bool:
        """Whether any models are configured."""
        return self._metadata is not None or bool(self.config.models)

    def graph(self) -> Graph:
        """The migrations, checked."""
        return load_graph(self.directory)

    def lock(self) -> Lock | None:
        """The lock file, None where there is none."""
        return read_lock(self.directory)

    @property
    def url(self) -> sa.URL:
        """The database's URL.

        Raises ConfigError where none is given.
        """
        if self.config.unset and not self.config.url:
            whose = f" of environment {self.config.env}" if self.config.env else ""
            raise ConfigError(
                f"the url{whose} needs the environment variable {self.config.unset[0]}, "
                "which is not set",
                hint=f"set {self.config.unset[0]}, or give --url",
            )
        if not self.config.url:
            raise ConfigError(
                "no database URL",
                hint="give --url, set DATABASE_URL, or put url = ... into the configuration",
            )
        return readable_url(self.config.url, self.config.root)

    @property
    def scratch_url(self) -> sa.URL | None:
        """The URL of a database that may be emptied, to try things on; None where none is given."""
        text = self.config.scratch_url
        return readable_url(text, self.config.root) if text else None

    @contextmanager
    def connect(self, *, create: bool = False) -> Iterator[sa.Connection]:
        """A connection to the database; see `autodiff.utils.connect.connect`.

        Of the engine, or the connection itself, where the project was given one.
        """
        if self._by is None:
            with open_connection(self.url, create=create) as connection:
                yield connection
            return
        from autodiff.dialects import dialect_of

        with borrowed(self._by) as connection, dialect_of(connection).as_it_was(connection):
            yield connection

    def hooks(self) -> Hooks:
        """The functions that upgrade and downgrade call, those given in code or configured.

        Raises ConfigError where one can't be imported.
        """
        from autodiff.runner.load_hooks import load_hooks

        return self._hooks or load_hooks(self.config.hooks, self.config.root)

    @contextmanager
    def open_runner(
        self,
        on_event: Listener | None,
        *,
        create: bool = False,
        lock_wait: float | None = None,
        hooks: Hooks | None = None,
    ) -> Iterator[Runner]:
        """Connect to the database and yield a runner for the project's migrations."""
        graph = self.graph()
        schema = self.config.history_schema
        with self.connect(create=create) as connection:
            yield self.runner(
                connection,
                graph,
                schema=schema,
                on_event=on_event,
                lock_wait=lock_wait,
                hooks=hooks,
            )

    def runner(
        self,
        connection: sa.Connection,
        graph: Graph,
        *,
        schema: str | None,
        on_event: Listener | None = None,
        lock_wait: float | None = None,
        sleep: Callable[[float], None] = time.sleep,
        hooks: Hooks | None = None,
        loader: Loader | None = None,
    ) -> Runner:
        """A runner on a connection, with the limits of the configuration; `schema` is that of the
        history."""
        from autodiff.runner.events import ignore
        from autodiff.runner.runner import Runner

        return Runner(
            connection,
            graph,
            schema=schema,
            on_event=on_event or ignore,
            lock_wait=self.config.lock_wait if lock_wait is None else lock_wait,
            limits=self._limits(),
            sleep=sleep,
            hooks=hooks,
            loader=loader,
        )

    def _limits(self) -> Limits:
        from autodiff.dialects.timeouts import Limits

        return Limits(
            lock=self.config.lock_timeout,
            statement=self.config.statement_timeout,
            retries=int(self.config.lock_retries),
        )

    def offline_dialect(self) -> Dialect:
        """Return the dialect of the URL or, without one, of the lock file; never connect.

        Raises HistoryError if there is neither a URL nor a lock file.
        """
        from autodiff.dialects import dialect_for

        if self.config.url:
            return dialect_for(self.url.get_backend_name())
        lock = self.lock()
        if lock is None:
            raise HistoryError(
                "cannot tell the kind of database: there is no URL and no lock file",
                hint="give --url, or set DATABASE_URL",
            )
        return dialect_for(lock.database.split()[0])
