"""Runs operations and migrations. It knows files, history and a connection, and no models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.engine import Connection

    from autodiff.operations import Operation

__all__ = ["run"]


class _HasOperations(Protocol):
    @property
    def operations(self) -> Sequence[Operation]: ...


def run(connection: Connection, plan: _HasOperations) -> None:
    """Applies a plan without a file: for tests and prototypes.

    In one transaction, where the database has transactional DDL. Nothing is recorded.

    Raises MigrationFailedError, naming the operation that failed.
    """
    from autodiff.dialects import dialect_of
    from autodiff.operations import in_one_transaction
    from autodiff.run.executor import Executor, run_operations
    from autodiff.run.targets import Live

    dialect = dialect_of(connection)
    connection.rollback()
    dialect.prepare_connection(connection)
    with dialect.transaction(connection):
        executor = Executor(dialect, Live(connection, dialect))
        run_operations(executor, in_one_transaction(plan.operations))
