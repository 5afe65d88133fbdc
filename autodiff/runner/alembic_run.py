"""Run the revisions of an Alembic history, each recorded in the transaction that applies it.

Alembic writes its version table and autodiff its history on the same connection, so that they agree
whenever the run is killed. The next run continues from the revision in the version table.
"""

from __future__ import annotations

import sqlite3
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from sqlalchemy.engine import URL

from autodiff.dialects import dialect_of
from autodiff.dialects.scope import OWN_TABLES
from autodiff.errors import (
    AutodiffError,
    ConfigError,
    DatabaseError,
    HistoryError,
    MigrationFailedError,
)
from autodiff.migrations.files import Migration
from autodiff.migrations.graph import Graph
from autodiff.runner.alembic_environment import AlembicEnvironment
from autodiff.runner.alembic_versions import AlembicPart
from autodiff.runner.events import Direction, MigrationFinished, MigrationStarted
from autodiff.runner.failures import irreversible, journal_forms, reason
from autodiff.runner.session import Session

if TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext, MigrationStep
    from alembic.script import ScriptDirectory
    from sqlalchemy.engine import Connection

__all__ = ["alembic_sql", "record_alembic", "run_by_alembic", "run_on_scratch"]


def record_alembic(session: Session) -> None:
    """Let autodiff's records of Alembic's revisions follow Alembic's version table."""
    if session.alembic is None:
        return
    now, graph = session.applied(), session.alembic.graph
    before = session.history.read(session.connection)
    session.connection.rollback()
    if now.keys() == before.keys():
        return
    session.create_tables()
    with session.transaction():
        session.history.remove(session.connection, sorted(before.keys() - now.keys()))
        added = [session.applied_now(graph[r]) for r in now if r not in before]
        session.history.add(session.connection, added)
        entries = [session.ended_entry(row, "stamp", "done") for row in added]
        session.journal.add(session.connection, entries)


def run_by_alembic(
    session: Session,
    migrations: Sequence[tuple[int, Migration]],
    total: int,
    direction: Direction,
    done: Sequence[Migration],
) -> None:
    """Run revisions by Alembic, through the env.py of the project, and record each.

    Args:
        session: The session of the run, which holds the lock.
        migrations: The revisions in order, with their positions in the run.
        total: The number of migrations of the run.
        direction: Whether to apply or revert them.
        done: The migrations that the run has finished before.

    Raises:
        MigrationFailedError: env.py or a revision fails. What Alembic has committed stays.
    """
    part = session.alembic
    assert part is not None
    session.changed_tables.add_all()
    run = _Run(session, part, migrations, total, direction)
    try:
        with _held(session), _reachable(session) as place:
            run.place = place
            end = _end(part.graph, migrations[-1][1], direction)
            place.environment(part).run(run.steps, direction, end)
    except KeyboardInterrupt:
        raise
    except (Exception, SystemExit) as error:
        session.connection.rollback()
        with suppress(Exception):
            session.regain()
        if isinstance(error, SystemExit) and not error.code and not run.waiting:
            return  # env.py ended the command when everything was done
        failure = run.failure(error, done)
        _note_failure(session, run, failure)
        raise failure from error
    session.connection.rollback()
    if run.waiting:
        names = ", ".join(migration.path.name for _, migration in run.waiting)
        raise MigrationFailedError(
            f"env.py ran without running these revisions: {names}",
            revision=run.waiting[0][1].revision,
            hint="env.py must call context.run_migrations() for the database of autodiff; for "
            "several databases name one: autodiff adopt --name NAME",
        )
    run.require_committed()


def _note_failure(session: Session, run: _Run, failure: MigrationFailedError) -> None:
    """Journal a failure, if the database still answers."""
    entry = session.entry(run.current, run.direction)
    for form in journal_forms(failure.message):
        failed = replace(entry, outcome="failed", seconds=0.0, error=form)
        with suppress(Exception):
            with session.transaction():
                session.journal.write(session.connection, failed)
            return


class _Run:
    """The steps of one run, of which `waiting` are not done yet."""

    def __init__(
        self,
        session: Session,
        part: AlembicPart,
        migrations: Sequence[tuple[int, Migration]],
        total: int,
        direction: Direction,
    ) -> None:
        self._session = session
        self._part = part
        self._total = total
        self.direction = direction
        self._started = time.monotonic()
        self._all = list(migrations)
        self.waiting = list(migrations)
        self.place: _Place | None = None
        self._rolls_back = True

    def steps(
        self, scripts: ScriptDirectory, context: MigrationContext, heads: Sequence[str]
    ) -> list[MigrationStep]:
        """Return Alembic's steps for the migrations, and record each when it is applied."""
        connection = context.connection
        if connection is None:
            raise HistoryError(
                "env.py runs Alembic's offline mode although it was not asked for",
                hint="env.py must call context.is_offline_mode() to decide",
            )
        assert self.place is not None
        self.place.require(connection)
        _require_same_table(self._part, context)
        self._rolls_back = context.impl.transactional_ddl
        self._skip_done(heads)
        context.on_version_apply_callbacks = (*context.on_version_apply_callbacks, self._record)
        _require_downgrades(scripts, [m for _, m in self.waiting], self.direction)
        found = alembic_steps(scripts, [m for _, m in self.waiting], self.direction)
        if self.waiting:
            self._announce()
        return found

    def _skip_done(self, heads: Sequence[str]) -> None:
        """Leave out what another program has done since the run began."""
        applied = self._part.graph.lineage(head for head in heads if head in self._part.graph)
        upward = self.direction == "upgrade"
        self.waiting = [item for item in self._all if (item[1].revision in applied) != upward]

    def _announce(self) -> None:
        position, migration = self.waiting[0]
        self._started = time.monotonic()
        self._session.on_event(
            MigrationStarted(
                revision=migration.revision,
                name=migration.name,
                direction=self.direction,
                position=position,
                total=self._total,
            )
        )

    def _record(self, *, ctx: MigrationContext, **others: Any) -> None:
        """Record the revision that Alembic has just entered into its version table."""
        _, migration = self.waiting.pop(0)
        session, connection = self._session, ctx.connection
        assert connection is not None
        seconds = time.monotonic() - self._started
        if self.direction == "upgrade":
            session.history.add(connection, [session.applied_now(migration)])
        else:
            session.history.remove(connection, [migration.revision])
        entry = session.entry(migration, self.direction)
        session.journal.write(connection, replace(entry, outcome="done", seconds=seconds))
        session.on_event(
            MigrationFinished(
                revision=migration.revision,
                name=migration.name,
                direction=self.direction,
                seconds=seconds,
            )
        )
        if self.waiting:
            self._announce()

    def failure(self, error: BaseException, done: Sequence[Migration]) -> MigrationFailedError:
        """Return the error of a run that failed: what, why, what was kept, and what to do."""
        folder = self._part.history.folder
        assert folder is not None
        migration = self.current
        kept = [*done, *self._kept()]
        place = _place(error, (folder.script_location, *folder.version_locations))
        in_revision = place is not None and place[0] == migration.path
        what = f"{self.direction} of {migration.path.name}" if in_revision else "env.py"
        where = f" at {place[0].name}:{place[1]}" if place else ""
        past = "applied" if self.direction == "upgrade" else "reverted"
        lines = [f"{what} failed{where}: {_words(error)}"]
        if isinstance(error, HistoryError | ConfigError | DatabaseError):
            lines = error.lines
        refusal = irreversible(migration, self.direction, error) if in_revision else None
        lines = lines if refusal is None else refusal.lines
        names = ", ".join(m.path.name for m in kept) or "nothing"
        lines.append(f"{past} before it, and kept: {names}")
        undo = ""
        if in_revision and refusal is None and self._can_stay_half_done(migration):
            lines.append(
                f"what {migration.path.name} did before the statement that failed may be kept too: "
                "not every statement is rolled back"
            )
            undo = f"undo by hand what {migration.path.name} did before that statement, then "
        hint = (
            f"{undo}fix the cause and run autodiff {self.direction} again: it continues from the "
            f"revision in the table {self._part.history.version_table}"
        )
        inner = error.hint if isinstance(error, AutodiffError) else None
        inner = inner if refusal is None else refusal.hint
        if not in_revision and inner is None:
            needed = "environment variables and settings"
            if b"get_x_argument" in folder.env_py.read_bytes() and not self._part.history.x:
                needed += ', and its -x arguments (x = ["NAME=VALUE"] in alembic.toml)'
            if self._part.history.configure is None:
                needed += (
                    ", and what the application's own command sets in Alembic's Config "
                    '(configure = "MODULE:FUNCTION" in alembic.toml)'
                )
            hint = (
                "env.py must run by itself, as for Alembic's own command: set the "
                f"{needed} that it needs; then {hint}"
            )
        return MigrationFailedError(lines, revision=migration.revision, hint=inner or hint)

    def _can_stay_half_done(self, migration: Migration) -> bool:
        """Return whether statements of a revision that fails can stay, as on MySQL."""
        return not self._rolls_back or "autocommit_block" in migration.text

    @property
    def current(self) -> Migration:
        """The revision that runs, or would run next."""
        return self.waiting[0][1] if self.waiting else self._all[-1][1]

    def require_committed(self) -> None:
        """Raise MigrationFailedError if env.py has not committed what Alembic did."""
        if len(self._kept()) < len(self._all):
            raise MigrationFailedError(
                "env.py ran the revisions and did not commit them, so the database is unchanged",
                revision=self.current.revision,
                hint="a statement that env.py runs before context.begin_transaction() begins a "
                "transaction, which env.py must commit: connection.commit()",
            )

    def _kept(self) -> list[Migration]:
        """Return the revisions of this run that the version table has, or has no more."""
        try:
            applied = self._part.applied(self._session.connection) or set()
        except HistoryError:  # the error of the run matters more
            return []
        finally:
            self._session.connection.rollback()
        upward = self.direction == "upgrade"
        return [m for _, m in self._all if (m.revision in applied) == upward]


def _require_downgrades(
    scripts: ScriptDirectory, migrations: Sequence[Migration], direction: Direction
) -> None:
    """Raise HistoryError for a revision without a downgrade(), before anything is reverted."""
    for migration in migrations if direction == "downgrade" else ():
        script = scripts.get_revision(migration.revision)
        if not hasattr(getattr(script, "module", None), "downgrade"):
            raise HistoryError(
                f"{migration.path.name} has no downgrade(), so it cannot be reverted",
                hint="downgrade to this revision at most, or write its downgrade()",
            )


def alembic_steps(
    scripts: ScriptDirectory, migrations: Sequence[Migration], direction: Direction
) -> list[MigrationStep]:
    """Return Alembic's steps for the migrations, in their order."""
    from alembic.runtime.migration import MigrationStep

    make: Callable[..., MigrationStep] = (
        MigrationStep.upgrade_from_script
        if direction == "upgrade"
        else MigrationStep.downgrade_from_script
    )
    found = (scripts.get_revision(migration.revision) for migration in migrations)
    return [make(scripts.revision_map, script) for script in found if script is not None]


def run_on_scratch(
    part: AlembicPart, migrations: Sequence[Migration], connection: Connection
) -> None:
    """Apply revisions to a database in memory by Alembic, without recording them.

    Raises whatever env.py and the revisions raise.
    """

    def steps(
        scripts: ScriptDirectory, context: MigrationContext, heads: Sequence[str]
    ) -> list[MigrationStep]:
        assert context.connection is not None
        place.require(context.connection)
        return alembic_steps(scripts, migrations, "upgrade")

    with _copied(connection) as place:
        place.environment(part).run(steps, "upgrade", migrations[-1].revision)


def alembic_sql(part: AlembicPart, migration: Migration, direction: Direction, backend: str) -> str:
    """Return the SQL of a revision, with the change of the version table, by Alembic.

    Raises whatever env.py and the revision raise.
    """
    before = part.graph.lineage(part.graph.before(migration.revision))
    present = before if direction == "upgrade" else before | {migration.revision}

    def steps(
        scripts: ScriptDirectory, context: MigrationContext, heads: Sequence[str]
    ) -> list[MigrationStep]:
        _require_same_table(part, context)
        return alembic_steps(scripts, [migration], direction)

    environment = AlembicEnvironment(history=part.history, url=URL.create(backend))
    end = _end(part.graph, migration, direction)
    return environment.script(steps, direction, end, part.graph.tips(present))


def _end(graph: Graph, last: Migration, direction: Direction) -> str:
    """Return what `alembic upgrade` or `alembic downgrade` is given to end after `last`."""
    if direction == "upgrade":
        return last.revision
    if last.parents:
        return last.parents[0]
    branch = next((label for label, all_ in graph.branches.items() if last.revision in all_), None)
    return "base" if branch is None else f"{branch}@base"


@contextmanager
def _held(session: Session) -> Iterator[None]:
    """Hold the lock while Alembic runs on another connection."""
    if session.lock.in_transaction:
        with session.transaction():
            yield
    else:
        yield


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """The database on which Alembic runs: its URL, what identifies it, and the search path.

    own_tables: the tables of autodiff in it.
    is_pooled: whether each transaction may have another session, so that none can be changed.
    """

    url: URL
    identity: str
    search_path: str | None = None
    own_tables: tuple[str, ...] = ()
    is_pooled: bool = False

    def environment(self, part: AlembicPart) -> AlembicEnvironment:
        """Return the env.py of the history on this database."""
        return AlembicEnvironment(
            history=part.history,
            url=self.url,
            prepare=self.prepare,
            own_tables=tuple(
                name for name in self.own_tables if name != part.history.version_table
            ),
        )

    def prepare(self, connection: Connection) -> None:
        """Let a new connection of env.py look for names where autodiff does.

        Raises DatabaseError if it reaches another database.
        """
        self.require(connection)
        session = dialect_of(connection).session
        if self.search_path is None or session.search_path(connection) == self.search_path:
            return
        if self.is_pooled:
            raise DatabaseError(
                "env.py works with another search_path than autodiff, and behind a pooler, which "
                "may be in transaction mode, it cannot be changed",
                hint="connect to the server itself to run Alembic's revisions",
            )
        session.use_search_path(connection, self.search_path)

    def require(self, connection: Connection) -> None:
        """Raise DatabaseError if env.py has connected to another database."""
        if dialect_of(connection).scratch.identity(connection) != self.identity:
            raise DatabaseError(
                "env.py uses another database than autodiff, so nothing was run",
                hint="env.py must open a new connection with SQLAlchemy, for example with "
                "engine_from_config(); one that was open before, or that a function of its own "
                "creates, reaches another database",
            )


@contextmanager
def _reachable(session: Session) -> Iterator[_Place]:
    """Yield the session's database; a copy if it is a SQLite database in memory."""
    identity = session.dialect.scratch.identity(session.connection)
    own_tables = (*OWN_TABLES, session.history.table.name, session.journal.table.name)
    search_path = session.dialect.session.search_path(session.connection)
    if not session.lock.in_transaction:
        session.connection.rollback()
    if identity:
        url = session.connection.engine.url
        yield _Place(
            url=url,
            identity=identity,
            search_path=search_path,
            own_tables=own_tables,
            is_pooled=session.lock.in_transaction,
        )
        return
    with _copied(session.connection) as place:
        yield replace(place, own_tables=own_tables)


@contextmanager
def _copied(connection: Connection) -> Iterator[_Place]:
    """Yield a file with a copy of a SQLite database in memory, and copy it back."""
    connection.rollback()
    raw: Any = connection.connection.dbapi_connection
    with TemporaryDirectory() as folder:
        path = Path(folder).resolve() / "database"
        with _opened(path) as copy:
            raw.backup(copy)
        try:
            url = URL.create("sqlite", database=str(path))
            yield _Place(url=url, identity=str(path))
        finally:
            connection.rollback()
            with _opened(path) as copy:
                copy.backup(raw)


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(path)
    try:
        yield connection
    finally:
        connection.close()


def _require_same_table(part: AlembicPart, context: MigrationContext) -> None:
    """Raise HistoryError if env.py configures another version table than alembic.toml names."""
    history = part.history
    found = (context.version_table, context.version_table_schema)
    if found != (history.version_table, history.version_table_schema):
        names = ".".join(name for name in reversed(found) if name)
        raise HistoryError(
            f"env.py uses the version table {names}, and alembic.toml names "
            f"{history.version_table}",
            hint=f'write version_table = "{context.version_table}" (and version_table_schema) in '
            "alembic.toml",
        )


def _place(error: BaseException, folders: Sequence[Path]) -> tuple[Path, int] | None:
    """Return the last file and line of Alembic's folder that an error passed through."""
    frames = traceback.extract_tb(error.__traceback__)
    for frame in reversed(frames):
        path = Path(frame.filename).resolve()
        if frame.lineno is not None and any(folder in path.parents for folder in folders):
            return path, frame.lineno
    return None


def _words(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return f"it called sys.exit({error.code!r})"
    return reason(error)
