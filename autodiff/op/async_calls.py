"""Call asynchronous functions with the connection of the running migration."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

from autodiff.errors import MigrationFailedError
from autodiff.op.statements import get_bind

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    import sqlalchemy as sa

__all__ = ["AsyncConnection", "run_async"]

_T = TypeVar("_T")


class AsyncConnection:
    """The methods of SQLAlchemy's AsyncConnection that migrations use, on any connection.

    Each method blocks until it is complete; no other task runs in the meantime.
    """

    def __init__(self, connection: sa.Connection) -> None:
        self.sync_connection = connection

    @property
    def dialect(self) -> sa.Dialect:
        """SQLAlchemy's dialect."""
        return self.sync_connection.dialect

    async def execute(self, statement: Any, parameters: Any = None, **kw: Any) -> Any:
        """Run a statement and return its result."""
        return self.sync_connection.execute(statement, parameters, **kw)

    async def exec_driver_sql(self, statement: str, *arguments: Any, **kw: Any) -> Any:
        """Run SQL text of the driver and return its result."""
        return self.sync_connection.exec_driver_sql(statement, *arguments, **kw)

    async def scalar(self, statement: Any, parameters: Any = None, **kw: Any) -> Any:
        """Run a statement and return the first value of its result."""
        return self.sync_connection.scalar(statement, parameters, **kw)

    async def scalars(self, statement: Any, parameters: Any = None, **kw: Any) -> Any:
        """Run a statement and return the first value of each row."""
        return self.sync_connection.scalars(statement, parameters, **kw)

    async def run_sync(self, function: Callable[..., _T], *arguments: Any, **kw: Any) -> _T:
        """Call a function with the connection."""
        return function(self.sync_connection, *arguments, **kw)

    async def get_raw_connection(self) -> Any:
        """Return the connection of the driver."""
        return self.sync_connection.connection


def run_async(async_function: Callable[..., Awaitable[_T]], *args: Any, **kw_args: Any) -> _T:
    """Call an asynchronous function with the connection, and wait until it has returned.

    Args:
        async_function: The function. Its first argument has the usual methods of SQLAlchemy's
            AsyncConnection, such as `execute()` and `run_sync()`.
        *args: Further arguments of the function.
        **kw_args: Keywords of the function.

    Returns:
        What the function returns.

    Raises:
        MigrationFailedError: There is no connection, because SQL is written to a file; or an event
            loop runs in this thread, and the function waits for something else than the connection.
    """

    async def call() -> _T:
        return await async_function(AsyncConnection(connection), *args, **kw_args)

    connection = get_bind()
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(call())
    return _completed(call())


def _completed(coroutine: Coroutine[Any, Any, _T]) -> _T:
    """Run a coroutine that never waits for the event loop, which is busy with this migration."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        returned: _T = stop.value
        return returned
    coroutine.close()
    raise MigrationFailedError(
        "the function of op.run_async() waits for the event loop, which runs this migration",
        hint="run the migration from a program without a running event loop: autodiff upgrade",
    )
