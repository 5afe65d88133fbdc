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
from autodiff.errors import MigrationFailedError
from autodiff.migrations.files import Migration
from autodiff.runner.alembic_run import alembic_sql, run_on_scratch
from autodiff.runner.alembic_versions import AlembicPart
from autodiff.runner.context import executing
from autodiff.runner.events import Direction
from autodiff.runner.executor import Executor
from autodiff.runner.failures import in_code, reason
from autodiff.runner.loader import load_step
from autodiff.runner.sinks import LiveSink, RecordingSink, asks_the_database
from autodiff.runner.transactions import needs_own_transaction
from autodiff.schema.objects import Name, Table
from autodiff.schema.operations import Backfill, Operation, Require
from autodiff.schema.sql_statements import split_statements
from autodiff.schema.sqltext import tokens

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection
    from sqlalchemy.sql.elements import ClauseElement

__all__ = ["Line", "ScriptSink", "TransactionBoundary", "open_script_sink", "run_migration_on"]


class TransactionBoundary(Enum):
    """The begin or the end of a part that runs without a transaction."""

    LEAVE = "leave"
    ENTER = "enter"


_TRANSACTION = frozenset(("BEGIN", "BEGIN TRANSACTION", "START TRANSACTION", "COMMIT"))
"""What Alembic writes around revisions; the script has its own transactions."""

Line: TypeAlias = str | Require | TransactionBoundary


@contextmanager
def open_script_sink(dialect: Dialect, alembic: AlembicPart | None = None) -> Iterator[ScriptSink]:
    """Yield a sink that writes migrations down, starting with an empty database.

    `alembic` is the part of the history that Alembic writes down.
    """
    features = dialect.features
    if not features.scratch_in_memory:
        complete = features.rebuilds_tables or features.alter_repeats_definition
        yield ScriptSink(dialect, None, complete=complete and alembic is None, alembic=alembic)
        return
    with dialect.scratch.open(None, create=True) as scratch:
        assert scratch is not None
        dialect.session.prepare(scratch)
        yield ScriptSink(dialect, scratch, complete=True, alembic=alembic)


class ScriptSink(RecordingSink):
    """Collects what migrations do in `lines`, except those that come before the script."""

    has_transaction = True

    def __init__(
        self,
        dialect: Dialect,
        scratch: Connection | None,
        *,
        complete: bool,
        alembic: AlembicPart | None = None,
    ) -> None:
        super().__init__(dialect, {}, complete=complete)
        self._alembic = alembic
        self.lines: list[Line] = []
        self._scratch = scratch
        self._live = None if scratch is None else LiveSink(scratch, dialect)
        self._following = False
        self._is_outside = False

    def follow(self, migrations: Sequence[Migration]) -> None:
        """Carry out migrations that come before the script, without writing them down."""
        if self._live is None and not self._complete:
            return
        self._following = True
        try:
            by_alembic = [migration for migration in migrations if migration.is_alembic]
            if by_alembic and self._scratch is not None and self._alembic is not None:
                run_on_scratch(self._alembic, by_alembic, self._scratch)
            for migration in migrations:
                if migration.is_for(self._dialect) and not migration.is_alembic:
                    run_migration_on(migration, "upgrade", self._dialect, self)
        finally:
            self._following = False

    def write(self, migration: Migration, direction: Direction) -> list[Line]:
        """Return the lines of a migration in one direction.

        Raises MigrationFailedError, with file and line, for a step that has no SQL.
        """
        begun = len(self.lines)
        if migration.is_alembic:
            self._write_by_alembic(migration, direction)
            return self.lines[begun:]
        run_migration_on(migration, direction, self._dialect, self)
        return self.lines[begun:]

    def _write_by_alembic(self, migration: Migration, direction: Direction) -> None:
        assert self._alembic is not None
        try:
            text = alembic_sql(self._alembic, migration, direction, self._dialect.backend)
        except (Exception, SystemExit) as error:
            raise MigrationFailedError(
                f"Alembic cannot write {migration.path.name} as a script: {reason(error)}",
                revision=migration.revision,
                hint="apply it to a database: autodiff upgrade; what it needs for a script is what "
                "alembic upgrade --sql needs",
            ) from error
        backslashes = self._dialect.features.backslash_escapes
        for statement in split_statements(text, backslashes=backslashes):
            plain = without_comments(statement, backslashes=backslashes)
            if plain.upper() not in _TRANSACTION:
                self.execute(plain)

    def perform(self, operations: Sequence[Operation], statements: Sequence[str]) -> None:
        """Collect the statements, in a separate transaction if they need one."""
        separate = (
            self._is_outside
            and bool(statements)
            and needs_own_transaction(operations, self._dialect)
        )
        if separate:
            self._note(TransactionBoundary.ENTER)
        super().perform(operations, statements)
        if separate:
            self._note(TransactionBoundary.LEAVE)

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

    def table(self, name: Name, columns: Sequence[str] | None = None) -> Table:
        """Return the table as earlier migrations left it."""
        found = self.known(name)
        return super().table(name) if found is None else found

    def find(self, name: Name) -> Table | None:
        """Return the table if earlier migrations created it."""
        return super().find(name) if self._live is None else self._live.find(name)

    def find_to_drop(self, name: Name) -> Table | None:
        """Return the table if earlier migrations created it.

        Another one may exist in the database, and the script would keep it.
        """
        found = self.find(name)
        if found is None and not self._following:
            raise asks_the_database(name)
        return found

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
        self._is_outside = True
        yield
        self._is_outside = False
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
        if sink.refusal is not None:
            raise sink.refusal
    except Exception as error:
        raise in_code(
            migration,
            direction,
            error,
            hint="a script is written without rows: write what needs rows as SQL with op.execute, "
            "or apply the migration to a database",
        ) from error


def without_comments(statement: str, *, backslashes: bool) -> str:
    """Return a statement without the comments before it."""
    found = list(tokens(statement, backslashes=backslashes))
    while found and found[0][0] == "space":
        found.pop(0)
    return "".join(text for _, text in found).strip()
