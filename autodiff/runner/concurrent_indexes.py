"""Refuse to build or drop an index concurrently inside a transaction.

https://www.postgresql.org/docs/current/sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from autodiff.errors import MigrationFailedError
from autodiff.migrations.files import Migration, parse_python
from autodiff.runner.events import Direction

__all__ = ["outside_only", "refuse_in_transaction"]

_OPTION = "postgresql_concurrently"
_TRANSPARENT = "batch_alter_table"


def outside_only(what: str) -> MigrationFailedError:
    """Return the error for an operation that must not be in a transaction."""
    return MigrationFailedError(
        f"{what}: {_OPTION}=True is not possible in the transaction of a migration",
        hint="put it into a separate block: with op.autocommit():",
    )


def refuse_in_transaction(migration: Migration, direction: Direction) -> None:
    """Check the text of a file before anything is run; the executor checks what only a run shows.

    Raises MigrationFailedError for a concurrent operation in the transaction, MigrationFileError,
    with the line, if the file is not Python.
    """
    if migration.is_sql or _OPTION not in migration.text:
        return
    for function in parse_python(migration.path, migration.text).body:
        if isinstance(function, ast.FunctionDef) and function.name == direction:
            for call in _calls(function.body):
                if _is_concurrent_call(call):
                    place = f"{migration.path.name}:{call.lineno}: {ast.unparse(call.func)}"
                    raise outside_only(place)


def _calls(body: list[ast.stmt]) -> Iterator[ast.Call]:
    """Yield the calls that are statements and not inside a block such as op.autocommit()."""
    for statement in body:
        match statement:
            case ast.Expr(value=ast.Call() as call):
                yield call
            case ast.If(body=inner, orelse=other) | ast.For(body=inner, orelse=other):
                yield from _calls([*inner, *other])
            case ast.With(
                items=[ast.withitem(context_expr=ast.Call(func=ast.Attribute(attr=name)))]
            ):
                yield from _calls(statement.body) if name == _TRANSPARENT else ()


def _is_concurrent_call(call: ast.Call) -> bool:
    is_true = (
        isinstance(word.value, ast.Constant) and word.value.value is True
        for word in call.keywords
        if word.arg == _OPTION
    )
    return any(is_true)
