"""Where the functions of `autodiff.op` hand their operations: the executor of this context."""

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
    """The executor of the migration that runs in this context.

    Raises MigrationFailedError where none runs.
    """
    executor = _EXECUTOR.get()
    if executor is None:
        raise MigrationFailedError(
            "op was called outside of a migration",
            hint="call op functions inside upgrade() or downgrade(), run by: autodiff upgrade",
        )
    return executor


@contextmanager
def executing(executor: Executor) -> Iterator[None]:
    """Makes an executor the current one, in this thread and task alone."""
    token = _EXECUTOR.set(executor)
    try:
        yield
    finally:
        _EXECUTOR.reset(token)


class MigrationContext:
    """What `op.get_context()` gives to scripts that come from Alembic."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    @property
    def dialect(self) -> SQLAlchemyDialect:
        """SQLAlchemy's dialect: its name tells the databases apart, with or without one."""
        return self._executor.dialect.sqlalchemy

    def autocommit_block(self) -> AbstractContextManager[None]:
        """As `op.autocommit()`, by Alembic's name."""
        return self._executor.autocommit()

    @property
    def connection(self) -> Connection:
        """The connection, with everything done that came before."""
        return self._executor.connection()

    bind = connection
