"""Applies migrations and takes them back. It knows files, history and a connection."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError

from autodiff.dialects import dialect_of
from autodiff.dialects.sqltext import tokens
from autodiff.errors import (
    AutodiffError,
    EditedMigrationError,
    MigrationFailedError,
    RowsInTheWayError,
)
from autodiff.history.files import Migration
from autodiff.history.graph import Graph
from autodiff.run.context import executing
from autodiff.run.events import (
    Direction,
    Listener,
    MigrationFinished,
    MigrationStarted,
    StatementRun,
    ignore,
)
from autodiff.run.executor import Executor
from autodiff.run.loader import load_step
from autodiff.run.store import Applied, Store
from autodiff.run.targets import Live

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["Runner"]

_ROLLED_BACK = frozenset(("DELETE", "INSERT", "REPLACE", "SELECT", "UPDATE", "WITH"))


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class Runner:
    """Runs migrations of a graph on one connection, which it must have for itself."""

    def __init__(
        self,
        connection: Connection,
        graph: Graph,
        *,
        schema: str | None = None,
        on_event: Listener = ignore,
        clock: Callable[[], dt.datetime] = _now,
    ) -> None:
        self.connection = connection
        self.graph = graph
        self.dialect = dialect_of(connection)
        self.store = Store(schema)
        self._on_event = on_event
        self._clock = clock
        connection.rollback()
        self.dialect.prepare_connection(connection)

    def applied(self) -> dict[str, Applied]:
        """What the database says was applied, by revision."""
        found = self.store.read(self.connection)
        self.connection.rollback()
        return found

    def verify(self) -> dict[str, Applied]:
        """As `applied`, once it is sure that the files are those that were applied.

        Raises EditedMigrationError for a file that is missing or was changed since.
        """
        applied = self.applied()
        missing = sorted(revision for revision in applied if revision not in self.graph)
        if missing:
            names = ", ".join(f"{r} ({applied[r].name})" for r in missing)
            raise EditedMigrationError(
                f"the database has migrations that the folder lacks: {names}",
                missing,
                hint="restore the files, or check out the branch that has them",
            )
        edited = [
            self.graph[revision]
            for revision, row in applied.items()
            if row.checksum != self.graph[revision].checksum
        ]
        if edited:
            names = ", ".join(sorted(migration.path.name for migration in edited))
            raise EditedMigrationError(
                f"migrations were edited after they were applied: {names}",
                [migration.revision for migration in edited],
                hint="restore them from version control and put the change into a new migration",
            )
        return applied

    def upgrade(self, target: str = "head") -> list[Migration]:
        """Applies what is missing up to the target; the migrations applied.

        Raises MigrationFailedError where one fails: those before it stay applied.
        """
        applied = self.verify()
        steps = self.graph.upgrades(target, applied)
        return self._run(steps, "upgrade")

    def downgrade(self, target: str = "-1") -> list[Migration]:
        """Takes back what was applied after the target; the migrations reverted."""
        applied = self.verify()
        steps = self.graph.downgrades(target, applied)
        return self._run(steps, "downgrade")

    def stamp(self, target: str = "head") -> list[Migration]:
        """Records the migrations up to the target as applied, and no others, running none."""
        if target == "base":
            wanted: list[Migration] = []
        else:
            wanted = self.graph.upgrades(target, ())
        with self.dialect.transaction(self.connection):
            self.store.create(self.connection)
            for revision in self.store.read(self.connection):
                self.store.remove(self.connection, revision)
            for migration in wanted:
                self._record(migration)
        return wanted

    def _run(self, steps: Sequence[Migration], direction: Direction) -> list[Migration]:
        if not steps:
            return []
        functions = [load_step(migration, direction) for migration in steps]
        with self.dialect.transaction(self.connection):
            self.store.create(self.connection)
        done: list[Migration] = []
        for position, (migration, function) in enumerate(zip(steps, functions, strict=True), 1):
            started = MigrationStarted(
                revision=migration.revision,
                name=migration.name,
                direction=direction,
                position=position,
                total=len(steps),
            )
            self._on_event(started)
            begun = time.monotonic()
            self._run_one(migration, function, direction, done)
            done.append(migration)
            self._on_event(
                MigrationFinished(
                    revision=migration.revision,
                    name=migration.name,
                    direction=direction,
                    seconds=time.monotonic() - begun,
                )
            )
        return done

    def _run_one(
        self,
        migration: Migration,
        function: Callable[[], None],
        direction: Direction,
        done: Sequence[Migration],
    ) -> None:
        statements: list[str] = []

        def note(sql: str) -> None:
            statements.append(sql)
            self._on_event(StatementRun(sql=sql))

        live = Live(self.connection, self.dialect, note, self._on_event)
        executor = Executor(self.dialect, live)
        try:
            with self.dialect.transaction(self.connection), executing(executor):
                function()
                executor.flush()
                if direction == "upgrade":
                    self._record(migration)
                else:
                    self.store.remove(self.connection, migration.revision)
        except Exception as error:
            raise self._failure(migration, direction, done, statements, error) from error

    def _record(self, migration: Migration) -> None:
        self.store.add(
            self.connection,
            Applied(
                revision=migration.revision,
                name=migration.name,
                checksum=migration.checksum,
                applied_at=self._clock(),
            ),
        )

    def _failure(
        self,
        migration: Migration,
        direction: Direction,
        done: Sequence[Migration],
        statements: Sequence[str],
        error: Exception,
    ) -> MigrationFailedError:
        """What failed, what was kept, and what to do."""
        reason = _reason(error)
        statement = error.statement if isinstance(error, MigrationFailedError) else None
        if isinstance(error, RowsInTheWayError) and not statements:
            return _refused(migration, direction, done, error)
        message = f"{direction} of {migration.path.name} failed: {reason}"
        if statement:
            message += f"\nstatement: {statement}"
        kept = ", ".join(m.path.name for m in done) or "nothing"
        message += f"\ndone before it, and kept: {kept}"
        if self.dialect.features.transactional_ddl:
            hint = "the failed migration left nothing behind; mend it and run again"
        else:
            sent = "; ".join(_committed(statements, statement)) or "none"
            message += f"\nstatements of the failed migration that stay, as {self.dialect.name} "
            message += f"commits DDL at once: {sent}"
            hint = "undo these statements by hand, mend the migration and run again"
        inner = error.hint if isinstance(error, AutodiffError) else None
        return MigrationFailedError(
            message, revision=migration.revision, statement=statement, hint=inner or hint
        )


def _refused(
    migration: Migration, direction: Direction, done: Sequence[Migration], error: RowsInTheWayError
) -> RowsInTheWayError:
    """A check of rows came before anything else, so there is nothing to take back."""
    message = f"{direction} of {migration.path.name} refused: {error.message}"
    message += f"\nquery: {error.statement}\nit changed nothing"
    if done:
        message += f"; done before it, and kept: {', '.join(m.path.name for m in done)}"
    return RowsInTheWayError(
        message, revision=migration.revision, statement=error.statement, hint=error.hint
    )


def _reason(error: Exception) -> str:
    """What an error says: ours as it is, the database's own words, any other with its kind."""
    if isinstance(error, AutodiffError):
        return error.message
    if isinstance(error, DBAPIError):
        return f"{error.orig}"
    return f"{type(error).__name__}: {error}"


def _committed(statements: Sequence[str], failed: str | None) -> list[str]:
    """What no rollback takes back where DDL commits: all but the rows changed after the last.

    DDL commits what came before it even where it is refused itself.
    """
    done = list(statements)
    if failed is not None and done and done[-1] == failed:
        done.pop()
        if not _changes_rows(failed):
            return done
    while done and _changes_rows(done[-1]):
        done.pop()
    return done


def _changes_rows(statement: str) -> bool:
    words = [token.upper() for kind, token in tokens(statement) if kind == "word"]
    return bool(words) and words[0] in _ROLLED_BACK
