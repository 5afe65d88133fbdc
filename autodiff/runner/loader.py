"""Load the code of a migration file, right before it runs."""

from __future__ import annotations

import hashlib
import sys
import threading
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from types import CodeType, ModuleType

from autodiff.dialects import accept_options
from autodiff.errors import MigrationFailedError, MigrationFileError, exception_words
from autodiff.migrations.files import Migration, parse_python
from autodiff.runner.calls import call_completely, exits_as_errors, lazy_kind, line_in
from autodiff.runner.context import current_executor, with_settings
from autodiff.runner.events import Direction
from autodiff.schema.operations import Execute
from autodiff.schema.sql_statements import split_statements
from autodiff.schema.sqltext import first_word

__all__ = ["Loader", "call_name", "load_step", "require_sql_only"]

_PREFIX = "autodiff_migration_"
_ONE_AT_A_TIME = threading.RLock()
"""Modules of one name are created one after the other: dataclasses look the name up in them."""


class Loader:
    """Compiles each file once, for any number of databases.

    Each run gets a new module, so that a run can't see what an earlier one left in it. Threads may
    share a loader.
    """

    def __init__(self) -> None:
        self._codes: dict[Path, CodeType] = {}

    def step(self, migration: Migration, direction: Direction) -> Callable[[], None]:
        """Return the function that runs a migration in one direction.

        Raises MigrationFileError if the file can't be imported.
        """
        if migration.is_sql:
            return lambda: _run_sql(migration, direction)
        try:
            with _ONE_AT_A_TIME, exits_as_errors():
                accept_options(migration.text)
                code = self._code(migration)
                module = _module(migration)
                exec(code, module.__dict__)
        except MigrationFileError:
            raise
        except MigrationFailedError as error:
            raise MigrationFileError(str(migration.path), error.message, hint=error.hint) from error
        except Exception as error:
            raise MigrationFileError(
                str(migration.path),
                exception_words(error),
                hint=_hint(error),
                line=line_in(migration.path, error),
            ) from error
        return _checked_step(migration, direction, module)

    def function_code(self, migration: Migration, name: str) -> CodeType | None:
        """Return the code of a function at the top of the file; None if there is none.

        Raises MigrationFileError, with the line, if the file is not valid Python.
        """
        constants = self._code(migration).co_consts
        found = [c for c in constants if isinstance(c, CodeType) and c.co_name == name]
        return found[-1] if found else None

    def _code(self, migration: Migration) -> CodeType:
        path = migration.path
        if path not in self._codes:
            self._codes[path] = _compiled(path, migration.text)
        return self._codes[path]


def require_sql_only(migration: Migration, direction: Direction) -> None:
    """Raise MigrationFileError for DELIMITER in a SQL file, a command of the client of MySQL."""
    text = _sql_of(migration, direction)
    if "DELIMITER" not in text.upper():
        return
    for statement in split_statements(text, backslashes=True):
        if first_word(statement, backslashes=True) == "DELIMITER":
            raise MigrationFileError(
                str(migration.path),
                "DELIMITER is a command of a client, and not SQL",
                hint="remove it and end each statement with a semicolon: the body BEGIN ... END of "
                "a trigger or procedure is read as a part of its statement",
            )


def _hint(error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name:
        return (
            f"install the package that provides {error.name.partition('.')[0]!r}, or add its "
            'folder to the configuration: path = ["FOLDER"]'
        )
    return "correct that line; a migration needs no more imports than sqlalchemy and autodiff.op"


def _checked_step(
    migration: Migration, direction: Direction, module: ModuleType
) -> Callable[[], None]:
    """Return a function that runs a function of the module, with the settings of the file.

    Raises MigrationFileError if calling the function would run nothing.
    """
    step = getattr(module, direction, None)
    settings = dict(getattr(module, "alembic_settings", {}))
    if hasattr(module, "down_revision"):
        settings["is_alembic"] = True
    reason = lazy_kind(step) if callable(step) else "is not a function"
    if not callable(step) or reason is not None:
        raise MigrationFileError(
            str(migration.path),
            f"{direction}() {reason}, so calling it runs nothing",
            hint=f"write a plain function: def {direction}(), without async and yield",
        )

    def run() -> None:
        with exits_as_errors(), with_settings(settings):
            call_completely(step, f"{direction}()")

    return run


def _compiled(path: Path, text: str) -> CodeType:
    """Compile a file; for one that can't be compiled, the parser raises an error with the line."""
    try:
        return compile(text, str(path), "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        parse_python(path, text)
        raise


def load_step(migration: Migration, direction: Direction) -> Callable[[], None]:
    """Return the function that runs a migration in one direction, as the file was when read.

    Raises MigrationFileError if the file can't be imported.
    """
    return Loader().step(migration, direction)


def _module(migration: Migration) -> ModuleType:
    """Create an empty module and register it: dataclasses and mapped classes look it up."""
    module = ModuleType(f"{_PREFIX}{migration.revision}_{_digest(migration.path)}")
    module.__file__ = str(migration.path)
    module.__package__ = _package(migration.path.parent)
    sys.modules[module.__name__] = module
    return module


@lru_cache
def _package_name(folder: Path) -> str:
    return f"{_PREFIX}folder_{_digest(folder)}"


def _package(folder: Path) -> str:
    """Return the name of the package that the files of a folder belong to.

    A migration can import a helper module of its folder with it: `from ._helpers import name`.
    """
    name = _package_name(folder)
    if name not in sys.modules:
        package = ModuleType(name)
        package.__path__ = [str(folder)]
        sys.modules[name] = package
    return name


def _digest(path: Path) -> str:
    return hashlib.sha256(str(path).encode()).hexdigest()[:8]


def call_name(function: Callable[..., object]) -> str:
    """Return a function's name, which is the same each time that the file is loaded.

    The name of a function of the file itself has no module.
    """
    name = getattr(function, "__qualname__", None) or repr(function)
    module = getattr(function, "__module__", None) or ""
    return name if module.startswith(_PREFIX) or not module else f"{module}.{name}"


def _sql_of(migration: Migration, direction: Direction) -> str:
    return migration.text if direction == "upgrade" else migration.down_text


def _run_sql(migration: Migration, direction: Direction) -> None:
    if direction == "downgrade" and migration.irreversible is not None:
        raise NotImplementedError(migration.irreversible)
    executor = current_executor()
    backslashes = executor.dialect.features.backslash_escapes
    if backslashes:
        require_sql_only(migration, direction)
    for statement in split_statements(_sql_of(migration, direction), backslashes=backslashes):
        executor.submit(Execute(sql=statement))
