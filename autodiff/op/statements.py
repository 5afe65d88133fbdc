"""Run SQL statements and Python functions of the migration's author."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from autodiff.errors import MigrationFailedError
from autodiff.op._arguments import checked
from autodiff.op._executor import compiler_for
from autodiff.runner.context import current_connection, current_executor
from autodiff.schema.operations import Execute

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from autodiff.op.migration_context import MigrationContext

__all__ = ["autocommit", "execute", "get_bind", "get_context", "online", "run"]


@checked
def execute(
    sqltext: str | sa.ClauseElement,
    *,
    reverse: str | None = None,
    execution_options: Mapping[str, Any] | None = None,
) -> None:
    r"""Run one SQL statement.

    Args:
        sqltext: SQL text, or a SQLAlchemy statement such as sa.update(...). In SQL text, write `\:`
            for a colon that begins no parameter, as for Alembic.
        reverse: SQL text that undoes the statement. It is run only to undo a migration that
            stopped half-way; `downgrade()` needs a statement of its own.
        execution_options: Options of a SQLAlchemy statement, such as
            `{"schema_translate_map": ...}`. They have no effect on SQL text.

    Raises:
        MigrationFailedError: The database refused the statement, or `reverse` is given for a
            statement that is not SQL text.
    """
    executor = current_executor()
    if not isinstance(sqltext, str) and not isinstance(sqltext, sa.sql.elements.TextClause):
        if reverse is not None:
            raise MigrationFailedError(
                "op.execute() accepts reverse only for SQL text, not for a SQLAlchemy statement",
                hint="pass the statement as SQL text, or use op.run(function, reverse=...)",
            )
        if execution_options and isinstance(sqltext, sa.Executable):
            sqltext = sqltext.execution_options(**execution_options)
        executor.execute_clause(sqltext)
        return
    if isinstance(sqltext, sa.sql.elements.TextClause) and sqltext._bindparams:
        text = compiler_for(executor).expression(sqltext)
    else:
        text = sqltext if isinstance(sqltext, str) else sqltext.text
    executor.submit(Execute(sql=text.replace("\\:", ":"), reverse_sql=reverse))


@checked
def run(
    function: Callable[[sa.Connection], object],
    *,
    reverse: Callable[[sa.Connection], object] | None = None,
) -> None:
    """Call a function with the connection, for a data migration that needs Python.

    The call is one step: when a migration is resumed, a function that has returned is not called
    again.

    Args:
        function: The function; its return value is ignored.
        reverse: A function that undoes it. It is called only to undo a migration that stopped
            half-way; in `downgrade()`, call it with `op.run(reverse)`.

    Raises:
        MigrationFailedError: The function raised an exception.
    """
    current_executor().call(function, reverse)


def autocommit() -> AbstractContextManager[None]:
    """Leave the migration's transaction inside a `with` block.

    CREATE INDEX CONCURRENTLY and VACUUM need this. Everything before the block is committed. Each
    statement in the block is a step in the journal, from which a failed migration is resumed.

    Returns:
        The context manager.
    """
    return current_executor().autocommit()


@checked
def online(algorithm: str) -> AbstractContextManager[None]:
    """Let statements inside a `with` block fail instead of blocking writes, on MySQL and MariaDB.

    ALTER TABLE, CREATE INDEX and DROP INDEX get `ALGORITHM=...` and `LOCK=NONE`. Other databases
    ignore the block.

    Args:
        algorithm: "INSTANT", "INPLACE", or "NOCOPY" on MariaDB.

    Returns:
        The context manager.

    Raises:
        MigrationFailedError: The server has no such algorithm, or cannot use it for a statement.
    """
    return current_executor().online(algorithm)


def get_context() -> MigrationContext:
    """Return the context of the running migration.

    Returns:
        The context. `op.get_context().dialect.name` is "sqlite", "postgresql" or "mysql".
    """
    from autodiff.op.migration_context import MigrationContext

    return MigrationContext(current_executor())


def get_bind() -> sa.Connection:
    """Return the connection of the running migration.

    The operations before this call are applied first.

    Returns:
        The connection.

    Raises:
        MigrationFailedError: There is no connection, because SQL is written to a file.
    """
    return current_connection()
