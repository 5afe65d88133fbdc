"""Where the functions of `autodiff.op` hand their operations: the executor of this context."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from autodiff.errors import MigrationFailedError

if TYPE_CHECKING:
    from autodiff.run.executor import Executor

__all__ = ["current_executor", "executing"]

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
