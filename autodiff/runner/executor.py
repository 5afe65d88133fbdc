"""Take operations one after the other and send their SQL to a sink."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from autodiff.dialects.base import Dialect
from autodiff.errors import AutodiffError, MigrationFailedError, RowsInTheWayError
from autodiff.runner.concurrent_indexes import outside_only
from autodiff.runner.copied_rows import refuse_copied_rows
from autodiff.runner.loader import call_name
from autodiff.runner.sinks import Sink
from autodiff.runner.transaction_control import refuse_transaction_control
from autodiff.schema.apply import spelled_like
from autodiff.schema.objects import Name, Table
from autodiff.schema.operations import (
    AddConstraint,
    CreateEnum,
    CreateIndex,
    Execute,
    Operation,
    is_concurrent,
)

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection
    from sqlalchemy.sql.elements import ClauseElement

__all__ = ["Executor", "run_operations"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rebuild:
    """A table that will be rebuilt, and the operations that the rebuild carries out.

    copies_back: it needs no ALTER TABLE.
    """

    table: Table
    operations: tuple[Operation, ...]
    copies_back: bool


class Executor:
    """Runs operations.

    Operations that need their table rebuilt wait, so that those on one table share one rebuild,
    also if other tables are altered in between. Call `flush` at the end.
    """

    def __init__(self, dialect: Dialect, sink: Sink) -> None:
        self.dialect = dialect
        self.sink = sink
        self._rebuilds: dict[Name, _Rebuild] = {}
        self._created_enums: set[Name] = set()
        self._added_constraints: set[tuple[Name, str]] = set()
        self._in_autocommit = False
        self._algorithm: str | None = None

    def submit(self, operation: Operation) -> None:
        """Run an operation, or let it wait for a rebuild that it can share.

        Raises MigrationFailedError that names the operation and its statement.
        """
        self._refuse_in_transaction(operation)
        if isinstance(operation, Execute):
            refuse_transaction_control(
                operation.sql, backslashes=self.dialect.features.backslash_escapes
            )
            refuse_copied_rows(operation.sql)
        if isinstance(operation, AddConstraint) and operation.constraint.name:
            self._added_constraints.add((operation.table, operation.constraint.name))
        if self._creates_again(operation) or self.sink.is_already_done(operation):
            return
        if self.sink.is_resumed(operation):
            self._send(self._statements_of_resumed(operation), [operation])
        elif not self._join_rebuild(operation):
            self._run(operation)

    def flush(self) -> None:
        """Run the rebuilds that wait, table after table."""
        rebuilds, self._rebuilds = self._rebuilds, {}
        for rebuild in rebuilds.values():
            statements = self.dialect.ddl.rebuild(
                rebuild.operations,
                rebuild.table,
                copies_back=rebuild.copies_back,
            )
            self._send(statements, rebuild.operations)

    def execute_clause(self, clause: ClauseElement, rows: Sequence[Mapping[str, Any]] = ()) -> None:
        """Run a SQLAlchemy statement."""
        from sqlalchemy import DDL, TextClause

        self.flush()
        match clause:
            case TextClause(text=sql) | DDL(statement=sql):
                refuse_copied_rows(sql)
        self.sink.execute_clause(clause, rows)

    def find(self, name: Name) -> Table | None:
        """Return the table after everything that was submitted, None if there is none."""
        self.flush()
        return self.sink.find(name)

    def find_to_drop(self, name: Name) -> Table | None:
        """Return what `find` does, for a table of which something is dropped if it exists.

        Raises MigrationFailedError in a script that can't know whether the table exists.
        """
        self.flush()
        return self.sink.find_to_drop(name)

    def known(self, name: Name) -> Table | None:
        """Return the table after everything that was submitted, None if it is unknown."""
        self.flush()
        return self.sink.known(name)

    def names_in(self, name: Name) -> set[str]:
        """Return the names of a table's constraints and indexes, as far as known."""
        rebuild = self._rebuilds.get(self._folded(name))
        table = rebuild.table if rebuild is not None else self.sink.known(name)
        parts = (*table.constraints, *table.indexes) if table else ()
        added = {constraint for owner, constraint in self._added_constraints if owner == name}
        return added | {part.name for part in parts if part.name}

    def connection(self) -> Connection:
        """Return the connection after everything that was submitted."""
        self.flush()
        return self.sink.connection()

    def call(
        self,
        function: Callable[[Connection], object],
        reverse: Callable[[Connection], object] | None = None,
    ) -> None:
        """Call a function with the connection, after everything that was submitted.

        `reverse` is not called here: it is for a run that undoes the steps of this one.
        """
        self.flush()
        self.sink.call(function, call_name(function))

    def ask(self, question: Callable[[], bool]) -> bool:
        """Return the database's answer to a question, after everything that was submitted."""
        self.flush()
        return self.sink.ask(question)

    @contextmanager
    def autocommit(self) -> Iterator[None]:
        """Run what is submitted inside without a transaction."""
        self.flush()
        with self.sink.autocommit():
            self._in_autocommit = True
            try:
                yield
                self.flush()
            finally:
                self._in_autocommit = False

    @contextmanager
    def online(self, algorithm: str) -> Iterator[None]:
        """Let what is submitted inside fail if it cannot use the algorithm, or must block writes.

        Databases without such algorithms ignore it.

        Raises MigrationFailedError for an algorithm that the database does not have.
        """
        algorithms = self.dialect.features.algorithms
        if algorithms and algorithm not in algorithms:
            raise MigrationFailedError(
                f"{self.dialect} has no algorithm {algorithm!r}",
                hint=f"use op.online() with one of {', '.join(algorithms)}",
            )
        self.flush()
        self._algorithm = algorithm
        try:
            yield
            self.flush()
        finally:
            self._algorithm = None

    def _refuse_in_transaction(self, operation: Operation) -> None:
        if (
            is_concurrent(operation)
            and not self._in_autocommit
            and self.sink.has_transaction
            and self.dialect.features.concurrent_indexes
        ):
            raise outside_only(operation.describe())

    def _creates_again(self, operation: Operation) -> bool:
        """Return whether it creates an enum that was just created, and allows for that."""
        if not isinstance(operation, CreateEnum):
            return False
        known = operation.enum.name in self._created_enums
        self._created_enums.add(operation.enum.name)
        return known and operation.if_not_exists

    def _join_rebuild(self, operation: Operation) -> bool:
        """Add an operation to the waiting rebuild of its table; return whether there is one.

        An operation that can't join one needs the current tables, so the rebuilds run first.
        """
        name = self.dialect.ddl.required_table(operation)
        if name is None or not self.dialect.ddl.can_share_rebuild(operation):
            self.flush()
            return False
        rebuild = self._rebuilds.get(self._folded(name))
        if rebuild is None:
            return False
        self._rebuilds[self._folded(name)] = replace(
            rebuild,
            operations=(*rebuild.operations, operation),
        )
        return True

    def _run(self, operation: Operation) -> None:
        """Send the statements of an operation, or begin a rebuild that others can join."""
        name = self.dialect.ddl.required_table(operation)
        table = None if name is None else self._current(name, operation)
        spelled = self._spelled(operation, table)
        is_rebuilt = name and table and self.dialect.ddl.needs_rebuild(spelled, table)
        statements = () if is_rebuilt else self.dialect.ddl.statements(spelled, table)
        copies_back = bool(name and table and self._copies_back(operation, name, statements))
        if name and table and (is_rebuilt or copies_back):
            self._rebuilds[self._folded(name)] = _Rebuild(
                table=table, operations=(operation,), copies_back=copies_back
            )
        else:
            self._send(statements, [operation])

    def _current(self, name: Name, operation: Operation) -> Table:
        """Return the table before an operation, without asking the database if that is known.

        A new index can only replace one that the database or autodiff has created for a foreign key
        or a column that numbers the rows. SQLite, which rebuilds tables, creates none for them.
        """
        if isinstance(operation, CreateIndex) and (new := self.sink.new_table(name)) is not None:
            if self.dialect.features.rebuilds_tables:
                return new
            taken = {key.columns[0].lower() for key in new.foreign_keys}
            taken |= {column.name.lower() for column in new.columns if column.autoincrement}
            if taken.isdisjoint(column.lower() for column in operation.index.columns[:1]):
                return new
        return self.sink.table(name, self.dialect.ddl.required_columns(operation))

    def _copies_back(self, operation: Operation, name: Name, statements: Sequence[str]) -> bool:
        """Return whether to rebuild a table without ALTER TABLE.

        statements: alter the table; empty if only a rebuild can do the operation.
        """
        if statements and not self.dialect.ddl.alters_table(operation):
            return False
        return self.sink.copies_table(name, statements)

    def _statements_of_resumed(self, operation: Operation) -> Sequence[str]:
        """Return the statements of an operation that is partly done; none if it can't be told.

        The table may be as the operation leaves it, or gone.
        """
        try:
            name = self.dialect.ddl.required_table(operation)
            table = None if name is None else self.sink.table(name)
            return self.dialect.ddl.statements(self._spelled(operation, table), table)
        except AutodiffError:
            return ()

    def _folded(self, name: Name) -> Name:
        """Return the name for the rebuilds that wait: equal for all spellings of a table."""
        return name.folded if self.dialect.features.case_insensitive_tables else name

    def _spelled(self, operation: Operation, table: Table | None) -> Operation:
        if table is None or not self.dialect.features.case_insensitive_names:
            return operation
        return spelled_like(operation, table)

    def _send(self, statements: Sequence[str], operations: Sequence[Operation]) -> None:
        if self._algorithm is not None:
            ddl, algorithm = self.dialect.ddl, self._algorithm
            statements = [ddl.with_algorithm(sql, algorithm) for sql in statements]
        try:
            self.sink.perform(operations, statements)
        except RowsInTheWayError:
            raise
        except MigrationFailedError as error:
            described = "; ".join(operation.describe() for operation in operations)
            raise MigrationFailedError(
                f"cannot apply {described}: {error.line}",
                statement=error.statement,
                hint=error.hint,
            ) from error
        for operation in operations:
            self.sink.completed(operation)


def run_operations(executor: Executor, operations: Sequence[Operation]) -> None:
    """Submit all operations and flush."""
    for operation in operations:
        executor.submit(operation)
    executor.flush()
