"""Read the operations of a migration without a database."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeAlias

from autodiff.errors import AutodiffError
from autodiff.migrations.files import Migration
from autodiff.runner.context import executing
from autodiff.runner.events import Direction
from autodiff.runner.executor import Executor
from autodiff.runner.failures import in_code, reason
from autodiff.runner.journal import Progress
from autodiff.runner.loader import call_name, load_step
from autodiff.runner.sinks import RecordingSink
from autodiff.schema.objects import Name, Table
from autodiff.schema.operations import Backfill, Execute, Operation, Require
from autodiff.schema.sqltext import in_few_words

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection
    from sqlalchemy.sql.elements import ClauseElement

    from autodiff.dialects.base import Dialect

__all__ = ["Take", "read_operations"]

Take: TypeAlias = "Callable[[Operation | str], None]"
"""Receives each operation; or the description of a step that is not an operation."""


_FIX = "a run would fail in the same way: correct that line, and run the same command again"


class _StopError(Exception):
    """A migration cannot be read beyond this point.

    The code of a migration can catch it; `_OperationReader.stop` has it nevertheless.
    """


def read_operations(
    migration: Migration,
    direction: Direction,
    dialect: Dialect,
    tables: Mapping[Name, Table],
    take: Take,
    *,
    after: Progress | None = None,
    strict: bool = False,
) -> bool:
    """Run a migration's function so that each operation is passed to `take`, and nothing is run.

    Args:
        migration: The migration to read.
        direction: Which of its functions to read.
        dialect: The database for which it is read.
        tables: The tables before it.
        take: Receives the operations.
        after: The progress of a run that stopped half-way; the steps that it completed are skipped.
            `tables` are the tables after them.
        strict: Whether to raise MigrationFailedError for an exception of the migration's own code,
            with which a run would fail too.

    Returns:
        Whether the function was read to its end. If it was not, the last thing that `take` received
        is the reason.
    """
    if migration.is_alembic:
        take(f"Alembic's revision {migration.path.name}")
        return False
    reader = _OperationReader(dialect, tables, take, after or Progress())
    try:
        step = load_step(migration, direction)
        with executing(reader):
            step()
            reader.flush()
        if reader.stop is not None:
            raise reader.stop
    except _StopError as stop:
        take(str(stop))
    except AutodiffError as error:
        take(f"cannot be read: {error.line}")
    except Exception as error:  # the code in the file can raise anything
        if strict:
            raise in_code(migration, direction, error, hint=_FIX) from error
        take(f"{direction}() raises {reason(error)}")
    else:
        return True
    return False


class _OperationReader(Executor):
    """Passes on operations and descriptions; nothing is run."""

    def __init__(
        self, dialect: Dialect, tables: Mapping[Name, Table], take: Take, after: Progress
    ) -> None:
        super().__init__(dialect, RecordingSink(dialect, tables))
        self._take = take
        self._steps_to_skip = after.steps
        self._answers = list(after.answers)
        self.stop: _StopError | None = None

    def submit(self, operation: Operation) -> None:
        if self._steps_to_skip and self._creates_again(operation):
            return  # it is not a step
        if self._skip():
            return
        self._take(operation)
        if not isinstance(operation, Execute | Require | Backfill):
            with suppress(KeyError):  # the database will refuse the step
                super().submit(operation)

    def execute_clause(self, clause: ClauseElement, rows: Sequence[Mapping[str, Any]] = ()) -> None:
        if not self._skip():
            self._take(f"~ execute {in_few_words(str(clause))}")

    def call(
        self,
        function: Callable[[Connection], object],
        reverse: Callable[[Connection], object] | None = None,
    ) -> None:
        if not self._skip():
            self._take(f"~ run {call_name(function).rpartition('.')[2]}")

    def ask(self, question: Callable[[], bool]) -> bool:
        """Return the answer that the run got, while its steps are skipped."""
        if self._steps_to_skip and self._answers:
            return self._answers.pop(0)
        return super().ask(question)

    def connection(self) -> Connection:
        self.stop = _StopError("~ get_bind: statements on the connection")
        raise self.stop

    def _skip(self) -> bool:
        """Count a step, and return whether it was completed."""
        was_completed = self._steps_to_skip > 0
        self._steps_to_skip -= was_completed
        return was_completed
