"""Find the executor that the functions of `autodiff.op` submit operations to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from autodiff.errors import MigrationFailedError

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection
    from sqlalchemy.engine.interfaces import Dialect as SQLAlchemyDialect

    from autodiff.runner.executor import Executor

__all__ = ["MigrationContext", "current_executor", "executing"]

_EXECUTOR: ContextVar[Executor | None] = ContextVar("autodiff_executor", default=None)


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


class MigrationContext:
    """The migration that runs, as `op.get_context()` returns it to scripts written for Alembic."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    @property
    def dialect(self) -> SQLAlchemyDialect:
        """SQLAlchemy's dialect, whose name identifies the database even without a connection."""
        return self._executor.dialect.sqlalchemy

    def autocommit_block(self) -> AbstractContextManager[None]:
        """Do what `op.autocommit()` does, under Alembic's name."""
        return self._executor.autocommit()

    @property
    def connection(self) -> Connection:
        """The connection, after everything that was submitted before."""
        return self._executor.connection()

    bind = connection
