"""Refuse to revert a migration that was recorded as applied without being run.

The first migration of an existing database creates tables that were there before it. Its downgrade
would drop them with their rows, although the migration did not create them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from autodiff.errors import HistoryError
from autodiff.migrations.files import Migration
from autodiff.runner.operation_reader import read_operations
from autodiff.schema.operations import DropTable, Operation
from autodiff.utils.values import first_names

if TYPE_CHECKING:
    from autodiff.dialects.base import Dialect
    from autodiff.runner.journal import Entry

__all__ = ["refuse_recorded_baselines"]


def refuse_recorded_baselines(
    steps: Iterable[Migration], entries: Iterable[Entry], dialect: Dialect
) -> None:
    """Raise HistoryError if a step is a baseline that was only recorded and drops tables.

    Whether it was run is in the journal.

    Args:
        steps: The migrations to revert that have no parents.
        entries: The journal, oldest first.
        dialect: The database.
    """
    recorded = _recorded_only(entries)
    for migration in steps:
        if migration.revision not in recorded:
            continue
        tables = _dropped_tables(migration, dialect)
        if tables:
            raise HistoryError(
                f"{migration.path.name} was recorded as applied without being run, and its "
                f"downgrade drops tables that it did not create: {first_names(tables)}",
                hint="to remove the record and keep the tables, run autodiff stamp base; to drop "
                "the tables with their rows, pass --drop-baseline",
            )


def _recorded_only(entries: Iterable[Entry]) -> set[str]:
    """Return the revisions whose last entry in the journal is that of a stamp."""
    kinds: dict[str, str] = {}
    for entry in entries:
        if entry.kind in ("upgrade", "downgrade", "stamp") and entry.outcome != "forgotten":
            kinds[entry.revision] = entry.kind
    return {revision for revision, kind in kinds.items() if kind == "stamp"}


def _dropped_tables(migration: Migration, dialect: Dialect) -> list[str]:
    """Return the tables that a downgrade drops, read from its file."""
    operations: list[Operation | str] = []
    read_operations(migration, "downgrade", dialect, {}, operations.append)
    return [str(found.name) for found in operations if isinstance(found, DropTable)]
