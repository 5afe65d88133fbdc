"""Change the schema in a migration file: each function hands one operation to the migration.

The functions accept the arguments of the functions of Alembic's `op` with the same name, so a
script written for Alembic only needs another import line. Every function that changes or reads
the database raises MigrationFailedError outside a migration. An argument of a wrong type raises
WrongArgumentError, except in a script written for Alembic.
"""

from __future__ import annotations

from autodiff.op.async_calls import run_async
from autodiff.op.batch import batch_alter_table
from autodiff.op.columns import add_column, alter_column, drop_column, rename_column
from autodiff.op.comments import create_table_comment, drop_table_comment, set_comment
from autodiff.op.constraints import (
    create_check_constraint,
    create_exclude_constraint,
    create_foreign_key,
    create_primary_key,
    create_unique_constraint,
    drop_constraint,
    rename_constraint,
)
from autodiff.op.custom import implementation_for, invoke, register_operation
from autodiff.op.enums import alter_enum, create_enum, drop_enum, rename_enum, rename_enum_value
from autodiff.op.indexes import create_index, drop_index, rename_index
from autodiff.op.literals import f, inline_literal, sql_type
from autodiff.op.rows import backfill, bulk_insert, require
from autodiff.op.schemas import create_schema, drop_schema
from autodiff.op.sequences import alter_sequence, create_sequence, drop_sequence
from autodiff.op.statements import autocommit, execute, get_bind, get_context, online, run
from autodiff.op.tables import alter_table_options, create_table, drop_table, rename_table
from autodiff.op.triggers import swap_columns, sync_columns, unsync_columns
from autodiff.op.views import create_view, drop_view

__all__ = [
    "add_column",
    "alter_column",
    "alter_enum",
    "alter_sequence",
    "alter_table_options",
    "autocommit",
    "backfill",
    "batch_alter_table",
    "bulk_insert",
    "create_check_constraint",
    "create_enum",
    "create_exclude_constraint",
    "create_foreign_key",
    "create_index",
    "create_primary_key",
    "create_schema",
    "create_sequence",
    "create_table",
    "create_table_comment",
    "create_unique_constraint",
    "create_view",
    "drop_column",
    "drop_constraint",
    "drop_enum",
    "drop_index",
    "drop_schema",
    "drop_sequence",
    "drop_table",
    "drop_table_comment",
    "drop_view",
    "execute",
    "f",
    "get_bind",
    "get_context",
    "implementation_for",
    "inline_literal",
    "invoke",
    "online",
    "register_operation",
    "rename_column",
    "rename_constraint",
    "rename_enum",
    "rename_enum_value",
    "rename_index",
    "rename_table",
    "require",
    "run",
    "run_async",
    "set_comment",
    "sql_type",
    "swap_columns",
    "sync_columns",
    "unsync_columns",
]
