"""Follow sets of columns by their current names: those that are new, and those that were filled.

They are kept by table, so that a step takes as long however many columns there are.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeAlias

from autodiff.lint.statements import ChangeRows
from autodiff.schema.objects import Name
from autodiff.schema.operations import (
    AlterColumn,
    Backfill,
    DropColumn,
    DropTable,
    RenameColumn,
    RenameTable,
)
from autodiff.utils.shared_dict import SharedDict

if TYPE_CHECKING:
    from autodiff.lint.context import Action

__all__ = ["NO_COLUMNS", "ColumnsByTable", "columns_after", "filled_after", "with_columns"]

ColumnsByTable: TypeAlias = SharedDict[Name, frozenset[str]]
NO_COLUMNS: ColumnsByTable = SharedDict({})


def columns_after(columns: ColumnsByTable, action: Action) -> ColumnsByTable:
    """Return the columns after a step, without those that it drops."""
    match action:
        case RenameTable(before=before, after=after) if before in columns:
            return _replaced(_replaced(columns, before, ()), after, columns[before])
        case DropTable(name=table) if table in columns:
            return _replaced(columns, table, ())
        case DropColumn(table=table, name=name) if name in columns.get(table, ()):
            return _replaced(columns, table, columns[table] - {name})
        case RenameColumn(table=table, before=old, after=new) if old in columns.get(table, ()):
            return _replaced(columns, table, columns[table] - {old} | {new})
        case _:
            return columns


def filled_after(filled: ColumnsByTable, action: Action) -> ColumnsByTable:
    """Return the columns that have values in all rows after a step, as far as migrations say."""
    match action:
        case Backfill(table=table, values=values):
            return with_columns(filled, table, (name for name, _ in values))
        case ChangeRows(table=table, verb="UPDATE", columns=names):
            return with_columns(filled, table, names)
        case AlterColumn(table=table, name=name, after=patch) if patch.nullable is True:
            return columns_after(filled, DropColumn(table=table, name=name))
        case _:
            return columns_after(filled, action)


def with_columns(columns: ColumnsByTable, table: Name, names: Iterable[str]) -> ColumnsByTable:
    """Return the columns with more of one table."""
    return _replaced(columns, table, columns.get(table, frozenset()).union(names))


def _replaced(columns: ColumnsByTable, table: Name, names: Iterable[str]) -> ColumnsByTable:
    """Return the columns with other ones of a table, sharing the rest: each step keeps its own."""
    found = SharedDict(columns)
    if own := frozenset(names):
        found[table] = own
    else:
        found.pop(table, None)
    return found
