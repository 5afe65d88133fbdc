"""Collect the statements of a script in order, and try them on a scratch database.

SQLite rebuilds a table from its present state, with triggers that hand-written SQL created, so a
scratch in memory runs along. Other databases need only their tables, which are tracked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeAlias

from autodiff.dialects.base import Dialect
from autodiff.errors import AutodiffError, MigrationFailedError
from autodiff.migrations.files import Migration
from autodiff.runner.context import executing
from autodiff.runner.events import Direction
from autodiff.runner.executor import Executor
from autodiff.runner.loader import load_step
from autodiff.runner.sinks import LiveSink, RecordingSink
from autodiff.schema.objects import Name, Table
from autodiff.schema.operations import Backfill, Operation, Require

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection
    from sqlalchemy.sql.elements import ClauseElement

__all__ = ["Line", "ScriptSink", "TransactionBoundary", "open_script_sink", "run_migration_on"]


class TransactionBoundary(Enum):
    """The begin or the end of a part that runs without a transaction."""

    LEAVE = "leave"
    ENTER = "enter"


Line: TypeAlias = str | Require | TransactionBoundary


@contextmanager
def open_script_sink(dialect: Dialect) -> Iterator[ScriptSink]:
    """Yield a sink that writes migrations down, starting with an empty database."""
    features = dialect.features
    if not features.scratch_in_memory:
        complete = features.rebuilds_tables or features.alter_repeats_definition
        yield ScriptSink(dialect, None, complete=complete)
        return
    with dialect.scratch.open(None, create=True) as scratch:
        assert scratch is not None
        dialect.session.prepare(scratch)
        yield ScriptSink(dialect, scratch, complete=True)


class ScriptSink(RecordingSink):
    """Collects what migrations do in `lines`, except those that come before the script."""

    has_transaction = True

    def __init__(self, dialect: Dialect, scratch: Connection | None, *, complete: bool) -> None:
        super().__init__(dialect, {}, complete=complete)
        self.lines: list[Line] = []
        self._scratch = scratch
        self._live = None if scratch is None else LiveSink(scratch, dialect)
        self._following = False

    def follow(self, migrations: Sequence[Migration]) -> None:
        """Carry out migrations that come before the script, without writing them down."""
        if self._live is None and not self._complete:
            return
        self._following = True
        try:
            for migration in migrations:
                if migration.is_for(self._dialect):
                    run_migration_on(migration, "upgrade", self._dialect, self)
        finally:
            self._following = False

    def write(self, migration: Migration, direction: Direction) -> list[Line]:
        """Return the lines of a migration in one direction.

        Raises MigrationFailedError, with file and line, for a step that has no SQL.
        """
        begun = len(self.lines)
        run_migration_on(migration, direction, self._dialect, self)
        return self.lines[begun:]

    def execute(self, sql: str) -> int:
        """Collect one statement.

        It may fail on the scratch, if it needs what only the database has. Its effect is unknown
        then, and a question about it is an error.
        """
        self._note(sql)
        if self._live is not None:
            with suppress(MigrationFailedError):
                self._live.execute(sql)
        return -1

    def require(self, operation: Require) -> None:
        """Collect the check."""
        self._note(operation)

    def backfill(self, operation: Backfill) -> None:
        """Collect one statement for all rows."""
        [sql] = self._dialect.ddl.statements(operation, self.known(operation.table))
        self.execute(sql)

    def execute_clause(self, clause: ClauseElement, rows: Sequence[Mapping[str, Any]]) -> None:
        """Collect a SQLAlchemy statement, with its values as literals."""
        if not self._following:
            super().execute_clause(clause, rows)
        elif self._live is not None:
            with suppress(MigrationFailedError):
                self._live.execute_clause(clause, rows)

    def table(self, name: Name) -> Table:
        """Return the table as earlier migrations left it."""
        found = self.known(name)
        return super().table(name) if found is None else found

    def find(self, name: Name) -> Table | None:
        """Return the table if earlier migrations created it."""
        return super().find(name) if self._live is None else self._live.find(name)

    def known(self, name: Name) -> Table | None:
        """Return the table if earlier migrations created it."""
        return super().known(name) if self._live is None else self._live.find(name)

    def completed(self, operation: Operation) -> None:
        """Apply an operation to the tables, unless the scratch has it."""
        if self._live is None:
            super().completed(operation)

    def connection(self) -> Connection:
        """Return the scratch's connection for earlier migrations; raise an error in the script."""
        if self._following and self._scratch is not None:
            return self._scratch
        return super().connection()

    def call(self, function: Callable[[Connection], object], name: str) -> None:
        """Refuse a Python function in the script; ignore it in earlier migrations."""
        if not self._following:
            super().call(function, name)

    @contextmanager
    def autocommit(self) -> Iterator[None]:
        """Note where the transaction ends and where another one begins."""
        self._note(TransactionBoundary.LEAVE)
        yield
        self._note(TransactionBoundary.ENTER)

    def _note(self, line: Line) -> None:
        if not self._following:
            self.lines.append(line)


def run_migration_on(
    migration: Migration, direction: Direction, dialect: Dialect, sink: RecordingSink
) -> None:
    """Run a migration's function with a sink that records what it does.

    Raises MigrationFailedError, with file and line.
    """
    step = load_step(migration, direction)
    executor = Executor(dialect, sink)
    try:
        with executing(executor):
            step()
            executor.flush()
    except AutodiffError as error:
        raise MigrationFailedError(
            f"{_place(migration, error)}: {error.message}",
            revision=migration.revision,
            hint=error.hint,
        ) from error
    except Exception as error:
        raise MigrationFailedError(
            f"{_place(migration, error)}: {type(error).__name__}: {error}",
            revision=migration.revision,
            hint="a script is written without rows: write what needs rows as SQL with op.execute, "
            "or apply the migration to a database",
        ) from error


def _place(migration: Migration, error: Exception) -> str:
    """Return the file, and the line that was running."""
    line, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(migration.path):
            line = trace.tb_lineno
        trace = trace.tb_next
    return migration.path.name if line is None else f"{migration.path.name}:{line}"
