"""Hand operations to the executor of the running migration, in the SQL of its dialect."""

from __future__ import annotations

import threading
from functools import lru_cache
from typing import TYPE_CHECKING

from autodiff.dialects.literals import dialect_with_literals
from autodiff.models.expressions import Compiler
from autodiff.runner.context import current_executor
from autodiff.schema.objects import Name

if TYPE_CHECKING:
    from autodiff.dialects.base import Dialect
    from autodiff.op.keywords import SQLExpression
    from autodiff.runner.executor import Executor
    from autodiff.schema.operations import Operation

__all__ = ["compiler_for", "qualified_name", "sql_part", "submit"]


def submit(operation: Operation) -> None:
    """Hand one operation to the executor of the running migration.

    Raises MigrationFailedError if no migration runs.
    """
    current_executor().submit(operation)


def compiler_for(executor: Executor) -> Compiler:
    """Return the compiler of SQLAlchemy expressions for an executor's dialect."""
    dialect = executor.dialect
    return _compiler(threading.get_ident(), dialect, dialect.default_schema)


@lru_cache(maxsize=16)
def _compiler(thread: int, dialect: Dialect, default_schema: str | None) -> Compiler:
    """Return one compiler for each thread: SQLAlchemy's compilers are not thread-safe."""
    return Compiler(
        dialect_with_literals(dialect),
        default_schema,
        backslashes=dialect.features.backslash_escapes,
    )


def sql_part(executor: Executor, sql: SQLExpression | None) -> str | None:
    """Return the SQL of a text or an expression, after which more SQL can follow."""
    if sql is None:
        return None
    compiler = compiler_for(executor)
    return compiler.end_comment(sql) if isinstance(sql, str) else compiler.expression(sql)


def qualified_name(name: str, schema: str | None = None) -> Name:
    """Return a name with its schema, or without one if it is the default schema."""
    default = current_executor().dialect.default_schema
    return Name(str(name), None if schema == default else schema)
