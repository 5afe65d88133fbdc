"""Track the names of tables, columns and enum types through several migrations."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from dataclasses import dataclass
from typing import TypeVar

from autodiff.plan.merged_backfills import filled_nulls
from autodiff.schema.objects import Name, Schema
from autodiff.schema.operations import (
    AddColumn,
    AlterEnum,
    Backfill,
    CreateEnum,
    CreateTable,
    DropColumn,
    DropEnum,
    DropTable,
    Operation,
    RenameColumn,
    RenameEnum,
    RenameEnumValue,
    RenameTable,
)

__all__ = ["NameTracker", "TrackedName"]

K = TypeVar("K")


@dataclass(slots=True, eq=False)
class TrackedName:
    """A named object; `before` is its name at the start, None if it is new."""

    before: str | None = None


class NameTracker:
    """Tracks names from the start on.

    An object that is dropped and created again counts as a new one. `NameMap` cannot be used here,
    because it knows no drops.
    """

    def __init__(self, start: Schema) -> None:
        self._tables = {name: TrackedName(before=str(name)) for name in start.tables}
        self._columns = {
            (name, column.name): TrackedName(before=f"{name}.{column.name}")
            for name, table in start.tables.items()
            for column in table.columns
        }
        self._enums = {name: TrackedName(before=str(name)) for name in start.enums}
        self._values = {
            (name, value): TrackedName(before=f"{name}.{value}")
            for name, enum in start.enums.items()
            for value in enum.values
        }

    def follow(self, operation: Operation) -> None:
        """Update the names by an operation."""
        match operation:
            case CreateTable(table=table):
                self._tables[table.name] = TrackedName()
            case DropTable(name=name):
                self._drop_table(name)
            case RenameTable(before=before, after=after):
                _move(self._tables, before, after)
                self._move_columns(before, after)
            case AddColumn(table=owner, column=column):
                self._columns[owner, column.name] = TrackedName()
            case DropColumn(table=owner, name=column_name):
                self._columns.pop((owner, column_name), None)
            case RenameColumn(table=owner, before=old, after=new):
                _move(self._columns, (owner, old), (owner, new))
            case _:
                self._follow_enum(operation)

    def is_new(self, table: Name) -> bool:
        """Return whether a table was created after the start, so that only migrations fill it."""
        tracked = self._tables.get(table)
        return tracked is None or tracked.before is None

    def old_tables(self) -> Iterator[Name]:
        """Return the tables that existed at the start, by their current names."""
        return (name for name, tracked in self._tables.items() if tracked.before is not None)

    def filled(
        self, backfill: Backfill, quote: Callable[[str], str]
    ) -> Iterator[tuple[TrackedName, str]]:
        """Yield the columns in which a backfill replaces NULL, and the value.

        All rows have NULL in a new column.
        """
        conditions = [f"{quote(name)} IS NULL" for name, _ in backfill.values]
        if backfill.where not in (None, " OR ".join(conditions), *conditions):
            return
        filled = filled_nulls(backfill, quote)
        for name, value in backfill.values:
            tracked = self._columns.get((backfill.table, name))
            if tracked is not None and (tracked.before is None or name in filled):
                yield tracked, filled.get(name, value)

    def key(self, tracked: TrackedName) -> str | None:
        """Return the current name of a column, None if it was dropped."""
        for (table, name), known in self._columns.items():
            if known is tracked:
                return f"{table}.{name}"
        return None

    def renames(self) -> list[str]:
        """Return the renames since the start, in the form of `--rename`."""
        return [
            *self._renamed_names(self._tables),
            *self._renamed_parts(self._columns),
            *self._renamed_names(self._enums),
            *self._renamed_parts(self._values),
        ]

    def _renamed_names(self, names: MutableMapping[Name, TrackedName]) -> Iterator[str]:
        for name, tracked in names.items():
            if tracked.before not in (None, str(name)):
                yield f"{tracked.before}:{name.name if names is self._tables else name}"

    def _renamed_parts(self, names: MutableMapping[tuple[Name, str], TrackedName]) -> Iterator[str]:
        for (_, name), tracked in names.items():
            if tracked.before is not None and tracked.before.rpartition(".")[2] != name:
                yield f"{tracked.before}:{name}"

    def _drop_table(self, name: Name) -> None:
        self._tables.pop(name, None)
        for key in [key for key in self._columns if key[0] == name]:
            del self._columns[key]

    def _move_columns(self, before: Name, after: Name) -> None:
        for key in [key for key in self._columns if key[0] == before]:
            _move(self._columns, key, (after, key[1]))

    def _follow_enum(self, operation: Operation) -> None:
        match operation:
            case CreateEnum(enum=enum):
                self._enums.setdefault(enum.name, TrackedName())
            case DropEnum(name=name):
                self._enums.pop(name, None)
                self._keep_values(name, ())
            case RenameEnum(before=before, after=after):
                _move(self._enums, before, after)
                for key in [key for key in self._values if key[0] == before]:
                    _move(self._values, key, (after, key[1]))
            case RenameEnumValue(enum=enum_name, before=old, after=new):
                _move(self._values, (enum_name, old), (enum_name, new))
            case AlterEnum(after=enum):
                self._keep_values(enum.name, enum.values)
            case _:
                pass

    def _keep_values(self, enum: Name, values: tuple[str, ...]) -> None:
        for key in [key for key in self._values if key[0] == enum and key[1] not in values]:
            del self._values[key]


def _move(names: MutableMapping[K, TrackedName], before: K, after: K) -> None:
    if before in names:
        names[after] = names.pop(before)
