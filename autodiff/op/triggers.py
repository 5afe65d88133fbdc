"""Keep two columns equal while two versions of an application use one each."""

from __future__ import annotations

from autodiff.op._executor import qualified_name, submit
from autodiff.schema.operations import SyncColumns, UnsyncColumns

__all__ = ["sync_columns", "unsync_columns"]


def sync_columns(
    table_name: str,
    before: str,
    after: str,
    *,
    default: str | None = None,
    schema: str | None = None,
) -> None:
    """Create a trigger that writes each new value of one column to the other one as well.

    It is for the time in which an old version of an application uses one column and a new version
    the other. If a statement sets both to different values, that of `after` counts.

    Args:
        table_name: The name of the table.
        before: The column of the old version.
        after: The column of the new version.
        default: The SQL of the default that both columns have.
        schema: The schema of the table.

    Raises:
        PlanError: The database is neither PostgreSQL nor MySQL or MariaDB.
        MigrationFailedError: A column does not exist, or the user may not create triggers.
    """
    table = qualified_name(table_name, schema)
    submit(SyncColumns(table=table, before=before, after=after, default=default))


def unsync_columns(table_name: str, before: str, after: str, *, schema: str | None = None) -> None:
    """Drop the trigger of `op.sync_columns`, if it is there.

    Args:
        table_name: The name of the table.
        before: The column of the old version.
        after: The column of the new version.
        schema: The schema of the table.
    """
    submit(UnsyncColumns(table=qualified_name(table_name, schema), before=before, after=after))
