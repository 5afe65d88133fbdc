"""The steps of a migration that does not block the application."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from autodiff.schema.operations import Operation, is_concurrent

__all__ = ["WAY_OUT", "OnlineStep", "OnlineSteps", "plain_steps"]

WAY_OUT = (
    "make the changes in two migrations, one after the other; or pass --no-online, and apply the "
    "migration when the application writes little"
)
"""The hint for steps that the database refuses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OnlineStep:
    """An operation, and how it is run.

    outside: outside of the migration's transaction, so that no lock is kept until its end.
    algorithm: the ALGORITHM that the server must use; None leaves it to the server.
    """

    operation: Operation
    outside: bool = False
    algorithm: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OnlineSteps:
    """The steps of both directions of a migration."""

    upgrade: tuple[OnlineStep, ...]
    downgrade: tuple[OnlineStep, ...]


def plain_steps(operations: Iterable[Operation]) -> tuple[OnlineStep, ...]:
    """Return the steps of operations that are run as usual."""
    return tuple(
        OnlineStep(operation=operation, outside=is_concurrent(operation))
        for operation in operations
    )
