"""Describe why a migration failed on a scratch database, and whether its author intended it.

The message of a database can contain values of rows, so it is never shown if the rows are live
rows.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from sqlalchemy.exc import DBAPIError

from autodiff.errors import AutodiffError, database_words, exception_words
from autodiff.migrations import Migration
from autodiff.runner.failures import raising_line
from autodiff.schema.objects import Schema
from autodiff.utils.python_source import parse_source

__all__ = ["deliberate_error", "describe_failure", "has_empty_downgrade", "known_names"]


def describe_failure(
    error: BaseException, migration: Migration, private: Iterable[str] | None
) -> str:
    """Return what failed, on one line.

    private: the names that may be shown, if the rows are live rows. The line then contains only the
    kind of error, the line of the file, and those of the names that the message mentions.
    """
    cause = _cause(error)
    if private is None:
        return _message(cause)
    original = next((e for e in _chain(error) if isinstance(e, DBAPIError)), None)
    kind = type(cause).__name__ if original is None else type(original.orig).__name__
    text = "" if original is None else str(original.orig)
    named = sorted(name for name in set(private) if _has_word(text, name))
    line = _line(error, migration)
    place = f" at line {line}" if line else ""
    return f"{kind}{place}" + (f" ({', '.join(named)})" if named else "")


def _cause(error: BaseException) -> BaseException:
    """Return the error of the step itself, without the error that the runner raised from it."""
    return error.__cause__ if error.__cause__ is not None else error


def _message(error: BaseException) -> str:
    if isinstance(error, AutodiffError):
        text = error.message
    elif isinstance(error, DBAPIError):
        text = database_words(error.orig)
    else:
        text = exception_words(error)
    return text.strip().partition("\n")[0]


def _chain(error: BaseException | None) -> Iterable[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _has_word(text: str, name: str) -> bool:
    place = text.find(name)
    while place >= 0:
        around = text[max(place - 1, 0) : place] + text[place + len(name) :][:1]
        if not any(sign.isalnum() or sign == "_" for sign in around):
            return True
        place = text.find(name, place + 1)
    return False


def _line(error: BaseException, migration: Migration) -> int | None:
    """Return the last line of the file that was running."""
    found = None
    for one in _chain(error):
        trace = one.__traceback__
        while trace is not None:
            if trace.tb_frame.f_code.co_filename == str(migration.path):
                found = trace.tb_lineno
            trace = trace.tb_next
    return found


def deliberate_error(error: BaseException, migration: Migration) -> str | None:
    """Return the class of the error if the file's own `raise` raised it, else None.

    The comment `irreversible` in a SQL file raises NotImplementedError.
    """
    cause = _cause(error)
    if migration.is_sql:
        return type(cause).__name__ if isinstance(cause, NotImplementedError) else None
    line = raising_line(migration, cause)
    if line is None:
        return None
    raised = any(
        node.lineno <= line <= (node.end_lineno or node.lineno)
        for node in ast.walk(_tree(migration))
        if isinstance(node, ast.Raise)
    )
    return type(cause).__name__ if raised else None


def has_empty_downgrade(migration: Migration) -> bool:
    """Return whether the downgrade does nothing: `pass`, or an SQL file with comments only."""
    if migration.is_sql:
        from autodiff.schema.sql_statements import split_statements

        return not list(split_statements(migration.down_text))
    body = next(
        node.body
        for node in _tree(migration).body
        if isinstance(node, ast.FunctionDef) and node.name == "downgrade"
    )
    return all(
        isinstance(node, ast.Pass)
        or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        for node in body
    )


def _tree(migration: Migration) -> ast.Module:
    return parse_source(migration.text)


def known_names(schema: Schema, migration: Migration) -> set[str]:
    """Return the names of tables, columns and their parts, and the identifiers in the file."""
    found: set[str] = set()
    for name, table in schema.tables.items():
        found |= {name.name, *(column.name for column in table.columns)}
        found |= {c.name for c in table.constraints if c.name}
        found |= {index.name for index in table.indexes if index.name}
    if not migration.is_sql:
        texts = (n.value for n in ast.walk(_tree(migration)) if isinstance(n, ast.Constant))
        found |= {text for text in texts if isinstance(text, str) and text.isidentifier()}
    return found
