"""The names of tables, columns and enum types before and after a set of renames."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from autodiff.schema.changes import Change, ColumnRenamed, EnumRenamed, TableRenamed
from autodiff.schema.objects import Name
from autodiff.schema.operations import Operation, RenameColumn, RenameEnum, RenameTable

__all__ = ["NameMap"]

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True, kw_only=True)
class NameMap:
    """The names of tables, columns and enum types before and after a set of renames.

    tables, enums: the new name, by the old one.
    columns: the new name of a column, by the old names of its table and of itself.

    A lookup returns the given name if nothing renames it. Lookups with `before` in their name take
    new names and return old ones, those with `after` the other way round.
    """

    tables: Mapping[Name, Name] = field(default_factory=dict)
    columns: Mapping[tuple[Name, str], str] = field(default_factory=dict)
    enums: Mapping[Name, Name] = field(default_factory=dict)
    _old_tables: Mapping[Name, Name] = field(init=False, repr=False, compare=False)
    _old_columns: Mapping[tuple[Name, str], str] = field(init=False, repr=False, compare=False)
    _old_enums: Mapping[Name, Name] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_old_tables", _inverted(self.tables))
        object.__setattr__(self, "_old_enums", _inverted(self.enums))
        old_columns = {
            (self.table_after(table), new): old for (table, old), new in self.columns.items()
        }
        object.__setattr__(self, "_old_columns", old_columns)

    @classmethod
    def of_changes(cls, changes: Iterable[Change]) -> NameMap:
        """Return the map of the renames among changes.

        A `ColumnRenamed` names its table as it is called after the renames.
        """
        changes = list(changes)
        tables = {c.before: c.after for c in changes if isinstance(c, TableRenamed)}
        old_tables = _inverted(tables)
        return cls(
            tables=tables,
            columns={
                (old_tables.get(c.table, c.table), c.before): c.after
                for c in changes
                if isinstance(c, ColumnRenamed)
            },
            enums={c.before: c.after for c in changes if isinstance(c, EnumRenamed)},
        )

    @classmethod
    def of_operations(cls, operations: Iterable[Operation]) -> NameMap:
        """Return the map of the renames among operations, in the order in which they run.

        Renames of the same thing are combined: a to b and then b to c is a to c.
        """
        tables: dict[Name, Name] = {}
        columns: dict[Name, dict[str, str]] = {}
        enums: dict[Name, Name] = {}
        for operation in operations:
            match operation:
                case RenameTable(before=before, after=after):
                    _combine(tables, before, after)
                case RenameColumn(table=table, before=old, after=new):
                    _combine(columns.setdefault(_original(tables, table), {}), old, new)
                case RenameEnum(before=before, after=after):
                    _combine(enums, before, after)
        by_place = {
            (table, old): new for table, names in columns.items() for old, new in names.items()
        }
        return cls(tables=tables, columns=by_place, enums=enums)

    def table_after(self, table: Name) -> Name:
        """Return the new name of a table."""
        return self.tables.get(table, table)

    def table_before(self, table: Name) -> Name:
        """Return the old name of a table."""
        return self._old_tables.get(table, table)

    def column_after(self, table: Name, column: str) -> str:
        """Return the new name of a column; `table` is the old name of its table."""
        return self.columns.get((table, column), column)

    def column_before(self, table: Name, column: str) -> str:
        """Return the old name of a column; `table` is the new name of its table."""
        return self._old_columns.get((table, column), column)

    def columns_before(self, table: Name) -> dict[str, str]:
        """Return the old names of a table's renamed columns, by the new ones.

        `table` is the new name of the table.
        """
        return {new: old for (owner, new), old in self._old_columns.items() if owner == table}

    def enum_after(self, enum: Name) -> Name:
        """Return the new name of an enum type."""
        return self.enums.get(enum, enum)

    def enum_before(self, enum: Name) -> Name:
        """Return the old name of an enum type."""
        return self._old_enums.get(enum, enum)


def _inverted(names: Mapping[K, V]) -> dict[V, K]:
    return {new: old for old, new in names.items()}


def _combine(names: dict[K, K], before: K, after: K) -> None:
    """Add a rename that happens after those in `names`."""
    names[_original(names, before)] = after


def _original(names: Mapping[K, K], name: K) -> K:
    """Return the name that a thing had before the renames so far."""
    return next((old for old, new in names.items() if new == name), name)
