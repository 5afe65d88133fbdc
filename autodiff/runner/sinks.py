"""Define where statements go: to a live connection, or into a list."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from autodiff.dialects.base import Dialect
from autodiff.errors import DatabaseError, MigrationFailedError, database_words
from autodiff.runner.batched_backfill import BatchRecorder, fill_in_batches
from autodiff.runner.calls import call_completely
from autodiff.runner.events import BackfillProgress
from autodiff.runner.row_checks import refuse_rows
from autodiff.runner.table_cache import TableCache
from autodiff.schema.apply import evolve_tables, spelled_like
from autodiff.schema.objects import Name, Table
from autodiff.schema.operations import (
    AddColumn,
    Backfill,
    CreateTable,
    DropColumn,
    Operation,
    RenameTable,
    Require,
)
from autodiff.utils.quoting import sql_comment
from autodiff.utils.server_states import read_only_hint
from autodiff.utils.shared_dict import SharedDict

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection
    from sqlalchemy.exc import DBAPIError
    from sqlalchemy.sql.elements import ClauseElement

    from autodiff.dialects.table_copies import TableCopies

__all__ = ["LiveSink", "RecordingSink", "Sink", "asks_the_database", "written_clause"]

_SAME_TRANSACTION = BatchRecorder()


class Sink(ABC):
    """Receives statements from the executor. They share a transaction if `has_transaction`."""

    has_transaction = True
    writes_script = False
    """Whether there is no connection, because SQL is only written down."""

    @abstractmethod
    def execute(self, sql: str) -> int:
        """Run one statement; return the number of rows that it changed, or -1 if it is unknown."""

    @abstractmethod
    def execute_clause(self, clause: ClauseElement, rows: Sequence[Mapping[str, Any]]) -> None:
        """Run a SQLAlchemy statement, once for each row if there are rows."""

    @abstractmethod
    def require(self, operation: Require) -> None:
        """Refuse the migration if the query finds rows."""

    @abstractmethod
    def backfill(self, operation: Backfill) -> None:
        """Set columns of existing rows."""

    @abstractmethod
    def table(self, name: Name, columns: Sequence[str] | None = None) -> Table:
        """Return the current table.

        columns: those whose definitions must be current; None for all.

        Raises DatabaseError if there is none.
        """

    @abstractmethod
    def find(self, name: Name) -> Table | None:
        """Return the current table, None if there is none.

        Raises MigrationFailedError if that is unknown, because there is no database to ask.
        """

    def find_to_drop(self, name: Name) -> Table | None:
        """Return what `find` does, for a table of which something is dropped if it exists."""
        return self.find(name)

    @abstractmethod
    def known(self, name: Name) -> Table | None:
        """Return the current table, None if there is none or that is unknown."""

    def new_table(self, name: Name) -> Table | None:
        """Return a table as it was created, if only indexes were added since; None otherwise."""
        return None

    def copies_table(self, name: Name, statements: Sequence[str]) -> bool:
        """Return whether to rebuild a table by copying its rows back, without ALTER TABLE.

        statements: alter the table; empty if only a rebuild can do the operation.
        """
        return False

    @abstractmethod
    def connection(self) -> Connection:
        """Return the connection, for hand-written parts."""

    @abstractmethod
    def call(self, function: Callable[[Connection], object], name: str) -> None:
        """Call a function of the migration with the connection."""

    @abstractmethod
    def autocommit(self) -> AbstractContextManager[None]:
        """Leave the migration's transaction, and begin another one at the end."""

    def is_already_done(self, operation: Operation) -> bool:
        """Return whether an earlier run completed an operation, so that it must not run again."""
        return False

    def is_resumed(self, operation: Operation) -> bool:
        """Return whether an earlier run began an operation and did not complete it."""
        return False

    def perform(self, operations: Sequence[Operation], statements: Sequence[str]) -> None:
        """Run operations with the statements given."""
        match operations:
            case [Require() as check]:
                self.require(check)
            case [Backfill() as backfill]:
                self.backfill(backfill)
            case _:
                for sql in statements:
                    self.execute(sql)

    def ask(self, question: Callable[[], bool]) -> bool:
        """Return the database's answer to a question of the migration."""
        return question()

    def completed(self, operation: Operation) -> None:  # noqa: B027
        """Note that an operation was run."""


class LiveSink(Sink):
    """Runs statements on a connection as they come, and reports them to two listeners.

    `outside` leaves the transaction, if that is possible.
    """

    def __init__(
        self,
        connection: Connection,
        dialect: Dialect,
        on_statement: Callable[[str], None] = lambda sql: None,
        on_batch: Callable[[BackfillProgress], None] = lambda event: None,
        outside: Callable[[], AbstractContextManager[None]] | None = None,
    ) -> None:
        self._connection = connection
        self._dialect = dialect
        self._on_statement = on_statement
        self._on_batch = on_batch
        self._outside = outside
        self.own_connection = connection
        """The connection for the runner, which does not give it to the migration."""
        self._tables = TableCache(dialect, lambda scope: dialect.catalog.reflect(connection, scope))
        self._copies: TableCopies | None = None

    def perform(self, operations: Sequence[Operation], statements: Sequence[str]) -> None:
        """Run operations with the statements given, and remember the tables of others."""
        match operations:
            case [AddColumn(table=table) | DropColumn(table=table)]:
                copies = self.table_copies()
                statements = copies.without_alter(table, statements) if copies else statements
        with self.performing(operations):
            super().perform(operations, statements)

    @contextmanager
    def performing(self, operations: Sequence[Operation]) -> Iterator[None]:
        """Remember the tables that the operations, which are run inside, do not affect."""
        with self._tables.around(operations):
            yield

    def new_table(self, name: Name) -> Table | None:
        """Return a table that this run created."""
        return self._tables.find_new(name)

    def copies_table(self, name: Name, statements: Sequence[str]) -> bool:
        """Ask the database, unless statements can alter the table."""
        copies = None if statements else self.table_copies()
        return copies is not None and copies.copies_back(name)

    def table_copies(self) -> TableCopies | None:
        """Return what decides if tables are copied."""
        if self._copies is None or self._tables.is_disabled:
            self._copies = self._dialect.catalog.table_copies(self._connection)
        return self._copies

    def _forget(self) -> None:
        """Note that what follows can change any table and any other object, if it can."""
        self._tables.forget()
        if self._tables.is_empty:
            self._copies = None

    def execute(self, sql: str) -> int:
        """Run one statement verbatim: the driver looks for no parameters in it."""
        from sqlalchemy.exc import DBAPIError

        self._forget()
        self._on_statement(sql)
        try:
            result = self._connection.exec_driver_sql(
                sql, execution_options={"no_parameters": True}
            )
        except DBAPIError as error:
            raise _refused(error, sql) from error
        return result.rowcount

    def require(self, operation: Require) -> None:
        """Raise RowsInTheWayError if the query finds rows."""
        refuse_rows(self._connection, self._dialect, operation)

    def backfill(self, operation: Backfill, recorder: BatchRecorder = _SAME_TRANSACTION) -> None:
        """Set columns of rows, in batches if there are many; reported as one statement."""
        table = self.find(operation.table)
        [statement] = self._dialect.ddl.statements(operation, table)
        if table is None:
            with recorder.batch():
                self.execute(statement)
                recorder.reached(None)
            return
        self._on_statement(statement)
        fill_in_batches(self._connection, self._dialect, operation, table, self._on_batch, recorder)

    def execute_clause(self, clause: ClauseElement, rows: Sequence[Mapping[str, Any]]) -> None:
        """Run a SQLAlchemy statement."""
        from sqlalchemy.exc import DBAPIError

        self._on_statement(str(clause))
        self._forget()
        try:
            if rows:
                self._connection.execute(clause, [dict(row) for row in rows])  # type: ignore[call-overload]
            else:
                self._connection.execute(clause)  # type: ignore[call-overload]
        except DBAPIError as error:
            raise _refused(error, str(clause)) from error

    def table(self, name: Name, columns: Sequence[str] | None = None) -> Table:
        """Read the table from the database, unless it is remembered."""
        found = self._tables.find(name, columns)
        if found is None:
            raise DatabaseError(
                f"there is no table {name} in the database",
                hint="check that the migration runs on the database that it was written for",
            )
        return found

    def find(self, name: Name) -> Table | None:
        """Read the table from the database."""
        return self._tables.find(name)

    def known(self, name: Name) -> Table | None:
        """Read the table from the database."""
        return self.find(name)

    def connection(self) -> Connection:
        """Return the connection, with which the migration can change any table."""
        self._tables.disable()
        return self._connection

    def call(self, function: Callable[[Connection], object], name: str) -> None:
        """Call a function of the migration with the connection."""
        self._tables.disable()
        self._on_statement(sql_comment(name))
        call_completely(function, f"op.run({name}): the function", self._connection)

    def autocommit(self) -> AbstractContextManager[None]:
        """Leave the transaction.

        Raises MigrationFailedError if the statements run in a single transaction.
        """
        self._forget()
        if self._outside is not None:
            return self._outside()
        raise MigrationFailedError(
            "op.autocommit() leaves the transaction, which is not possible here",
            hint="run the migration with: autodiff upgrade",
        )


def written_clause(clause: ClauseElement, dialect: Dialect) -> str:
    """Return the SQL of a statement, with its values as literals.

    Raises MigrationFailedError for a value that has no literal, and MissingValueError for a
    parameter without a value.
    """
    from sqlalchemy.exc import CompileError

    from autodiff.dialects.literals import MissingValueError, clause_text

    try:
        return clause_text(clause, dialect)
    except MissingValueError:
        raise
    except CompileError as error:
        raise MigrationFailedError(
            f"a value has no SQL literal: {error}",
            hint="apply the migration to a database, or write the statement as text: op.execute",
        ) from error


def asks_the_database(name: Name) -> MigrationFailedError:
    """Return the error for a question that a script cannot answer."""
    return MigrationFailedError(
        f"this migration asks whether the table {name} exists, which only a database knows",
        hint="apply the migration to a database, or remove if_exists and if_not_exists",
    )


class RecordingSink(Sink):
    """Collects statements in `statements`, and keeps track of what they do to tables.

    `complete` means that `tables` holds all tables, so that any other is known to be missing.
    `refusal` is the error of a step that needs a connection: the migration may catch it.
    """

    has_transaction = False
    writes_script = True

    def __init__(
        self, dialect: Dialect, tables: Mapping[Name, Table], *, complete: bool = True
    ) -> None:
        self.statements: list[str] = []
        self._dialect = dialect
        self._tables = SharedDict(tables)
        self._complete = complete
        self._performed: Sequence[str] = ()
        self.refusal: MigrationFailedError | None = None

    def perform(self, operations: Sequence[Operation], statements: Sequence[str]) -> None:
        """Collect the statements, which also show what happens to the indexes of tables."""
        self._performed = statements
        super().perform(operations, statements)

    def execute(self, sql: str) -> int:
        """Collect one statement."""
        self.statements.append(sql)
        return -1

    def require(self, operation: Require) -> None:
        """Collect the query, as a comment."""
        self.statements += self._dialect.ddl.statements(operation)

    def backfill(self, operation: Backfill) -> None:
        """Collect one statement for all rows."""
        self.statements += self._dialect.ddl.statements(
            operation, self._tables.get(operation.table)
        )

    def execute_clause(self, clause: ClauseElement, rows: Sequence[Mapping[str, Any]]) -> None:
        """Collect a SQLAlchemy statement, with its values as literals."""
        for row in rows or [None]:  # type: ignore[list-item]
            bound = clause.values(dict(row)) if row is not None else clause  # type: ignore[attr-defined]
            self.execute(written_clause(bound, self._dialect))

    def table(self, name: Name, columns: Sequence[str] | None = None) -> Table:
        """Return the table as earlier operations left it."""
        found = self.known(name)
        if found is None:
            raise DatabaseError(
                f"table {name} is unknown here", hint="apply the migration to a database"
            )
        return found

    def find(self, name: Name) -> Table | None:
        """Return the table if earlier operations created it."""
        found = self.known(name)
        if found is None and not self._complete:
            raise asks_the_database(name)
        return found

    def known(self, name: Name) -> Table | None:
        """Return the table if earlier operations created it, or the plan knows it."""
        return self._tables.get(self._key(name))

    def _key(self, name: Name) -> Name:
        """Return the name as the table was created, if the database ignores its case."""
        if name in self._tables or not self._dialect.features.case_insensitive_tables:
            return name
        folded = name.folded
        return next((key for key in self._tables if key.folded == folded), name)

    def _spelled(self, operation: Operation) -> Operation:
        """Return the operation with the name of its table as the table was created."""
        for attribute in ("table", "name", "before"):
            name = getattr(operation, attribute, None)
            if isinstance(name, Name) and self._key(name) != name:
                return replace(operation, **{attribute: self._key(name)})  # type: ignore[arg-type]
        return operation

    def completed(self, operation: Operation) -> None:
        """Apply an operation to the tables."""
        operation = self._spelled(operation)
        altered = getattr(operation, "table", None)
        is_new = isinstance(operation, CreateTable)
        altered = operation.table.name if isinstance(operation, CreateTable) else altered
        before = self._tables.get(altered) if isinstance(altered, Name) and not is_new else None
        if before is not None and self._dialect.features.case_insensitive_names:
            operation = spelled_like(operation, before)
        evolve_tables(self._tables, operation)
        if isinstance(operation, RenameTable) and operation.after in self._tables:
            renamed = self._tables[operation.after]
            followed = self._dialect.ddl.with_followed_names(operation.before, renamed)
            self._tables[operation.after] = followed
        after = self._tables.get(altered) if isinstance(altered, Name) else None
        if after is not None and (is_new or before is not None):
            ddl = self._dialect.ddl
            self._tables[after.name] = ddl.with_implied_indexes(before, after, self._performed)

    def connection(self) -> Connection:
        """Raise MigrationFailedError: there is no connection."""
        self.refusal = MigrationFailedError(
            "this migration uses the connection (op.get_bind), so it has no SQL script",
            hint="apply the migration to a database, or write that part with op.execute",
        )
        raise self.refusal

    def call(self, function: Callable[[Connection], object], name: str) -> None:
        """Raise MigrationFailedError: there is no connection to call the function with."""
        self.refusal = MigrationFailedError(
            f"this migration calls {name} (op.run), so it has no SQL script",
            hint="apply the migration to a database, or write that part with op.execute",
        )
        raise self.refusal

    @contextmanager
    def autocommit(self) -> Iterator[None]:
        """End the script's transaction, and begin another one."""
        if self._dialect.features.transactional_ddl:
            self.statements.append("COMMIT")
        yield
        if self._dialect.features.transactional_ddl:
            self.statements.append("BEGIN")


def _refused(error: DBAPIError, statement: str) -> MigrationFailedError:
    return MigrationFailedError(
        database_words(error.orig), statement=statement, hint=read_only_hint(error)
    )
