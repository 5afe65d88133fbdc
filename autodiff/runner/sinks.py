"""Where statements go: to a live connection, or into a list."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

from autodiff.dialects.base import Dialect
from autodiff.dialects.scope import Scope
from autodiff.errors import DatabaseError, MigrationFailedError, database_words
from autodiff.runner.backfill import Keeper, fill_in_batches
from autodiff.runner.events import BackfillProgress
from autodiff.runner.row_checks import refuse_rows
from autodiff.schema.apply import evolve, rename_references, rename_referred_column
from autodiff.schema.objects import Name, Table
from autodiff.schema.operations import (
    Backfill,
    CreateTable,
    DropTable,
    Operation,
    RenameColumn,
    RenameTable,
    Require,
)

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection
    from sqlalchemy.sql.elements import ClauseElement

__all__ = ["Live", "Recording", "Target", "written_clause"]

_WITH_ALL_ELSE = Keeper()


class Target(ABC):
    """What the executor sends statements to; `has_transaction` says that they are in one."""

    has_transaction = True

    @abstractmethod
    def execute(self, sql: str) -> int:
        """Runs one statement; the number of rows it changed, or -1."""

    @abstractmethod
    def execute_clause(self, clause: ClauseElement, rows: Sequence[Mapping[str, Any]]) -> None:
        """Runs a SQLAlchemy statement, once for each of the rows if there are any."""

    @abstractmethod
    def require(self, operation: Require) -> None:
        """Refuses where rows stand in the way."""

    @abstractmethod
    def backfill(self, operation: Backfill) -> None:
        """Gives rows values."""

    @abstractmethod
    def table(self, name: Name) -> Table:
        """The table as it stands now."""

    @abstractmethod
    def find(self, name: Name) -> Table | None:
        """The table as it stands now, None where there is none."""

    @abstractmethod
    def known(self, name: Name) -> Table | None:
        """The table as it stands now, None where there is none or nothing is known of it."""

    @abstractmethod
    def connection(self) -> Connection:
        """The connection, for hand-written parts."""

    @abstractmethod
    def call(self, function: Callable[[Connection], object], name: str) -> None:
        """Calls a function of the migration with the connection."""

    @abstractmethod
    def autocommit(self) -> AbstractContextManager[None]:
        """Leaves the transaction of the migration, and enters another one at the end."""

    def passes(self, operation: Operation) -> bool:
        """Whether an operation was done before, and is not to be done again."""
        return False

    def statements_left(self, operations: Sequence[Operation]) -> Sequence[str] | None:
        """The statements of operations that were begun before; None where they were not."""
        return None

    def perform(self, operations: Sequence[Operation], statements: Sequence[str]) -> None:
        """Does the operations, whose statements are given."""
        match operations:
            case [Require() as check]:
                self.require(check)
            case [Backfill() as backfill]:
                self.backfill(backfill)
            case _:
                for sql in statements:
                    self.execute(sql)

    def decide(self, question: Callable[[], bool]) -> bool:
        """What the database answers to what a migration asks of it."""
        return question()

    def done(self, operation: Operation) -> None:  # noqa: B027
        """Told after each operation."""


class Live(Target):
    """Statements run on a connection at once; two listeners are told what they do.

    `outside` leaves the transaction, where that is possible.
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

    def execute(self, sql: str) -> int:
        """Runs one statement, as it is: no driver looks for parameters in it."""
        from sqlalchemy.exc import DBAPIError

        self._on_statement(sql)
        try:
            result = self._connection.exec_driver_sql(
                sql, execution_options={"no_parameters": True}
            )
        except DBAPIError as error:
            raise MigrationFailedError(database_words(error.orig), statement=sql) from error
        return result.rowcount

    def require(self, operation: Require) -> None:
        """Raises RowsInTheWayError where the query finds rows."""
        refuse_rows(self._connection, operation)

    def backfill(self, operation: Backfill, keeper: Keeper = _WITH_ALL_ELSE) -> None:
        """Gives rows values, batch by batch where there are many; told as one statement."""
        table = self.find(operation.table)
        [statement] = self._dialect.ddl.statements(operation, table)
        if table is None:
            with keeper.batch():
                self.execute(statement)
                keeper.reached(None)
            return
        self._on_statement(statement)
        fill_in_batches(self._connection, self._dialect, operation, table, self._on_batch, keeper)

    def execute_clause(self, clause: ClauseElement, rows: Sequence[Mapping[str, Any]]) -> None:
        """Runs a SQLAlchemy statement."""
        from sqlalchemy.exc import DBAPIError

        self._on_statement(str(clause))
        try:
            if rows:
                self._connection.execute(clause, [dict(row) for row in rows])  # type: ignore[call-overload]
            else:
                self._connection.execute(clause)  # type: ignore[call-overload]
        except DBAPIError as error:
            raise MigrationFailedError(database_words(error.orig), statement=str(clause)) from error

    def table(self, name: Name) -> Table:
        """The table, read from the database."""
        found = self.find(name)
        if found is None:
            raise DatabaseError(
                f"there is no table {name} in the database",
                hint="does the migration run on the database that it was written for?",
            )
        return found

    def find(self, name: Name) -> Table | None:
        """The table, read from the database."""
        namespaces = (name.schema,) if name.schema else ()
        scope = Scope(namespaces=namespaces, only=(name,))
        tables = self._dialect.catalog.reflect(self._connection, scope).tables
        if self._dialect.features.case_insensitive_tables:
            return next(iter(tables.values()), None)
        return tables.get(name)

    def known(self, name: Name) -> Table | None:
        """The table, read from the database."""
        return self.find(name)

    def connection(self) -> Connection:
        """The connection."""
        return self._connection

    def call(self, function: Callable[[Connection], object], name: str) -> None:
        """Calls a function of the migration with the connection."""
        self._on_statement(f"-- {name}")
        function(self._connection)

    def autocommit(self) -> AbstractContextManager[None]:
        """Refused where what runs in one transaction can't leave it."""
        if self._outside is not None:
            return self._outside()
        raise MigrationFailedError(
            "op.autocommit() leaves the transaction, which is not possible here",
            hint="run the migration by: autodiff upgrade",
        )


def written_clause(clause: ClauseElement, dialect: Dialect) -> str:
    """The SQL of a statement, with its values in it.

    Raises MigrationFailedError for a value that can't be written as text.
    """
    from sqlalchemy.exc import CompileError

    from autodiff.dialects.literals import clause_text

    try:
        return clause_text(clause, dialect)
    except CompileError as error:
        raise MigrationFailedError(
            f"a value can't be written down as SQL: {error}",
            hint="apply it to a database, or write that statement as text, with op.execute",
        ) from error


class Recording(Target):
    """Statements are collected in `statements`; tables are followed from what they were.

    `complete` says that `tables` are all that there are, so that others are known to be missing.
    """

    has_transaction = False

    def __init__(
        self, dialect: Dialect, tables: Mapping[Name, Table], *, complete: bool = True
    ) -> None:
        self.statements: list[str] = []
        self._dialect = dialect
        self._tables = dict(tables)
        self._complete = complete

    def execute(self, sql: str) -> int:
        """Collects one statement."""
        self.statements.append(sql)
        return -1

    def require(self, operation: Require) -> None:
        """Collects the query, as a comment."""
        self.statements += self._dialect.ddl.statements(operation)

    def backfill(self, operation: Backfill) -> None:
        """Collects one statement for all rows."""
        self.statements += self._dialect.ddl.statements(
            operation, self._tables.get(operation.table)
        )

    def execute_clause(self, clause: ClauseElement, rows: Sequence[Mapping[str, Any]]) -> None:
        """Collects a SQLAlchemy statement, with its values in it."""
        for row in rows or [None]:  # type: ignore[list-item]
            bound = clause.values(dict(row)) if row is not None else clause  # type: ignore[attr-defined]
            self.execute(written_clause(bound, self._dialect))

    def table(self, name: Name) -> Table:
        """The table, as the operations before left it."""
        if name not in self._tables:
            raise DatabaseError(f"table {name} is not known here", hint="run it on a database")
        return self._tables[name]

    def find(self, name: Name) -> Table | None:
        """The table, if operations before made it."""
        if name not in self._tables and not self._complete:
            raise MigrationFailedError(
                f"this migration asks whether there is a table {name}, so its SQL can't be "
                "written down",
                hint="apply it to a database, or leave if_exists and if_not_exists out",
            )
        return self._tables.get(name)

    def known(self, name: Name) -> Table | None:
        """The table, if operations before made it."""
        return self._tables.get(name)

    def done(self, operation: Operation) -> None:
        """Follows what the operation did."""
        match operation:
            case CreateTable(table=table):
                self._tables[table.name] = table
            case DropTable(name=name):
                self._tables.pop(name, None)
            case RenameTable(before=before, after=after) if before in self._tables:
                self._tables[after] = evolve(self._tables.pop(before), operation)
                for name, table in self._tables.items():
                    self._tables[name] = rename_references(table, before, after)
            case RenameColumn(table=owner, before=old, after=new):
                self._evolve(owner, operation)
                for name, table in self._tables.items():
                    if name != owner:
                        self._tables[name] = rename_referred_column(table, owner, old, new)
            case _:
                altered = getattr(operation, "table", None)
                if isinstance(altered, Name):
                    self._evolve(altered, operation)

    def _evolve(self, name: Name, operation: Operation) -> None:
        if name in self._tables:
            self._tables[name] = evolve(self._tables[name], operation)

    def connection(self) -> Connection:
        """There is none."""
        raise MigrationFailedError(
            "this migration asks for a connection (op.get_bind), so its SQL can't be written down",
            hint="apply it to a database, or write that part with op.execute",
        )

    def call(self, function: Callable[[Connection], object], name: str) -> None:
        """There is no connection to call it with."""
        raise MigrationFailedError(
            f"this migration calls {name} (op.run), so its SQL can't be written down",
            hint="apply it to a database, or write that part with op.execute",
        )

    @contextmanager
    def autocommit(self) -> Iterator[None]:
        """Ends the transaction that a script is in, and begins another one."""
        if self._dialect.features.transactional_ddl:
            self.statements.append("COMMIT")
        yield
        if self._dialect.features.transactional_ddl:
            self.statements.append("BEGIN")
