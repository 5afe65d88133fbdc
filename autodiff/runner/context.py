"""Find the executor that the functions of `autodiff.op` submit operations to.

A file that was converted from Alembic can have a dictionary `alembic_settings`. Its keys are:

- `naming_convention`: the naming convention of env.py's target metadata
- `version_table`: the name of Alembic's version table, if it is not `alembic_version`
- `x`: the arguments that `context.get_x_argument()` returns
- `config`: sections of alembic.ini that the file reads, with their options

The loader adds `is_alembic` for a file that has `down_revision`: it was written for Alembic.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from autodiff.dialects.scope import OWN_TABLES
from autodiff.errors import MigrationFailedError
from autodiff.runner.hidden_tables import hide_tables

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from autodiff.runner.executor import Executor

__all__ = [
    "current_connection",
    "current_executor",
    "current_settings",
    "executing",
    "with_settings",
]

_EXECUTOR: ContextVar[Executor | None] = ContextVar("autodiff_executor", default=None)
_SETTINGS: ContextVar[Mapping[str, Any]] = ContextVar(
    "autodiff_alembic_settings", default=MappingProxyType({})
)

_END: ContextVar[ExitStack | None] = ContextVar("autodiff_end_of_migration", default=None)
"""What is undone when the migration of this thread has ended."""


def current_executor() -> Executor:
    """Return the executor of the migration that runs in this context.

    Raises MigrationFailedError if none runs.
    """
    executor = _EXECUTOR.get()
    if executor is None:
        raise MigrationFailedError(
            "a function of op was called outside a migration",
            hint="call op functions inside upgrade() or downgrade(), and run: autodiff upgrade",
        )
    return executor


@contextmanager
def executing(executor: Executor) -> Iterator[None]:
    """Make an executor the current one, only in this thread and task."""
    token = _EXECUTOR.set(executor)
    try:
        yield
    finally:
        _EXECUTOR.reset(token)


@contextmanager
def with_settings(settings: Mapping[str, Any]) -> Iterator[None]:
    """Give the functions of `op` the `alembic_settings` of a converted file, in this thread."""
    with ExitStack() as stack:
        token, end = _SETTINGS.set(settings), _END.set(stack)
        try:
            yield
        finally:
            _SETTINGS.reset(token)
            _END.reset(end)


def current_connection() -> Connection:
    """Return the connection of the migration that runs, as `op.get_bind()` does.

    A file that was written for Alembic does not find autodiff's own tables with it.
    """
    connection = current_executor().connection()
    stack = _END.get()
    if stack is not None and current_settings().get("is_alembic"):
        stack.enter_context(hide_tables(connection.dialect, OWN_TABLES))
    return connection


def current_settings() -> Mapping[str, Any]:
    """Return the `alembic_settings` of the file that runs; empty if it has none."""
    return _SETTINGS.get()
