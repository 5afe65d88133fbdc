"""Fill columns of existing rows, insert rows, and check rows before a change."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.exc import CompileError

from autodiff.dialects.literals import MissingValueError
from autodiff.errors import WrongArgumentError
from autodiff.op._arguments import checked
from autodiff.op._executor import compiler_for, qualified_name, sql_part
from autodiff.runner.context import current_executor, current_settings
from autodiff.schema.operations import Backfill, Require
from autodiff.schema.sqltext import first_word

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from autodiff.models.expressions import Compiler
    from autodiff.op.keywords import SQLExpression

__all__ = ["backfill", "bulk_insert", "require"]

_CHANGES = ("INSERT", "UPDATE", "DELETE", "REPLACE", "CREATE", "ALTER", "DROP")


@checked
def backfill(
    table_name: str,
    values: Mapping[str, Any],
    where: SQLExpression | None = None,
    batch_size: int | None = None,
    *,
    schema: str | None = None,
) -> None:
    """Set columns of existing rows.

    A large table is updated in batches, in the order of its primary key. If the run is interrupted,
    the next one resumes after the last finished batch.

    Args:
        table_name: The name of the table.
        values: The values by column: Python values, or SQL expressions such as sa.func.now() or
            sa.text("lower(name)").
        where: A condition that selects the rows; all rows without it.
        batch_size: The number of rows that one UPDATE changes; 10,000 by default.
        schema: The schema of the table.

    Raises:
        MigrationFailedError: The database refused a value.
    """
    if not values:
        raise WrongArgumentError("op.backfill(): values has no column to set")
    if batch_size is not None and batch_size < 1:
        raise WrongArgumentError(f"op.backfill(): batch_size must be at least 1, not {batch_size}")
    executor = current_executor()
    compiler = compiler_for(executor)
    pairs = tuple((column, _value_sql(column, value, compiler)) for column, value in values.items())
    condition = sql_part(executor, where)
    table = qualified_name(table_name, schema)
    executor.submit(Backfill(table=table, values=pairs, where=condition, batch_size=batch_size))


@checked
def require(query: str | sa.ClauseElement, message: str) -> None:
    """Stop the migration if a query finds rows.

    Call it before the first operation that changes something: MySQL and MariaDB cannot roll back
    DDL.

    Args:
        query: A SELECT of the rows that block the migration, as SQL text or sa.select(...). The
            error lists the first of them.
        message: The reason, for the error message.

    Raises:
        RowsInTheWayError: The query found rows.
    """
    executor = current_executor()
    text = query if isinstance(query, str) else compiler_for(executor).select(query)
    if first_word(text, backslashes=executor.dialect.features.backslash_escapes) in _CHANGES:
        raise WrongArgumentError(f"op.require(): query must be a SELECT, not {text!r:.60}")
    executor.submit(Require(query=text, message=message))


@checked
def bulk_insert(
    table: sa.TableClause, rows: Sequence[Mapping[str, Any]], *, multiinsert: bool = True
) -> None:
    """Insert rows.

    Args:
        table: The table, as `op.create_table()` or sa.table(...) returns it.
        rows: The values of each row by column.
        multiinsert: Insert all rows with one statement. If it is False, or if a value is a SQL
            expression, each row has its own statement.

    Raises:
        MigrationFailedError: The database refused a row.
    """
    executor = current_executor()
    if not current_settings().get("is_alembic"):
        _require_known_columns(table, rows)
    if multiinsert and rows and not any(map(_has_expression, rows)):
        for alike in _with_equal_keys(rows):
            executor.execute_clause(sa.insert(table), alike)
        return
    for row in rows:
        executor.execute_clause(sa.insert(table).values(dict(row)))


def _with_equal_keys(
    rows: Sequence[Mapping[str, Any]],
) -> Iterator[Sequence[Mapping[str, Any]]]:
    """Yield the rows in parts with the same keys: SQLAlchemy only reads those of the first row.

    A script written for Alembic keeps what Alembic does with them.
    """
    if current_settings().get("is_alembic"):
        yield rows
        return
    for _, alike in groupby(rows, key=lambda row: frozenset(row)):
        yield list(alike)


def _require_known_columns(table: sa.TableClause, rows: Sequence[Mapping[str, Any]]) -> None:
    """Raise WrongArgumentError for a value without a column, which SQLAlchemy leaves out."""
    unknown = {key for row in rows for key in row if isinstance(key, str)} - set(table.c.keys())
    if unknown:
        raise WrongArgumentError(
            f"op.bulk_insert(): {table.name} has no column {min(unknown)!r:.60}; "
            f"its columns: {', '.join(table.c.keys()) or 'none'}"
        )


def _has_expression(row: Mapping[str, Any]) -> bool:
    return any(isinstance(value, sa.sql.ClauseElement) for value in row.values())


def _value_sql(column: str, value: Any, compiler: Compiler) -> str:
    """Return the SQL of a value that a column is set to."""
    if isinstance(value, sa.sql.ClauseElement):
        clause: sa.ClauseElement = value
    else:
        clause = sa.literal(value, sa.JSON() if isinstance(value, dict) else None)
    try:
        return compiler.expression(clause)
    except MissingValueError:
        raise
    except CompileError as error:
        raise WrongArgumentError(
            f"op.backfill(): the value of {column} cannot be written as SQL: {value!r:.60}; "
            "give its type, such as sa.literal(value, sa.JSON())"
        ) from error
