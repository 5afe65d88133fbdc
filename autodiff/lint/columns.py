"""Find the columns that a step creates or changes, for the rules about types and names."""

from __future__ import annotations

from collections.abc import Iterator

from autodiff.lint.context import Step
from autodiff.schema.objects import Column, ColumnType, Name
from autodiff.schema.operations import AddColumn, AlterColumn, CreateTable
from autodiff.schema.sqltext import is_null

__all__ = ["NEW_COLUMN_STEPS", "NEW_TYPE_STEPS", "fills_rows", "new_columns", "new_types"]

NEW_COLUMN_STEPS = (CreateTable, AddColumn)
NEW_TYPE_STEPS = (*NEW_COLUMN_STEPS, AlterColumn)
"""The operations for which `new_columns` and `new_types` yield anything."""


def fills_rows(column: Column) -> bool:
    """Return whether a row for which a column is not named has a value in it other than NULL."""
    has_default = column.default is not None and not is_null(column.default)
    is_generated = column.computed is not None or column.identity is not None
    return has_default or is_generated or column.autoincrement


def new_columns(step: Step) -> Iterator[tuple[Name, Column]]:
    """Yield the columns that a step creates, each with its table."""
    match step.action:
        case CreateTable(table=table):
            for column in table.columns:
                yield table.name, column
        case AddColumn(table=owner, column=column):
            yield owner, column


def new_types(step: Step) -> Iterator[tuple[str, ColumnType]]:
    """Yield the types that a step gives to columns, each with the place, such as `users.email`."""
    match step.action:
        case AlterColumn(table=table, name=name, after=patch):
            if isinstance(patch.type, ColumnType):
                yield f"{table}.{name}", patch.type
        case _:
            for owner, column in new_columns(step):
                yield f"{owner}.{column.name}", column.type
