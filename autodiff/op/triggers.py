"""Keep two columns equal while two versions of an application use one each."""

from __future__ import annotations

from autodiff.op._arguments import checked
from autodiff.op._executor import qualified_name, sql_part, submit
from autodiff.runner.context import current_executor
from autodiff.schema.operations import SwapColumns, SyncColumns, UnsyncColumns

__all__ = ["swap_columns", "sync_columns", "unsync_columns"]


@checked
def sync_columns(
    table_name: str,
    before: str,
    after: str,
    *,
    default: str | None = None,
    one_way: bool = False,
    postgresql_using: str | None = None,
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
        one_way: Whether `after` gets the values of `before`, and never the other way round: no
            application uses it yet.
        postgresql_using: With `one_way`, the expression that converts a value of `before`.
        schema: The schema of the table.

    Raises:
        PlanError: The database is neither PostgreSQL nor MySQL or MariaDB.
        MigrationFailedError: A column does not exist, or the user may not create triggers.
    """
    table, executor = qualified_name(table_name, schema), current_executor()
    executor.submit(
        SyncColumns(
            table=table,
            before=before,
            after=after,
            default=sql_part(executor, default),
            one_way=one_way,
            using=sql_part(executor, postgresql_using),
        )
    )


@checked
def unsync_columns(table_name: str, before: str, after: str, *, schema: str | None = None) -> None:
    """Drop the trigger of `op.sync_columns`, if it is there.

    Args:
        table_name: The name of the table.
        before: The column of the old version.
        after: The column of the new version.
        schema: The schema of the table.
    """
    submit(UnsyncColumns(table=qualified_name(table_name, schema), before=before, after=after))


@checked
def swap_columns(table_name: str, one: str, other: str, *, schema: str | None = None) -> None:
    """Give each of two columns the name of the other one, at the same moment.

    A column and its copy of another type exchange their places by it.

    Args:
        table_name: The name of the table.
        one: A column.
        other: Another column of the table.
        schema: The schema of the table.

    Raises:
        MigrationFailedError: A column does not exist.
    """
    submit(SwapColumns(table=qualified_name(table_name, schema), one=one, other=other))
