"""Run operations and migrations. The runner knows files, history and a connection; no models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from autodiff.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.engine import Connection

    from autodiff.schema.operations import Operation

__all__ = ["run"]


class _HasOperations(Protocol):
    @property
    def operations(self) -> Sequence[Operation]: ...


def run(connection: Connection, plan: _HasOperations) -> None:
    """Apply a plan without a file, for tests and prototypes.

    The plan runs in one transaction if the database has transactional DDL. Nothing is recorded. A
    transaction that is open on the connection is rolled back first.

    Raises MigrationFailedError that names the operation, and ConfigError for a connection whose
    transaction belongs to a `with` block.
    """
    from autodiff.dialects import dialect_of
    from autodiff.runner.executor import Executor, run_operations
    from autodiff.runner.sinks import LiveSink
    from autodiff.schema.operations import in_one_transaction

    dialect = dialect_of(connection)
    _leave_transaction(connection)
    with dialect.session.preserve(connection):
        dialect.session.prepare(connection)
        with dialect.session.transaction(connection):
            executor = Executor(dialect, LiveSink(connection, dialect))
            run_operations(executor, in_one_transaction(plan.operations))


def _leave_transaction(connection: Connection) -> None:
    from sqlalchemy.exc import InvalidRequestError

    connection.rollback()
    try:
        connection.begin().rollback()
    except InvalidRequestError as error:  # SQLAlchemy waits for the end of the block
        raise ConfigError(
            "the connection is in the transaction of a with block, but a plan needs its own",
            hint="pass a connection from engine.connect(), not from engine.begin()",
        ) from error
