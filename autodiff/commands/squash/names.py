"""What becomes of tables, columns and enums under the operations of several migrations."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass
from typing import TypeVar

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

__all__ = ["Thing", "Trail"]

K = TypeVar("K")


@dataclass(slots=True, eq=False)
class Thing:
    """Something that has a name; `before` is what it was called at the start, None if new."""

    before: str | None = None


class Trail:
    """Follows names from the start on. A thing that goes and comes back is another one."""

    def __init__(self, start: Schema) -> None:
        self._tables = {name: Thing(before=str(name)) for name in start.tables}
        self._columns = {
            (name, column.name): Thing(before=f"{name}.{column.name}")
            for name, table in start.tables.items()
            for column in table.columns
        }
        self._enums = {name: Thing(before=str(name)) for name in start.enums}
        self._values = {
            (name, value): Thing(before=f"{name}.{value}")
            for name, enum in start.enums.items()
            for value in enum.values
        }

    def follow(self, operation: Operation) -> None:
        """What an operation does to names."""
        match operation:
            case CreateTable(table=table):
                self._tables[table.name] = Thing()
            case DropTable(name=name):
                self._drop_table(name)
            case RenameTable(before=before, after=after):
                _move(self._tables, before, after)
                self._move_columns(before, after)
            case AddColumn(table=owner, column=column):
                self._columns[owner, column.name] = Thing()
            case DropColumn(table=owner, name=column_name):
                self._columns.pop((owner, column_name), None)
            case RenameColumn(table=owner, before=old, after=new):
                _move(self._columns, (owner, old), (owner, new))
            case _:
                self._follow_enum(operation)

    def is_new(self, table: Name) -> bool:
        """Whether a table came after the start, so that only these migrations fill it."""
        thing = self._tables.get(table)
        return thing is None or thing.before is None

    def old_tables(self) -> Iterator[Name]:
        """The tables that were there at the start, by what they are called now."""
        return (name for name, thing in self._tables.items() if thing.before is not None)

    def filled(self, backfill: Backfill) -> Iterator[tuple[Thing, str]]:
        """The columns that a backfill of all rows gives their first value; nothing for others."""
        new = [
            (self._columns.get((backfill.table, name)), name, value)
            for name, value in backfill.values
        ]
        wheres = (None, *(f"{name} IS NULL" for name, _ in backfill.values))
        for thing, _, value in new if backfill.where in wheres else ():
            if thing is not None and thing.before is None:
                yield thing, value

    def key(self, thing: Thing) -> str | None:
        """What a column is called now, None if it is gone."""
        for (table, name), known in self._columns.items():
            if known is thing:
                return f"{table}.{name}"
        return None

    def renames(self) -> list[str]:
        """What is called otherwise than at the start, as `--rename` tells it."""
        return [
            *self._renamed_names(self._tables),
            *self._renamed_parts(self._columns),
            *self._renamed_names(self._enums),
            *self._renamed_parts(self._values),
        ]

    def _renamed_names(self, things: MutableMapping[Name, Thing]) -> Iterator[str]:
        for name, thing in things.items():
            if thing.before not in (None, str(name)):
                yield f"{thing.before}:{name.name if things is self._tables else name}"

    def _renamed_parts(self, things: MutableMapping[tuple[Name, str], Thing]) -> Iterator[str]:
        for (_, name), thing in things.items():
            if thing.before is not None and thing.before.rpartition(".")[2] != name:
                yield f"{thing.before}:{name}"

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
                self._enums.setdefault(enum.name, Thing())
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


def _move(things: MutableMapping[K, Thing], before: K, after: K) -> None:
    if before in things:
        things[after] = things.pop(before)
