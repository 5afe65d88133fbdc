"""Read what the upgrade of a migration does, without a database."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, NoReturn

from sqlalchemy.inspection import _inspects

from autodiff.errors import AutodiffError, WrongArgumentError, exception_words
from autodiff.lint.columns_by_table import (
    NO_COLUMNS,
    ColumnsByTable,
    columns_after,
    filled_after,
    with_columns,
)
from autodiff.lint.context import Action, Script, Step
from autodiff.lint.replay import tables_after
from autodiff.lint.sql import is_always_true, parse_sql, statements_with_lines
from autodiff.lint.statements import (
    AddColumnIfAbsent,
    ChangeRows,
    CreateTableIfAbsent,
    CreateTemporary,
    Harmless,
    PythonCode,
    Unparsed,
)
from autodiff.lint.stored_queries import NO_QUERIES, StoredQueries, stored_queries_after
from autodiff.runner.context import executing
from autodiff.runner.executor import Executor
from autodiff.runner.loader import Loader, call_name, require_sql_only
from autodiff.runner.sinks import RecordingSink
from autodiff.schema.objects import Name, Table
from autodiff.schema.operations import (
    AddColumn,
    CreateTable,
    DropTable,
    Execute,
    Operation,
    RenameTable,
)
from autodiff.utils.shared_dict import SharedDict

if TYPE_CHECKING:
    from types import FrameType

    import sqlalchemy as sa
    from sqlalchemy.engine import Connection
    from sqlalchemy.sql.elements import ClauseElement

    from autodiff.dialects import Dialect
    from autodiff.migrations import Migration

__all__ = ["read_script"]


class _StopError(Exception):
    """The migration needs the database's answer, so it cannot be read any further.

    The code of a migration can catch it; `_ScriptReader.stop` has it nevertheless.
    """


def read_script(
    migration: Migration,
    dialect: Dialect,
    tables: Mapping[Name, Table],
    loader: Loader,
    queries: StoredQueries = NO_QUERIES,
    filled: ColumnsByTable = NO_COLUMNS,
) -> Script:
    """Return the steps of a migration's upgrade for one kind of database; nothing is run.

    Args:
        migration: The migration.
        dialect: The database for which it is read.
        tables: The tables before it.
        loader: Compiles the file, once for all databases.
        queries: The views, triggers and routines that earlier migrations have created.
        filled: The columns that earlier migrations have filled.

    Returns:
        The script. If the migration cannot be read to its end, its last step says why.

    Raises:
        MigrationFileError: The file is not valid Python, or is for a client of the database.
    """
    reader = _ScriptReader(migration, dialect, tables, queries, filled)
    if migration.is_sql:
        if dialect.features.backslash_escapes:
            require_sql_only(migration, "upgrade")
        for statement, line in statements_with_lines(migration.text, dialect):
            for action in parse_sql(statement, dialect):
                reader.take(action, line)
    else:
        _call_upgrade(migration, loader, reader)
    reader.script.tables_after = reader.tables
    reader.script.queries_after = reader.queries
    reader.script.filled_after = reader.filled
    return reader.script


def _call_upgrade(migration: Migration, loader: Loader, reader: _ScriptReader) -> None:
    try:
        with _alembic_of(migration):
            step = loader.step(migration, "upgrade")
            reader.script.downgrade_code = loader.function_code(migration, "downgrade")
            with executing(reader):
                step()
            if reader.stop is not None:
                raise reader.stop
    except _StopError as stop:
        reader.take(PythonCode(what=str(stop), ends=True))
    except AutodiffError as error:
        if isinstance(error.__cause__, SyntaxError) and _is_of(error.__cause__, migration):
            raise
        fails = isinstance(error, WrongArgumentError)
        reader.take(PythonCode(what=error.message.splitlines()[0], ends=True, fails=fails))
    except Exception as error:  # the file can do anything
        reader.take(PythonCode(what=exception_words(error), ends=True))


def _alembic_of(migration: Migration) -> AbstractContextManager[None]:
    """Return a block in which modules that a revision of Alembic imports can use Alembic."""
    if "down_revision" not in migration.text:
        return nullcontext()
    from autodiff.op.alembic.standing_in import standing_in_for_alembic

    return standing_in_for_alembic()


def _is_of(error: SyntaxError, migration: Migration) -> bool:
    """Return whether the error is in the file itself, and not in what it imports."""
    return error.filename == str(migration.path)


class _ScriptReader(Executor):
    """Collects the steps of a script, and follows the tables."""

    def __init__(
        self,
        migration: Migration,
        dialect: Dialect,
        tables: Mapping[Name, Table],
        queries: StoredQueries,
        filled: ColumnsByTable,
    ) -> None:
        super().__init__(dialect, RecordingSink(dialect, {}))
        self.script = Script(migration=migration, dialect=dialect)
        self.tables = tables
        self.queries = queries
        self.filled = filled
        self._new_tables: SharedDict[Name, None] = SharedDict({})
        self._new_columns = NO_COLUMNS
        self._outside = False
        self._path = str(migration.path)
        self.stop: _StopError | None = None

    def stopping(self, reason: str) -> _StopError:
        """Return the error that ends the reading, and keep it."""
        self.stop = _StopError(reason)
        return self.stop

    def take(self, action: Action, line: int | None = None) -> None:
        """Add a step, by default at the line that is running."""
        action = self._without_existing(action)
        self.script.steps.append(
            Step(
                script=self.script,
                action=action,
                line=_line(self._path) if line is None else line,
                tables=self.tables,
                new_tables=self._new_tables,
                new_columns=self._new_columns,
                outside=self._outside,
                online=self._algorithm is not None and bool(self.dialect.features.algorithms),
                position=len(self.script.steps),
                queries=self.queries,
                filled=self.filled,
            )
        )
        self.queries = stored_queries_after(self.queries, action)
        self.filled = filled_after(self.filled, action)
        any_case = self.dialect.features.case_insensitive_names
        self.tables = tables_after(self.tables, action, any_case=any_case)
        self._follow_new(action)

    def _without_existing(self, action: Action) -> Action:
        """Return a step; if it creates IF NOT EXISTS what exists, one that changes nothing."""
        match action:
            case CreateTableIfAbsent(table=table) if table.name in self.tables:
                return Harmless(sql=f"CREATE TABLE IF NOT EXISTS {table.name}")
            case AddColumnIfAbsent(table=owner, column=column):
                known = self.tables.get(owner)
                if known is not None and known.column(column.name) is not None:
                    name = f"{owner}.{column.name}"
                    return Harmless(sql=f"ADD COLUMN IF NOT EXISTS {name}")
        return action

    def _follow_new(self, action: Action) -> None:
        """Note what the migration created, by its current name."""
        tables, columns = self._new_tables, columns_after(self._new_columns, action)
        match action:
            case CreateTable(table=table):
                tables = _changed(tables, add=[table.name])
            case CreateTemporary(table=name):
                tables = _changed(tables, add=[name])
            case DropTable(name=name):
                tables = _changed(tables, remove=[name])
            case RenameTable(before=before, after=after) if before in tables:
                tables = _changed(tables, remove=[before], add=[after])
            case AddColumn(table=owner, column=column):
                columns = with_columns(columns, owner, [column.name])
        self._new_tables, self._new_columns = tables, columns

    # What the functions of `op` call

    def submit(self, operation: Operation) -> None:
        if not isinstance(operation, Execute):
            self.take(operation)
            return
        for action in parse_sql(operation.sql, self.dialect):
            self.take(action)

    def flush(self) -> None:
        return

    def execute_clause(self, clause: ClauseElement, rows: Sequence[Mapping[str, Any]] = ()) -> None:
        for action in _actions_of(clause, self.dialect):
            self.take(action)

    def find(self, name: Name) -> Table | None:
        return self.tables.get(name)

    def names_in(self, name: Name) -> set[str]:
        table = self.tables.get(name)
        parts = (*table.constraints, *table.indexes) if table else ()
        return {part.name for part in parts if part.name}

    def call(
        self,
        function: Callable[[Connection], object],
        reverse: Callable[[Connection], object] | None = None,
    ) -> None:
        self.take(PythonCode(what=call_name(function).rpartition(".")[2]))

    def connection(self) -> Connection:
        return _PaperConnection(self)  # type: ignore[return-value]

    @contextmanager
    def autocommit(self) -> Iterator[None]:
        self._outside = True
        try:
            yield
        finally:
            self._outside = False


class _PaperConnection:
    """Replaces the connection of `op.get_bind()`: collects statements, and returns no results."""

    def __init__(self, reader: _ScriptReader) -> None:
        self._reader = reader
        self.dialect = reader.dialect.sqlalchemy

    @property
    def engine(self) -> _PaperConnection:
        return self

    def execute(self, statement: Any, *_arguments: Any, **_options: Any) -> _NoAnswer:
        text = getattr(statement, "text", statement)
        if isinstance(text, str):
            self._reader.submit(Execute(sql=text))
        else:
            self._reader.execute_clause(statement)
        return _NoAnswer(self._reader)

    exec_driver_sql = execute

    def __getattr__(self, name: str) -> Any:
        raise self._reader.stopping(f"it needs the connection: {name}")


@_inspects(_PaperConnection)
def _refuse_inspection(connection: _PaperConnection) -> NoReturn:
    """End the reading at `sa.inspect(op.get_bind())`."""
    raise connection._reader.stopping("it inspects the database")


class _NoAnswer:
    """The result of a statement that was not run: asking it for anything ends the reading."""

    def __init__(self, reader: _ScriptReader) -> None:
        self._reader = reader

    def __getattr__(self, name: str) -> Any:
        raise self._reader.stopping("it needs the rows of a query")

    def __iter__(self) -> Iterator[Any]:
        raise self._reader.stopping("it needs the rows of a query")


def _actions_of(clause: ClauseElement, dialect: Dialect) -> list[Action]:
    """Return what a SQLAlchemy statement does."""
    import sqlalchemy as sa
    from sqlalchemy.schema import ExecutableDDLElement

    is_copy = isinstance(clause, sa.Insert) and clause.select is not None
    if isinstance(clause, sa.Update | sa.Delete | sa.Insert) and not is_copy:
        return [_rows_of(clause, dialect)]
    if not is_copy and not isinstance(clause, ExecutableDDLElement):
        return [Harmless(sql=type(clause).__name__)]
    text = _compiled(clause, dialect)
    return [Unparsed(sql=type(clause).__name__)] if text is None else parse_sql(text, dialect)


def _compiled(clause: ClauseElement, dialect: Dialect) -> str | None:
    """Return the SQL of a SQLAlchemy element; None if it has none without a database."""
    try:
        return str(clause.compile(dialect=dialect.sqlalchemy))
    except Exception:  # an element can be other people's code
        return None


def _rows_of(clause: sa.Update | sa.Delete | sa.Insert, dialect: Dialect) -> Action:
    """Return what a SQLAlchemy statement does to rows."""
    import sqlalchemy as sa

    table = clause.table
    name = Name(str(getattr(table, "name", "")), getattr(table, "schema", None))
    if isinstance(clause, sa.Insert):
        return ChangeRows(table=name, verb="INSERT")
    verb = "UPDATE" if isinstance(clause, sa.Update) else "DELETE"
    columns = ()
    if isinstance(clause, sa.Update):
        compiled = clause.compile().params
        columns = tuple(column for column in compiled if column in getattr(table, "c", ()))
    return ChangeRows(
        table=name,
        verb=verb,  # type: ignore[arg-type]
        everywhere=_is_everywhere(clause, dialect),
        columns=columns,
    )


def _is_everywhere(clause: sa.Update | sa.Delete, dialect: Dialect) -> bool:
    """Return whether a statement has no condition, or one that every row meets."""
    if clause.whereclause is None:
        return True
    condition = _compiled(clause.whereclause, dialect)
    return condition is not None and is_always_true(condition, dialect)


def _line(path: str) -> int | None:
    """Return the line of a file that is running, or at which it failed."""
    frame: FrameType | None = sys._getframe()
    while frame is not None and frame.f_code.co_filename != path:
        frame = frame.f_back
    if frame is not None:
        return frame.f_lineno
    trace = error.__traceback__ if (error := sys.exception()) else None
    found = None
    while trace is not None:
        found = trace.tb_lineno if trace.tb_frame.f_code.co_filename == path else found
        trace = trace.tb_next
    return found


def _changed(
    names: SharedDict[Name, None], *, add: Iterable[Name] = (), remove: Iterable[Name] = ()
) -> SharedDict[Name, None]:
    """Return a set of names that shares what stays: each of thousands of steps keeps its own."""
    found = SharedDict(names)
    for name in remove:
        found.pop(name, None)
    for name in add:
        found[name] = None
    return found
