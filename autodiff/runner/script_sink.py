"""Where the statements of a script go: written down in order, and tried on a scratch.

SQLite rebuilds a table from what it is, with the triggers that hand-written SQL made: a scratch in
memory has them. Other databases need no more than their tables, which are followed.
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
from autodiff.runner.sinks import Live, Recording
from autodiff.schema.objects import Name, Table
from autodiff.schema.operations import Backfill, Operation, Require

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection
    from sqlalchemy.sql.elements import ClauseElement

__all__ = ["Border", "Line", "Writing", "play", "writing"]


class Border(Enum):
    """Where a part begins or ends that runs without a transaction."""

    LEAVE = "leave"
    ENTER = "enter"


Line: TypeAlias = str | Require | Border


@contextmanager
def writing(dialect: Dialect) -> Iterator[Writing]:
    """What writes migrations down, from an empty database on."""
    features = dialect.features
    if not features.scratch_in_memory:
        complete = features.rebuilds_tables or features.alter_repeats_definition
        yield Writing(dialect, None, complete=complete)
        return
    with dialect.scratch.open(None, create=True) as scratch:
        assert scratch is not None
        dialect.session.prepare(scratch)
        yield Writing(dialect, scratch, complete=True)


class Writing(Recording):
    """What migrations say, in `lines`; nothing of what comes before them (`follow`)."""

    has_transaction = True

    def __init__(self, dialect: Dialect, scratch: Connection | None, *, complete: bool) -> None:
        super().__init__(dialect, {}, complete=complete)
        self.lines: list[Line] = []
        self._scratch = scratch
        self._live = None if scratch is None else Live(scratch, dialect)
        self._following = False

    def follow(self, migrations: Sequence[Migration]) -> None:
        """Does what migrations do that come before, without writing it down."""
        if self._live is None and not self._complete:
            return
        self._following = True
        try:
            for migration in migrations:
                if migration.is_for(self._dialect):
                    play(migration, "upgrade", self._dialect, self)
        finally:
            self._following = False

    def write(self, migration: Migration, direction: Direction) -> list[Line]:
        """What a migration does, in one direction.

        Raises MigrationFailedError, with the file and the line, for what can't be written down.
        """
        begun = len(self.lines)
        play(migration, direction, self._dialect, self)
        return self.lines[begun:]

    def execute(self, sql: str) -> int:
        """Collects one statement.

        What fails on the scratch, since only the database itself has what it needs, leaves that
        unknown: who asks for it is told so.
        """
        self._note(sql)
        if self._live is not None:
            with suppress(MigrationFailedError):
                self._live.execute(sql)
        return -1

    def require(self, operation: Require) -> None:
        """Collects the check."""
        self._note(operation)

    def backfill(self, operation: Backfill) -> None:
        """Collects one statement for all rows."""
        [sql] = self._dialect.ddl.statements(operation, self.known(operation.table))
        self.execute(sql)

    def execute_clause(self, clause: ClauseElement, rows: Sequence[Mapping[str, Any]]) -> None:
        """Collects a SQLAlchemy statement, with its values in it."""
        if not self._following:
            super().execute_clause(clause, rows)
        elif self._live is not None:
            with suppress(MigrationFailedError):
                self._live.execute_clause(clause, rows)

    def table(self, name: Name) -> Table:
        """The table, as the migrations before left it."""
        found = self.known(name)
        return super().table(name) if found is None else found

    def find(self, name: Name) -> Table | None:
        """The table, if migrations before made it."""
        return super().find(name) if self._live is None else self._live.find(name)

    def known(self, name: Name) -> Table | None:
        """The table, if migrations before made it."""
        return super().known(name) if self._live is None else self._live.find(name)

    def done(self, operation: Operation) -> None:
        """Follows what the operation did; the scratch knows by itself."""
        if self._live is None:
            super().done(operation)

    def connection(self) -> Connection:
        """That of the scratch, for what comes before the script; else there is none."""
        if self._following and self._scratch is not None:
            return self._scratch
        return super().connection()

    def call(self, function: Callable[[Connection], object], name: str) -> None:
        """Refused, as it is Python; what comes before the script is not told."""
        if not self._following:
            super().call(function, name)

    @contextmanager
    def autocommit(self) -> Iterator[None]:
        """Notes where the transaction ends and where another one begins."""
        self._note(Border.LEAVE)
        yield
        self._note(Border.ENTER)

    def _note(self, line: Line) -> None:
        if not self._following:
            self.lines.append(line)


def play(migration: Migration, direction: Direction, dialect: Dialect, target: Recording) -> None:
    """Hands what a migration does to a target.

    Raises MigrationFailedError, with the file and the line.
    """
    step = load_step(migration, direction)
    executor = Executor(dialect, target)
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
            hint="no rows are there where a script is written: write what needs them in SQL, with "
            "op.execute, or apply it to a database",
        ) from error


def _place(migration: Migration, error: Exception) -> str:
    """The file, and the line of it that was under way."""
    line, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(migration.path):
            line = trace.tb_lineno
        trace = trace.tb_next
    return migration.path.name if line is None else f"{migration.path.name}:{line}"
