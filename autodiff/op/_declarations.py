"""Turn the sa.Table of a script into the objects that operations contain."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from autodiff.models.columns import enum_of
from autodiff.models.tables import declare_table
from autodiff.op._executor import compiler_for
from autodiff.schema.operations import CreateEnum

if TYPE_CHECKING:
    from collections.abc import Iterable

    import sqlalchemy as sa

    from autodiff.runner.executor import Executor
    from autodiff.schema.objects import Table

__all__ = ["create_missing_enums", "declare_script_table"]


def declare_script_table(executor: Executor, table: sa.Table) -> Table:
    """Return the declared table of a script.

    `autoincrement=True` counts for every column of a script. In models, SQLAlchemy ignores it
    outside the primary key.
    """
    declared = declare_table(table, executor.dialect, compiler_for(executor))
    if not executor.dialect.features.autoincrement:
        return declared
    names = {str(c.name) for c in table.columns if c.autoincrement is True and c.identity is None}
    columns = (
        replace(c, autoincrement=c.autoincrement or c.name in names) for c in declared.columns
    )
    return replace(declared, columns=tuple(columns))


def create_missing_enums(executor: Executor, columns: Iterable[sa.Column[Any]]) -> None:
    """Create the enum types of columns, except those that exist or have create_type=False."""
    for column in columns:
        enum = enum_of(column.type, executor.dialect, compiler_for(executor))
        if enum is not None and getattr(column.type, "create_type", True):
            executor.submit(CreateEnum(enum=enum, if_not_exists=True))
