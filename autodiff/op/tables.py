"""Create, drop and rename tables, and set their options."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Unpack

import sqlalchemy as sa

from autodiff.models.tables import option_value
from autodiff.op._arguments import checked
from autodiff.op._conventions import script_metadata
from autodiff.op._declarations import (
    create_missing_enums,
    declare_script_table,
    free_copy,
    with_names,
    without_altered_keys,
)
from autodiff.op._executor import qualified_name, submit
from autodiff.op.keywords import CreateTableOptions, TableOptions
from autodiff.runner.context import current_executor
from autodiff.schema.operations import CreateTable, DropTable, RenameTable, SetTableOptions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autodiff.schema.objects import Option

__all__ = ["alter_table_options", "create_table", "drop_table", "rename_table"]

_OPTIONS_SINCE_2_1 = ("postgresql_with",)
"""Options that sa.Table accepts from SQLAlchemy 2.1 on; they are set here for 2.0 too."""


@checked
def create_table(
    table_name: str,
    *columns: sa.schema.SchemaItem,
    schema: str | None = None,
    if_not_exists: bool | None = None,
    **kw: Unpack[CreateTableOptions],
) -> sa.Table:
    """Create a table.

    Constraints without a name get one. Enum types that are missing are created first. A foreign key
    with `use_alter=True` is left out, as Alembic does: create it with `op.create_foreign_key()`.
    SQLite, which cannot add foreign keys later, creates it with the table.

    Args:
        table_name: The name of the table.
        *columns: The sa.Column(...), constraints and sa.Index(...) of the table.
        schema: The schema of the table; the default schema if it is None.
        if_not_exists: Do nothing if the table exists.
        **kw: The keywords of sa.Table, such as `comment`, `prefixes` and `mysql_engine`.

    Returns:
        The sa.Table of the columns, for example for `op.bulk_insert()`.

    Raises:
        MigrationFailedError: A column or a constraint cannot be created on this kind of database.
    """
    executor = current_executor()
    keywords: dict[str, Any] = {**kw}
    options: dict[str, Option] = {
        name: option_value(keywords.pop(name)) for name in _OPTIONS_SINCE_2_1 if name in keywords
    }
    sa_table = sa.Table(
        table_name, script_metadata(), *map(free_copy, columns), schema=schema, **keywords
    )
    name = qualified_name(table_name, sa_table.schema)
    if if_not_exists and executor.ask(lambda: executor.find(name) is not None):
        return sa_table
    declared = declare_script_table(executor, without_altered_keys(executor, sa_table))
    table = with_names(executor, declared)
    enum_columns = {column.name for column in table.columns if column.type.enum is not None}
    create_missing_enums(executor, [c for c in sa_table.columns if c.name in enum_columns])
    executor.submit(CreateTable(table=replace(table, options={**table.options, **options})))
    return sa_table


@checked
def drop_table(
    table_name: str,
    *,
    schema: str | None = None,
    if_exists: bool | None = None,
    **kw: Unpack[CreateTableOptions],
) -> None:
    """Drop a table with its rows.

    Args:
        table_name: The name of the table.
        schema: The schema of the table.
        if_exists: Do nothing if the table does not exist.
        **kw: Keywords that scripts written for Alembic pass; they have no effect.

    Raises:
        MigrationFailedError: The table does not exist, a foreign key uses it or, on PostgreSQL, a
            view does. Other databases drop it; the view fails from then on.
    """
    name = qualified_name(table_name, schema)
    executor = current_executor()
    if not if_exists or executor.ask(lambda: executor.find_to_drop(name) is not None):
        submit(DropTable(name=name))


@checked
def rename_table(
    old_table_name: str,
    new_table_name: str,
    *,
    schema: str | None = None,
    new_schema: str | None = None,
    leaves_view: bool = False,
    replaces_view: bool = False,
) -> None:
    """Rename a table, or move it to another schema; its rows, keys and indexes are kept.

    Args:
        old_table_name: The present name of the table.
        new_table_name: The new name, without a schema.
        schema: The schema of the table.
        new_schema: The schema to move the table to; by default it stays in its own.
        leaves_view: Whether the old name becomes a view of the table, through which an old version
            of an application can read and write it (PostgreSQL, MySQL and MariaDB).
        replaces_view: Whether the new name is such a view now, which is dropped.

    Raises:
        MigrationFailedError: The table does not exist, or the new name is already used.
        PlanError: The database cannot move a table to another schema.
    """
    before = qualified_name(old_table_name, schema)
    after = qualified_name(new_table_name, schema if new_schema is None else new_schema)
    submit(
        RenameTable(
            before=before, after=after, leaves_view=leaves_view, replaces_view=replaces_view
        )
    )


@checked
def alter_table_options(
    table_name: str, *, schema: str | None = None, **options: Unpack[TableOptions]
) -> None:
    """Set options of a table that belong to one kind of database.

    Args:
        table_name: The name of the table.
        schema: The schema of the table.
        **options: The options, such as `mysql_engine="InnoDB"` or
            `postgresql_with={"fillfactor": 70}`. None resets an option to its default.

    Raises:
        MigrationFailedError: The database cannot change an option of an existing table.
    """
    given: Mapping[str, Any] = {**options}
    values = {name: None if v is None else option_value(v) for name, v in given.items()}
    changes = tuple((name, None, values[name]) for name in sorted(values))
    submit(SetTableOptions(table=qualified_name(table_name, schema), options=changes))
