"""Turn the sa.Table of a script into the objects that operations contain."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy as sa

from autodiff.errors import ModelsError
from autodiff.models.columns import enum_of
from autodiff.models.tables import declare_table
from autodiff.op._executor import compiler_for
from autodiff.runner.context import current_settings
from autodiff.schema.naming import default_name, name_constraints
from autodiff.schema.objects import Table
from autodiff.schema.operations import CreateEnum

if TYPE_CHECKING:
    from collections.abc import Iterable

    from autodiff.runner.executor import Executor
    from autodiff.schema.objects import Constraint, Index, Name

__all__ = [
    "create_missing_enums",
    "declare_script_table",
    "free_copy",
    "name_added",
    "require_columns",
    "with_names",
    "without_altered_keys",
]

_Item = TypeVar("_Item", bound="sa.schema.SchemaItem")


def declare_script_table(executor: Executor, table: sa.Table) -> Table:
    """Return the declared table of a script.

    `autoincrement=True` counts for every column of a script. In models, SQLAlchemy ignores it
    outside the primary key.
    """
    declared = declare_table(table, executor.dialect, compiler_for(executor))
    for index in declared.indexes:
        require_columns(index)
    if not executor.dialect.features.autoincrement:
        return declared
    names = {str(c.name) for c in table.columns if c.autoincrement is True and c.identity is None}
    columns = (
        replace(c, autoincrement=c.autoincrement or c.name in names) for c in declared.columns
    )
    return replace(declared, columns=tuple(columns))


def require_columns(index: Index) -> None:
    """Raise ModelsError for an index without columns, which only models can have."""
    if not index.elements:
        raise ModelsError(
            f"cannot declare index {index.name}: it has no columns", hint="name the columns"
        )


def create_missing_enums(executor: Executor, columns: Iterable[sa.Column[Any]]) -> None:
    """Create the enum types of columns, except those that exist or have create_type=False."""
    for column in columns:
        enum = enum_of(column.type, executor.dialect, compiler_for(executor))
        if enum is not None and getattr(column.type, "create_type", True):
            executor.submit(CreateEnum(enum=enum, if_not_exists=True))


def free_copy(item: _Item) -> _Item:
    """Return a column or constraint, or a copy if a table has it already.

    Scripts pass one column to several tables.
    """
    owner = getattr(item, "table" if isinstance(item, sa.Column) else "parent", None)
    copies = isinstance(item, sa.Column | sa.Constraint) and owner is not None
    return item._copy() if copies else item  # type: ignore[attr-defined]


def without_altered_keys(executor: Executor, table: sa.Table) -> sa.Table:
    """Return the table without foreign keys that ALTER TABLE is meant to add (`use_alter`).

    SQLAlchemy leaves them out of CREATE TABLE if the database can add them.
    """
    if executor.dialect.sqlalchemy.supports_alter:
        for key in table.foreign_key_constraints:
            if key.use_alter:
                table.constraints.discard(key)
    return table


def with_names(executor: Executor, table: Table) -> Table:
    """Return the table with a name for each constraint.

    A database that can leave a constraint unnamed does so: the name only identifies it here. A
    script written for Alembic leaves the name to the server, and may use it later.
    """
    if current_settings().get("is_alembic"):
        named = executor.dialect.catalog.with_server_names(table)
        if named is not None:
            return named
    return name_constraints(table, implicit=executor.dialect.features.rebuilds_tables or None)


def name_added(executor: Executor, table: Name, constraint: Constraint) -> Constraint:
    """Return a constraint that is added to a table, with a name; see `with_names`."""
    if constraint.name is not None:
        return constraint
    name = None
    if current_settings().get("is_alembic"):
        name = executor.dialect.catalog.server_name(
            constraint, lambda: executor.known(table), executor.ask
        )
    if name is None:
        name = default_name(Table(name=table), constraint, executor.names_in(table))
    return replace(constraint, name=name, implicit=executor.dialect.features.rebuilds_tables)
