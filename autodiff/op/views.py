"""Create and drop views."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autodiff.op._arguments import checked
from autodiff.op._executor import compiler_for, qualified_name, submit
from autodiff.runner.context import current_executor
from autodiff.schema.objects import View
from autodiff.schema.operations import CreateView, DropView

if TYPE_CHECKING:
    import sqlalchemy as sa

__all__ = ["create_view", "drop_view"]


@checked
def create_view(
    name: str,
    select: str | sa.ClauseElement,
    *,
    materialized: bool = False,
    restore_settings: bool = False,
    schema: str | None = None,
) -> None:
    """Create a view.

    Args:
        name: The name of the view.
        select: The text of a SELECT, or sa.select(...).
        materialized: Create a materialized view. Only PostgreSQL has them; other databases create
            a view.
        restore_settings: Give the view the owner, grants and options that `drop_view()` kept.
        schema: The schema of the view.

    Raises:
        MigrationFailedError: The view exists, or the SELECT is wrong.
    """
    executor = current_executor()
    sql = select if isinstance(select, str) else compiler_for(executor).select(select)
    view = View(name=qualified_name(name, schema), sql=sql.strip(), materialized=materialized)
    executor.submit(CreateView(view=view, restores_settings=restore_settings))


@checked
def drop_view(
    name: str,
    *,
    materialized: bool = False,
    keep_settings: bool = False,
    schema: str | None = None,
) -> None:
    """Drop a view.

    Args:
        name: The name of the view.
        materialized: Whether it is a materialized view.
        keep_settings: Keep its owner, grants, options such as security_invoker, and comments of
            columns until `create_view(..., restore_settings=True)` creates it again in the same
            migration. Only PostgreSQL drops them with the view.
        schema: The schema of the view.

    Raises:
        MigrationFailedError: The view does not exist, or another view uses it.
    """
    view = qualified_name(name, schema)
    submit(DropView(name=view, materialized=materialized, keeps_settings=keep_settings))
