"""Stop if a new version of the application must be deployed before the next migration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias

from autodiff.errors import HistoryError, MigrationFailedError, RowsInTheWayError, database_words
from autodiff.migrations.files import Migration
from autodiff.runner.row_checks import find_rows

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from autodiff.dialects import Dialect

__all__ = ["DeployPhase", "awaited_deploys", "refuse_old_version", "until_deploy"]

DeployPhase: TypeAlias = Literal["expand", "contract"]
"""Whether the deploy that is due first is still to come, or has happened."""


def awaited_deploys(pending: Sequence[Migration]) -> list[Migration]:
    """Return the migrations at the start of the pending ones that a deploy must come before."""
    awaited: list[Migration] = []
    for migration in pending:
        if migration.phase != "contract":
            break
        awaited.append(migration)
    return awaited


def until_deploy(pending: Sequence[Migration], phase: DeployPhase) -> list[Migration]:
    """Return the pending migrations to apply before the next deploy.

    With the phase `contract`, the deploy that is due first has happened.

    Raises HistoryError if that deploy cannot have happened yet.
    """
    wanted: list[Migration] = []
    if phase == "contract":
        phased = next((migration for migration in pending if migration.phase), None)
        if phased is not None and phased.phase != "contract":
            raise HistoryError(
                f"cannot apply the phase contract: {phased.name} must come before the deploy",
                hint="run autodiff upgrade --phase expand, deploy the new version, and run "
                "autodiff upgrade --phase contract",
            )
        before = next((n for n, m in enumerate(pending) if m.phase), len(pending))
        awaited = awaited_deploys(pending[before:])
        wanted = [*pending[:before], *awaited]
    for migration in pending[len(wanted) :]:
        if migration.phase == "contract":
            break
        wanted.append(migration)
    return wanted


def refuse_old_version(connection: Connection, dialect: Dialect, migration: Migration) -> None:
    """Raise RowsInTheWayError if a query of `phase_guard` finds rows."""
    from sqlalchemy.exc import DBAPIError

    for query in migration.phase_guard:
        try:
            found = find_rows(connection, dialect, query)
        except DBAPIError as error:
            raise MigrationFailedError(database_words(error.orig), statement=query) from error
        if found.count:
            raise RowsInTheWayError(
                f"phase_guard shows that the old version of the application is in use ({found})",
                statement=query,
                hint="deploy the new version everywhere, fix these rows, and run it again",
            )
