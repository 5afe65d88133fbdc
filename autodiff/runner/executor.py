"""Takes operations one after the other and sends their SQL to a target."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from autodiff.dialects.base import Dialect
from autodiff.errors import MigrationFailedError, RowsInTheWayError
from autodiff.runner.concurrent_indexes import outside_only
from autodiff.runner.loader import call_name
from autodiff.runner.sinks import Target
from autodiff.schema.apply import spelled_as
from autodiff.schema.objects import Name, Table
from autodiff.schema.operations import AddConstraint, CreateEnum, Operation, is_concurrent

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection
    from sqlalchemy.sql.elements import ClauseElement

__all__ = ["Executor", "run_operations"]


class Executor:
    """Runs operations. Those that need their table rebuilt are held back and share one rebuild,
    also where other tables are altered in between, so `flush` must be called at the end."""

    def __init__(self, dialect: Dialect, target: Target) -> None:
        self.dialect = dialect
        self.target = target
        self._held: dict[Name, tuple[Table, list[Operation]]] = {}
        self._created_enums: set[Name] = set()
        self._added: set[tuple[Name, str]] = set()
        self._outside = False

    def submit(self, operation: Operation) -> None:
        """Runs an operation, or holds it back for a rebuild that it can share.

        Raises MigrationFailedError, naming the operation and its statement.
        """
        if (
            is_concurrent(operation)
            and not self._outside
            and self.target.has_transaction
            and self.dialect.features.concurrent_indexes
        ):
            raise outside_only(operation.describe())
        if isinstance(operation, AddConstraint) and operation.constraint.name:
            self._added.add((operation.table, operation.constraint.name))
        if self._creates_again(operation) or self.target.passes(operation):
            return
        left = self.target.statements_left([operation])
        if left is not None:
            self._send(left, [operation])
            return
        name = self.dialect.ddl.required_table(operation)
        if name is None or not self.dialect.ddl.can_share_rebuild(operation):
            self.flush()
        elif name in self._held:
            held, operations = self._held[name]
            self._held[name] = (self._spelled(held, operation), [*operations, operation])
            return
        table = self.target.table(name) if name is not None else None
        if table is not None:
            table = self._spelled(table, operation)
        if (
            name is not None
            and table is not None
            and self.dialect.ddl.needs_rebuild(operation, table)
        ):
            self._held[name] = (table, [operation])
            return
        self._run(operation, table)

    def _spelled(self, table: Table, operation: Operation) -> Table:
        return (
            spelled_as(table, operation) if self.dialect.features.case_insensitive_names else table
        )

    def flush(self) -> None:
        """Runs what was held back, table after table."""
        held, self._held = self._held, {}
        for table, operations in held.values():
            self._send(self.dialect.ddl.rebuild(operations, table), operations)

    def execute_clause(self, clause: ClauseElement, rows: Sequence[Mapping[str, Any]] = ()) -> None:
        """Runs a SQLAlchemy statement."""
        self.flush()
        self.target.execute_clause(clause, rows)

    def find(self, name: Name) -> Table | None:
        """The table with everything done that was submitted before, None where there is none."""
        self.flush()
        return self.target.find(name)

    def names_in(self, name: Name) -> set[str]:
        """The names of the constraints and indexes of a table, as far as they are known here."""
        held = self._held.get(name)
        table = held[0] if held is not None else self.target.known(name)
        parts = (*table.constraints, *table.indexes) if table else ()
        added = {constraint for owner, constraint in self._added if owner == name}
        return added | {part.name for part in parts if part.name}

    def connection(self) -> Connection:
        """The connection, with everything done that was submitted before."""
        self.flush()
        return self.target.connection()

    def call(
        self,
        function: Callable[[Connection], object],
        reverse: Callable[[Connection], object] | None = None,
    ) -> None:
        """Calls a function with the connection, with everything done that came before.

        `reverse` is for the one who takes the steps of a migration back that stopped half-way.
        """
        self.flush()
        self.target.call(function, call_name(function))

    def decide(self, question: Callable[[], bool]) -> bool:
        """What the database answers, with everything done that was submitted before."""
        self.flush()
        return self.target.decide(question)

    @contextmanager
    def autocommit(self) -> Iterator[None]:
        """Without a transaction."""
        self.flush()
        with self.target.autocommit():
            self._outside = True
            try:
                yield
                self.flush()
            finally:
                self._outside = False

    def _creates_again(self, operation: Operation) -> bool:
        """Whether it creates an enum that was just created, and may be there."""
        if not isinstance(operation, CreateEnum):
            return False
        known = operation.enum.name in self._created_enums
        self._created_enums.add(operation.enum.name)
        return known and operation.if_not_exists

    def _run(self, operation: Operation, table: Table | None) -> None:
        self._send(self.dialect.ddl.statements(operation, table), [operation])

    def _send(self, statements: Sequence[str], operations: Sequence[Operation]) -> None:
        try:
            self.target.perform(operations, statements)
        except RowsInTheWayError:
            raise
        except MigrationFailedError as error:
            described = "; ".join(operation.describe() for operation in operations)
            raise MigrationFailedError(
                f"cannot do {described}: {error.message}",
                statement=error.statement,
                hint=error.hint,
            ) from error
        for operation in operations:
            self.target.done(operation)


def run_operations(executor: Executor, operations: Sequence[Operation]) -> None:
    """Submits all of them and flushes."""
    for operation in operations:
        executor.submit(operation)
    executor.flush()
