"""Keep hand-written code from ending the transaction that it runs in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import event
from sqlalchemy.exc import InvalidRequestError

from autodiff.errors import MigrationFailedError

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = [
    "ENDED_BY_HAND",
    "TransactionGuard",
    "ended_itself",
    "ignored_error",
    "rolled_back_itself",
]

ENDED_BY_HAND = (
    "what it did until then may be in the database: undo that by hand (autodiff check shows the "
    "difference), remove what ends the transaction from the migration, and run it again"
)
"""What to do after a migration has committed its own transaction."""


class TransactionGuard:
    """Listens to a connection, and refuses a commit and anything after a rollback.

    An ORM Session on the connection joins its transaction: its commit() flushes and ends nothing.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._awake = False
        self._ended: str | None = None
        self._listeners: dict[str, Callable[[Any], None]] = {}

    @property
    def ended(self) -> str | None:
        """How SQLAlchemy's transaction was ended inside `on`: "commit", "rollback" or None."""
        return self._ended

    def listen(self) -> None:
        """Listen from here to the end of `on`; called before the connection is handed out."""
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
        """Guard the code that runs inside.

        Raises MigrationFailedError if it commits, or goes on after a rollback.
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
        """Refuse inside, or allow with False, for the runner itself ends transactions."""
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
        """Allow it for now: a Session that meets an error rolls back before it raises."""
        if self._awake:
            self._ended = self._ended or "rollback"

    def _begin(self, connection: Any) -> None:
        if self._awake and self._ended is not None:
            raise _refused(self._ended)


def ended_itself() -> MigrationFailedError:
    """Return the error for code that has ended its transaction in a way that nothing reports."""
    return MigrationFailedError(
        "the migration ended its own transaction, for example by COMMIT or ROLLBACK on the "
        "driver's connection: only the runner ends it",
        hint=ENDED_BY_HAND,
    )


def ignored_error() -> MigrationFailedError:
    """Return the error for code that goes on after a statement of its transaction has failed."""
    return MigrationFailedError(
        "a statement failed, and the code around it ignored the error: the database undoes the "
        "whole transaction then",
        hint="nothing of the transaction was kept. Run a statement that may fail in "
        "connection.begin_nested(), in the migration or in the hook",
    )


def rolled_back_itself() -> MigrationFailedError:
    """Return the error for code that has undone its own step, so that it must not be recorded."""
    return MigrationFailedError(
        "the migration rolled its own transaction back, and with it what it did before",
        hint="remove ROLLBACK: the runner rolls back a migration that raises an exception; for a "
        "part of it, use connection.begin_nested()",
    )


def _refused(what: str) -> MigrationFailedError:
    return MigrationFailedError(
        f"{what}() was called on the migration's connection: only the runner ends its transaction",
        hint="remove the call: the runner commits the migration together with its record, or rolls "
        "all of it back; for a part of it, use connection.begin_nested()",
    )
