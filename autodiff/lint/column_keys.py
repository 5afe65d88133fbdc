"""Follow sets of columns by their current names: those that are new, and those that were filled."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeAlias, TypeVar

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

__all__ = [
    "NO_COLUMNS",
    "ColumnKey",
    "ColumnKeys",
    "changed_keys",
    "columns_after",
    "filled_after",
]

_K = TypeVar("_K")

ColumnKey: TypeAlias = tuple[Name, str]
ColumnKeys: TypeAlias = SharedDict[ColumnKey, None]
NO_COLUMNS: ColumnKeys = SharedDict({})


def columns_after(columns: ColumnKeys, action: Action) -> ColumnKeys:
    """Return the columns after a step, without those that it drops."""
    match action:
        case RenameTable(before=before, after=after):
            own = _of_table(columns, before)
            renamed = [(after, name) for _, name in own]
            return changed_keys(columns, remove=own, add=renamed)
        case DropTable(name=table):
            return changed_keys(columns, remove=_of_table(columns, table))
        case DropColumn(table=table, name=name):
            return changed_keys(columns, remove=[(table, name)])
        case RenameColumn(table=table, before=old, after=new) if (table, old) in columns:
            return changed_keys(columns, remove=[(table, old)], add=[(table, new)])
        case _:
            return columns


def filled_after(filled: ColumnKeys, action: Action) -> ColumnKeys:
    """Return the columns that have values in all rows after a step, as far as migrations say."""
    match action:
        case Backfill(table=table, values=values):
            return changed_keys(filled, add=[(table, name) for name, _ in values])
        case ChangeRows(table=table, verb="UPDATE", columns=names):
            return changed_keys(filled, add=[(table, name) for name in names])
        case AlterColumn(table=table, name=name, after=patch) if patch.nullable is True:
            return changed_keys(filled, remove=[(table, name)])
        case _:
            return columns_after(filled, action)


def _of_table(columns: ColumnKeys, table: Name) -> list[ColumnKey]:
    return [key for key in columns if key[0] == table]


def changed_keys(
    keys: SharedDict[_K, None], *, add: Iterable[_K] = (), remove: Iterable[_K] = ()
) -> SharedDict[_K, None]:
    """Return a set of keys that shares what stays: each of thousands of steps keeps its own."""
    found = SharedDict(keys)
    for key in remove:
        found.pop(key, None)
    for key in add:
        found[key] = None
    return found
