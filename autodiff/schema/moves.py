"""Where tables and columns are once the renames of a migration are done."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from autodiff.schema.objects import Name
from autodiff.schema.operations import Operation, RenameColumn, RenameTable

__all__ = ["Moves", "renames"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Moves:
    """Where tables and columns are once a migration is done; a column by its table's new name.

    `values` are, by a column's old place, values that have other names then.
    """

    tables: dict[Name, Name] = field(default_factory=dict)
    columns: dict[tuple[Name, str], str] = field(default_factory=dict)
    values: Mapping[tuple[Name, str], Mapping[str, str]] = field(default_factory=dict)

    def table(self, name: Name) -> Name:
        """The table's new name."""
        return self.tables.get(name, name)

    def column(self, table: Name, column: str) -> str:
        """The new name of a column of a table (by its old name)."""
        return self.columns.get((self.table(table), column), column)


def renames(operations: Iterable[Operation]) -> Moves:
    """The moves of known operations.

    Each rename is put behind those before it: what was a and is c, by way of b.
    """
    moves = Moves()
    for operation in operations:
        if isinstance(operation, RenameTable):
            source = _source(moves.tables, operation.before)
            moves.tables[source] = operation.after
        elif isinstance(operation, RenameColumn):
            known = {old: new for (table, old), new in moves.columns.items()}
            first = _source(known, operation.before)
            moves.columns[operation.table, first] = operation.after
    return moves


def _source(moved: Mapping[T, T], name: T) -> T:
    return next((old for old, new in moved.items() if new == name), name)
