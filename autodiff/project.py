"""Project: configuration, models, migrations and URL together. What the command line calls."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from autodiff.config import Config, load_config
from autodiff.connect import connect, readable_url
from autodiff.drift import Drift
from autodiff.errors import ConfigError, HistoryError
from autodiff.history import Graph, Lock, Migration, load_graph, read_lock

if TYPE_CHECKING:
    import sqlalchemy as sa

    from autodiff.dialects.limits import Limits
    from autodiff.dialects.noticed import LeftAlone
    from autodiff.diffing import Assume, Questioner
    from autodiff.drafting import Draft
    from autodiff.planned import Plan
    from autodiff.rehearsing import RehearsedHistory
    from autodiff.run.events import Direction, Listener
    from autodiff.run.journal import Entry
    from autodiff.run.runner import Runner
    from autodiff.run.script import Script
    from autodiff.run.store import Applied

__all__ = ["Project", "Status"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Where a database stands: what was applied, in order, and what is pending.

    `unfinished` is a run that stopped half-way, or that another process is at.
    """

    applied: tuple[Applied, ...]
    pending: tuple[Migration, ...]
    unfinished: Entry | None = None

    @property
    def current(self) -> str | None:
        """The revision that was applied last."""
        return self.applied[-1].revision if self.applied else None


class Project:
    """A project's models, its migrations folder and its database.

    Methods raise the errors of `autodiff.errors`; none prints.
    """

    def __init__(
        self,
        url: str | sa.URL | None = None,
        metadata: sa.MetaData | Sequence[sa.MetaData] | None = None,
        directory: str | Path = "migrations",
        **settings: Any,
    ) -> None:
        """A project built in code. `settings` are those of `Config`: models, exclude_tables..."""
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

    @classmethod
    def load(
        cls,
        path: str | Path = ".",
        *,
        url: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Project:
        """The project whose configuration is found from `path`; `url` comes before its own."""
        config = load_config(path, environment)
        project = cls.__new__(cls)
        project.config = replace(config, url=url or config.url)
        project._metadata = None
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
        from autodiff.declare import load_metadata

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
            raise ConfigError(
                f"the url needs the environment variable {self.config.unset[0]}, which is not set",
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
        """A connection to the database; see `autodiff.connect.connect`."""
        with connect(self.url, create=create) as connection:
            yield connection

    # Writing migrations

    def draft(
        self,
        message: str,
        *,
        renames: Iterable[str] = (),
        fills: Mapping[str, str] | Iterable[str] = (),
        maps: Mapping[str, str] | Iterable[str] = (),
        source: Literal["database", "history"] = "database",
        format: Literal["python", "sql"] = "python",
        empty: bool = False,
        assume: Assume = None,
        questioner: Questioner | None = None,
        rehearse: bool = True,
        data_checks: bool = True,
    ) -> Draft | None:
        """The next migration, not written yet; None where there is nothing to do.

        With `rehearse` it was run up and down on a scratch, with rows; see `Draft.proof`. With
        `data_checks` the findings of its plan tell the live rows that stand in its way.

        Raises RehearsalFailedError where that showed that it does not do what it should,
        HistoryError where the database is behind the files, RenameUndecidedError and
        FillNeededError where something must be known first.
        """
        from autodiff.drafting import Request, draft

        request = Request(
            message=message,
            renames=tuple(renames),
            fills=fills,
            maps=maps,
            source=source,
            format=format,
            empty=empty,
            assume=assume,
            questioner=questioner,
            rehearse=rehearse,
            data_checks=data_checks,
        )
        return draft(self, request)

    def generate(self, message: str, **arguments: Any) -> Migration | None:
        """Writes the next migration and the lock file; None where there is nothing to do.

        Takes what `draft` takes.
        """
        drafted = self.draft(message, **arguments)
        return None if drafted is None else drafted.write()

    def diff(
        self,
        current: str = "database",
        desired: str = "models",
        *,
        renames: Iterable[str] = (),
        fills: Mapping[str, str] | Iterable[str] = (),
        assume: Assume = None,
    ) -> Plan:
        """The plan that leads from one side to another; nothing is written or changed.

        A side is `models`, `database`, the URL of another database, or a point of the history:
        `head`, `base`, a number, a name, a revision, or `+1` and `-1` from where the database
        stands. What is in doubt is a finding of the plan.
        """
        from autodiff.between import DiffRequest, between

        request = DiffRequest(
            current=current,
            desired=desired,
            renames=tuple(renames),
            fills=fills,
            assume=assume,
        )
        return between(self, request)

    # Running them

    def upgrade(
        self,
        target: str = "head",
        *,
        on_event: Listener | None = None,
        lock_wait: float | None = None,
    ) -> list[Migration]:
        """Applies migrations up to the target; those that were applied.

        Waits `lock_wait` seconds for another run, or as long as the configuration says.
        """
        with self._runner(on_event, create=True, lock_wait=lock_wait) as runner:
            return runner.upgrade(target)

    def downgrade(
        self,
        target: str = "-1",
        *,
        on_event: Listener | None = None,
        lock_wait: float | None = None,
    ) -> list[Migration]:
        """Takes migrations back to the target; those that were reverted."""
        with self._runner(on_event, lock_wait=lock_wait) as runner:
            return runner.downgrade(target)

    def log(self) -> list[Entry]:
        """Every run of a migration on the database, oldest first."""
        with self._runner(None) as runner:
            return runner.log()

    def stamp(self, target: str = "head") -> list[Migration]:
        """Records migrations as applied without running them; those that count as applied."""
        with self._runner(None, create=True) as runner:
            return runner.stamp(target)

    def status(self) -> Status:
        """What was applied and what is pending."""
        with self._runner(None) as runner:
            applied = runner.applied()
            order = {revision: place for place, revision in enumerate(runner.graph.migrations)}
            rows = sorted(applied.values(), key=lambda row: order.get(row.revision, len(order)))
            pending = runner.graph.in_order(set(runner.graph.migrations) - set(applied))
            unfinished = runner.unfinished()
            return Status(applied=tuple(rows), pending=tuple(pending), unfinished=unfinished)

    def plan_run(self, target: str, direction: Direction) -> list[Migration]:
        """The migrations that upgrade or downgrade would run, in order; nothing is run."""
        with self._runner(None) as runner:
            applied = runner.verify()
            if direction == "upgrade":
                return runner.graph.upgrades(target, applied)
            return runner.graph.downgrades(target, applied)

    def sql(self, migration: Migration, direction: Direction = "upgrade") -> list[str]:
        """The SQL of one migration for the project's kind of database; nothing is connected to."""
        from autodiff.run.replay import migration_sql

        return migration_sql(self.graph(), migration, direction, self._offline_dialect())

    def script(self, target: str | None = None, direction: Direction = "upgrade") -> Script:
        """A script for the database's own client that does what `upgrade` or `downgrade` would.

        `target` is a range (`0003:head`, `head:base`); an upgrade that names one end alone begins
        at the base. Nothing is connected to, unless it begins at `current`: where the database
        stands.

        Raises HistoryError where the ends are the wrong way round, MigrationFailedError for what
        can't be written down.
        """
        from autodiff.run.ranges import CURRENT, find_range, start_of
        from autodiff.run.script import write_script

        graph, applied = self.graph(), None
        text = target or ("head" if direction == "upgrade" else "-1")
        if start_of(text, direction) == CURRENT:
            with self._runner(None) as runner:
                applied = frozenset(runner.verify())
        return write_script(
            graph,
            find_range(graph, text, direction, applied),
            self._offline_dialect(),
            schema=self.config.history_schema,
            limits=self._limits(),
        )

    @contextmanager
    def _runner(
        self,
        on_event: Listener | None,
        *,
        create: bool = False,
        lock_wait: float | None = None,
    ) -> Iterator[Runner]:
        from autodiff.run.events import ignore
        from autodiff.run.runner import Runner

        graph = self.graph()
        with self.connect(create=create) as connection:
            yield Runner(
                connection,
                graph,
                schema=self.config.history_schema,
                on_event=on_event or ignore,
                lock_wait=self.config.lock_wait if lock_wait is None else lock_wait,
                limits=self._limits(),
            )

    def _limits(self) -> Limits:
        from autodiff.dialects.limits import Limits

        return Limits(
            lock=self.config.lock_timeout,
            statement=self.config.statement_timeout,
            retries=int(self.config.lock_retries),
        )

    def _offline_dialect(self) -> Any:
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

    def rehearse(
        self,
        target: str | None = None,
        *,
        rows: Literal["samples", "live", "none"] = "samples",
        count: int = 100,
        seconds: float = 60.0,
    ) -> RehearsedHistory:
        """Runs migrations on a scratch, each up, down and up again; what was found.

        `target` is one migration or a range (`0002:head`); those before are just applied. `rows`
        are made up, or copied from the live database, `count` of each table and those that they
        point at, in at most so many seconds; migrations that it has not had are then rehearsed,
        or the newest. The live database is only read from.

        Raises DatabaseError where no scratch can be had.
        """
        from autodiff.rehearsing import RehearsalRequest, rehearse

        request = RehearsalRequest(target=target, rows=rows, count=count, seconds=seconds)
        return rehearse(self, request)

    # Drift

    def check(self, *, offline: bool = False) -> Drift:
        """What drifted; with `offline`, the models against the migrations, without a database."""
        from autodiff.checking import check, check_offline

        return check_offline(self) if offline else check(self)

    def left_alone(self, url: str | None = None) -> tuple[LeftAlone, ...]:
        """What is in the database (or that of `url`) and is not compared, each with the reason."""
        from autodiff.leftalone import left_alone

        return left_alone(self, url)

    def relock(self) -> Path:
        """Writes the lock file anew, from the models, the files and the database; its path."""
        from autodiff.checking import relock

        return relock(self)
