"""Runs the code of a migration file, when its turn has come and not before."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

from autodiff.dialects.sqltext import tokens
from autodiff.errors import MigrationFileError
from autodiff.history.files import Migration
from autodiff.operations import Execute
from autodiff.run.context import current_executor
from autodiff.run.events import Direction

__all__ = ["load_step", "split_statements"]


def load_step(migration: Migration, direction: Direction) -> Callable[[], None]:
    """The function that does a migration in one direction.

    Raises MigrationFileError where the file can't be imported.
    """
    if migration.is_sql:
        path = migration.path if direction == "upgrade" else migration.down_path
        return lambda: _run_sql(path)
    module = ModuleType(f"autodiff_migration_{migration.revision}")
    module.__file__ = str(migration.path)
    source = migration.path.read_text(encoding="utf-8")
    try:
        exec(compile(source, str(migration.path), "exec"), module.__dict__)
    except Exception as error:
        raise MigrationFileError(
            str(migration.path),
            f"{type(error).__name__}: {error}",
            hint="a migration must not need the application: it imports sqlalchemy and op",
        ) from error
    step: Callable[[], None] = getattr(module, direction)
    return step


def _run_sql(path: Path) -> None:
    executor = current_executor()
    for statement in split_statements(path.read_text(encoding="utf-8")):
        executor.submit(Execute(sql=statement))


def split_statements(text: str) -> Iterator[str]:
    """The statements of SQL text, without the semicolons between; triggers stay whole."""
    statement = ""
    for kind, token in tokens(text):
        if token != ";" or kind != "other":
            statement += token
            continue
        if _is_trigger(statement) and not sqlite3.complete_statement(statement + ";"):
            statement += token
            continue
        if _has_code(statement):
            yield statement.strip()
        statement = ""
    if _has_code(statement):
        yield statement.strip()


def _is_trigger(statement: str) -> bool:
    words = [token.upper() for kind, token in tokens(statement) if kind == "word"][:4]
    return bool(words) and words[0] == "CREATE" and "TRIGGER" in words


def _has_code(statement: str) -> bool:
    return any(kind != "space" for kind, _ in tokens(statement))
