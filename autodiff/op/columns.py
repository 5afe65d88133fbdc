"""Add, drop, rename and change columns."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, Unpack

import sqlalchemy as sa

from autodiff.models.columns import declare_column, declare_type
from autodiff.op._arguments import checked
from autodiff.op._conventions import script_metadata
from autodiff.op._declarations import (
    create_missing_enums,
    declare_script_table,
    free_copy,
    name_added,
)
from autodiff.op._executor import compiler_for, qualified_name, sql_part, submit
from autodiff.op.keywords import ColumnType, DropColumnOptions, ServerDefault
from autodiff.runner.context import current_executor
from autodiff.schema.operations import (
    UNSET,
    AddColumn,
    AddConstraint,
    AlterColumn,
    ColumnPatch,
    CreateIndex,
    DropColumn,
    DropConstraint,
    RenameColumn,
    Unset,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from autodiff.schema.objects import Constraint, Name, Option, Table

__all__ = ["add_column", "alter_column", "drop_column", "rename_column"]


@checked
def add_column(
    table_name: str,
    column: sa.Column[Any],
    *,
    schema: str | None = None,
    if_not_exists: bool | None = None,
    inline_references: bool | None = None,
    inline_primary_key: bool | None = None,
) -> None:
    """Add a column, with its foreign keys, unique constraints, checks and index.

    An enum type that is missing is created first.

    Args:
        table_name: The name of the table.
        column: The column.
        schema: The schema of the table.
        if_not_exists: Do nothing if the table has a column of this name.
        inline_references: Accepted for scripts written for Alembic. Foreign keys are always added
            in a separate statement.
        inline_primary_key: Accepted for scripts written for Alembic, likewise.

    Raises:
        MigrationFailedError: The table does not exist, the column exists, or the column is NOT NULL
            without a default and the table has rows. MySQL and MariaDB fill such a column of
            existing rows with 0, an empty text or the like.
    """
    executor = current_executor()
    name = qualified_name(table_name, schema)
    if if_not_exists and _has_column(executor.find, name, str(column.name)):
        return
    column = free_copy(column)
    sa_table = sa.Table(table_name, script_metadata(), column, schema=schema)
    create_missing_enums(executor, [column])
    table = declare_script_table(executor, sa_table)
    executor.submit(AddColumn(table=name, column=table.columns[0]))
    for constraint in table.constraints:
        named = name_added(executor, name, constraint)
        executor.submit(AddConstraint(table=name, constraint=named))
    for index in table.indexes:
        executor.submit(CreateIndex(table=name, index=index))


@checked
def drop_column(
    table_name: str,
    column_name: str,
    *,
    schema: str | None = None,
    if_exists: bool | None = None,
    postgresql_only: bool = False,
    **kw: Unpack[DropColumnOptions],
) -> None:
    """Drop a column with its values.

    Args:
        table_name: The name of the table.
        column_name: The name of the column.
        schema: The schema of the table.
        if_exists: Do nothing if the table has no such column.
        postgresql_only: Keep the column, with its values, in tables that inherit it.
        **kw: Keywords that scripts written for Alembic pass; they have no effect.

    Raises:
        MigrationFailedError: The table has no such column, or a view uses it. MySQL and MariaDB
            drop a column that a view uses; the view fails from then on.
    """
    table = qualified_name(table_name, schema)
    if not if_exists or _has_column(current_executor().find_to_drop, table, column_name):
        submit(DropColumn(table=table, name=column_name, only=postgresql_only))


def _has_column(find: Callable[[Name], Table | None], table_name: Name, column: str) -> bool:
    def exists() -> bool:
        table = find(table_name)
        return table is not None and table.column(column) is not None

    return current_executor().ask(exists)


@checked
def rename_column(
    table_name: str, old_column_name: str, new_column_name: str, *, schema: str | None = None
) -> None:
    """Rename a column; its values, keys and indexes are kept.

    Args:
        table_name: The name of the table.
        old_column_name: The present name of the column.
        new_column_name: The new name of the column.
        schema: The schema of the table.

    Raises:
        MigrationFailedError: The table has no such column, or the new name is already used.
    """
    table = qualified_name(table_name, schema)
    submit(RenameColumn(table=table, before=old_column_name, after=new_column_name))


@checked
def alter_column(
    table_name: str,
    column_name: str,
    *,
    nullable: bool | None = None,
    comment: str | Literal[False] | None = False,
    server_default: ServerDefault = False,
    new_column_name: str | None = None,
    type_: ColumnType | None = None,
    autoincrement: bool | None = None,
    existing_type: ColumnType | None = None,
    existing_server_default: ServerDefault = False,
    existing_nullable: bool | None = None,
    existing_comment: str | None = None,
    existing_autoincrement: bool | None = None,
    mysql_invisible: bool | None = None,
    postgresql_using: str | None = None,
    sqlite_on_conflict_not_null: str | Literal[False] | None = False,
    schema: str | None = None,
) -> None:
    """Change the given properties of a column; the others are kept.

    A new type also replaces the check of the existing one: sa.Enum and sa.Boolean have one with
    `create_constraint=True`.

    Args:
        table_name: The name of the table.
        column_name: The name of the column.
        nullable: Allow or forbid NULL.
        comment: The comment; None drops it.
        server_default: The default, or sa.Identity(...) or sa.Computed(...); None drops it.
        new_column_name: Rename the column after all other changes.
        type_: The new type.
        autoincrement: Number new rows automatically, on MySQL and MariaDB.
        existing_type: The present type. This and the other existing_... arguments are needed only
            if there is no database to ask, as when SQL is written to a file.
        existing_server_default: The present default.
        existing_nullable: Whether NULL is allowed at present.
        existing_comment: The present comment.
        existing_autoincrement: Whether new rows are numbered automatically at present.
        mysql_invisible: Whether `SELECT *` leaves the column out, on MySQL and MariaDB.
        postgresql_using: SQL that converts a value to the new type, on PostgreSQL.
        sqlite_on_conflict_not_null: What to do about NULL in a new row, such as "REPLACE", on
            SQLite; None for its default, "ABORT".
        schema: The schema of the table.

    Raises:
        MigrationFailedError: The table has no such column, or its values do not fit.
    """
    table = qualified_name(table_name, schema)
    before = _patch(
        existing_type,
        existing_nullable,
        existing_server_default,
        existing_comment if existing_comment is not None else False,
        existing_autoincrement,
    )
    after = _patch(type_, nullable, server_default, comment, autoincrement)
    after = replace(after, options=_options(mysql_invisible, sqlite_on_conflict_not_null))
    if server_default is not False:
        after = _with_exclusive_default(after, server_default, existing_server_default)
    old_checks = _checks_of(table, column_name, existing_type) if type_ is not None else ()
    new_checks = _checks_of(table, column_name, type_)
    for check in old_checks:
        if check not in new_checks and _is_present(check, table):
            submit(DropConstraint(table=table, name=check.name, kind="check"))
    if after.fields:
        executor = current_executor()
        using = sql_part(executor, postgresql_using)
        executor.submit(
            AlterColumn(table=table, name=column_name, before=before, after=after, using=using)
        )
    for check in new_checks:
        if check not in old_checks:
            named = name_added(current_executor(), table, check)
            submit(AddConstraint(table=table, constraint=named))
    if new_column_name is not None and new_column_name != column_name:
        submit(RenameColumn(table=table, before=column_name, after=new_column_name))


def _checks_of(table: Name, column: str, type_: Any) -> tuple[Constraint, ...]:
    """Return the checks that a type brings along, such as sa.Enum(..., create_constraint=True)."""
    if type_ is None:
        return ()
    sa_type = sa.types.to_instance(type_)
    if not isinstance(sa_type, sa.types.SchemaType | sa.types.TypeDecorator):
        return ()
    sa_column = sa.Column(column, sa_type.copy())
    sa_table = sa.Table(table.name, script_metadata(), sa_column, schema=table.schema)
    return declare_script_table(current_executor(), sa_table).constraints


def _is_present(check: Constraint, table: Name) -> bool:
    """Return whether a named check can be dropped; without a database, it is believed to exist."""
    known = current_executor().known(table)
    return check.name is not None and (known is None or known.constraint(check.name) is not None)


def _with_exclusive_default(
    after: ColumnPatch, default: ServerDefault, existing: ServerDefault
) -> ColumnPatch:
    """Return the patch without the existing default, identity or expression.

    A column can have only one of them.
    """
    generated = isinstance(default, sa.Identity | sa.Computed)
    if generated and type(existing) is not type(default):
        after = replace(after, default=None)
    without_default = replace(after, default=UNSET) if default is None else after
    if isinstance(existing, sa.Identity) and not isinstance(default, sa.Identity):
        return replace(without_default, identity=None)
    if isinstance(existing, sa.Computed) and not isinstance(default, sa.Computed):
        return replace(without_default, computed=None)
    return after


def _patch(
    type_: ColumnType | None,
    nullable: bool | None,
    default: ServerDefault,
    comment: str | Literal[False] | None,
    autoincrement: bool | None,
) -> ColumnPatch:
    executor = current_executor()
    patch = ColumnPatch(
        type=UNSET
        if type_ is None
        else declare_type(sa.types.to_instance(type_), executor.dialect, compiler_for(executor)),
        nullable=UNSET if nullable is None else nullable,
        comment=UNSET if comment is False else comment,
        autoincrement=UNSET if autoincrement is None else autoincrement,
    )
    return patch if default is False else _with_default(patch, default)


def _options(
    invisible: bool | None, conflict: str | Literal[False] | None
) -> Mapping[str, Option] | Unset:
    """Return the options of a column that the arguments set; UNSET if they set none."""
    known = current_executor().dialect.features.column_options
    if "mysql_invisible" in known and invisible is not None:
        return {"mysql_invisible": True} if invisible else {}
    if "sqlite_on_conflict_not_null" in known and conflict is not False:
        return {"sqlite_on_conflict_not_null": conflict.upper()} if conflict else {}
    return UNSET


def _with_default(patch: ColumnPatch, default: ServerDefault) -> ColumnPatch:
    if default is None:
        return replace(patch, default=None)
    sa_column: sa.Column[Any] = (
        sa.Column("_", sa.Integer, default)
        if isinstance(default, sa.Identity | sa.Computed)
        else sa.Column("_", sa.Integer, server_default=default)  # type: ignore[arg-type]
    )
    sa.Table("_", sa.MetaData(), sa_column)
    executor = current_executor()
    column = declare_column(sa_column, executor.dialect, compiler_for(executor))
    if isinstance(default, sa.Identity):
        return replace(patch, identity=column.identity)
    if isinstance(default, sa.Computed):
        return replace(patch, computed=column.computed)
    return replace(patch, default=column.default)
