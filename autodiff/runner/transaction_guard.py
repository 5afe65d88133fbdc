"""Keeps what a person wrote from ending the transaction that it runs in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import event
from sqlalchemy.exc import InvalidRequestError

from autodiff.errors import MigrationFailedError

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["TransactionGuard"]


class TransactionGuard:
    """Listens to a connection: a commit is refused, and so is all that comes after a rollback.

    A Session on the connection takes part in its transaction: its commit() sends what it has, and
    ends nothing.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._awake = False
        self._ended: str | None = None
        self._listeners: dict[str, Callable[[Any], None]] = {}

    def listen(self) -> None:
        """From here on, until the end of `on`: before somebody is handed the connection."""
        if not self._listeners:
            self._listeners = {
                "commit": self._commit,
                "rollback": self._rollback,
                "begin": self._begin,
            }
            for name, listener in self._listeners.items():
                event.listen(self._connection, name, listener)

    @contextmanager
    def on(self) -> Iterator[None]:
        """While such code runs.

        Raises MigrationFailedError where it commits, or goes on after it rolled back.
        """
        try:
            with self.awake():
                yield
            if self._ended is not None:
                raise _refused(self._ended)
        except InvalidRequestError as error:
            if self._ended is not None:
                raise _refused(self._ended) from error
            raise
        finally:
            listeners, self._listeners = self._listeners, {}
            for name, listener in listeners.items():
                event.remove(self._connection, name, listener)

    @contextmanager
    def awake(self, awake: bool = True) -> Iterator[None]:
        """Listens in here, or with False does not: the runner itself ends transactions."""
        before, self._awake = self._awake, awake
        try:
            yield
        finally:
            self._awake = before

    def _commit(self, connection: Any) -> None:
        if self._awake:
            self._ended = "commit"
            raise _refused("commit")

    def _rollback(self, connection: Any) -> None:
        """Let go, since a Session that met an error rolls back before it tells."""
        if self._awake:
            self._ended = self._ended or "rollback"

    def _begin(self, connection: Any) -> None:
        if self._awake and self._ended is not None:
            raise _refused(self._ended)


def _refused(what: str) -> MigrationFailedError:
    return MigrationFailedError(
        f"{what}() was called on the migration's connection: only the runner ends its transaction",
        hint="leave it out: what the migration did is committed with its record, or rolled back as "
        "a whole; for a part of it there is connection.begin_nested()",
    )
