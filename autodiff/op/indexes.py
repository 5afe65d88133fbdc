"""Create, drop and rename indexes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Unpack

import sqlalchemy as sa

from autodiff.models.constraints import declare_index
from autodiff.op._arguments import checked
from autodiff.op._conventions import script_metadata
from autodiff.op._declarations import require_columns
from autodiff.op._executor import compiler_for, qualified_name, submit
from autodiff.op.keywords import IndexOptions, SQLExpression
from autodiff.runner.context import current_executor
from autodiff.schema.operations import CreateIndex, DropIndex, RenameIndex

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["create_index", "drop_index", "rename_index"]


@checked
def create_index(
    index_name: str | None,
    table_name: str,
    columns: Sequence[SQLExpression],
    *,
    schema: str | None = None,
    unique: bool = False,
    if_not_exists: bool | None = False,
    comment: str | None = None,
    **kw: Unpack[IndexOptions],
) -> None:
    """Create an index.

    Args:
        index_name: The name of the index.
        table_name: The name of the table.
        columns: The names of columns, or expressions such as sa.text("lower(name)").
        schema: The schema of the table.
        unique: Forbid equal values.
        if_not_exists: Do nothing if the index exists.
        comment: The comment, on PostgreSQL, MySQL and MariaDB.
        **kw: The keywords of sa.Index, such as `postgresql_where`.
            `postgresql_concurrently=True` must be inside `with op.autocommit():`.

    Raises:
        MigrationFailedError: The index exists, or rows have equal values and it is unique.
    """
    executor = current_executor()
    names = [column for column in columns if isinstance(column, str)]
    included = kw.get("postgresql_include") or ()
    names += [name for name in included if isinstance(name, str)]
    table = sa.Table(
        table_name,
        script_metadata(),
        *(sa.Column(name, sa.Integer) for name in dict.fromkeys(names)),
        schema=schema,
    )
    parts = [table.c[column] if isinstance(column, str) else column for column in columns]
    sa_index = sa.Index(index_name, *parts, unique=unique, _table=table, **kw)
    index = declare_index(sa_index, executor.dialect, compiler_for(executor))
    if index is None:
        return
    require_columns(index)
    executor.submit(
        CreateIndex(
            table=qualified_name(table_name, schema),
            index=replace(index, comment=comment),
            concurrently=bool(kw.get("postgresql_concurrently")),
            if_not_exists=bool(if_not_exists),
        )
    )


@checked
def drop_index(
    index_name: str,
    table_name: str | None = None,
    *,
    schema: str | None = None,
    if_exists: bool | None = False,
    **kw: Unpack[IndexOptions],
) -> None:
    """Drop an index.

    Args:
        index_name: The name of the index.
        table_name: The name of the table; MySQL and MariaDB need it.
        schema: The schema of the table.
        if_exists: Do nothing if the index does not exist.
        **kw: `postgresql_concurrently=True` must be inside `with op.autocommit():`. Other keywords
            of sa.Index have no effect.

    Raises:
        MigrationFailedError: The index does not exist, or a foreign key needs it.
    """
    table = qualified_name(table_name, schema) if table_name is not None else None
    submit(
        DropIndex(
            table=table,
            name=index_name,
            schema=schema,
            concurrently=bool(kw.get("postgresql_concurrently")),
            if_exists=bool(if_exists),
        )
    )


@checked
def rename_index(
    old_index_name: str,
    new_index_name: str,
    table_name: str | None = None,
    *,
    schema: str | None = None,
) -> None:
    """Rename an index; SQLite drops it and creates it again.

    Args:
        old_index_name: The present name of the index.
        new_index_name: The new name of the index.
        table_name: The name of the table; every database except PostgreSQL needs it.
        schema: The schema of the table.

    Raises:
        MigrationFailedError: The index does not exist, or the new name is already used.
    """
    table = qualified_name(table_name, schema) if table_name is not None else None
    before, after = str(old_index_name), str(new_index_name)
    submit(RenameIndex(table=table, before=before, after=after, schema=schema))
