"""The values that sample rows have where a column lists its values, and what becomes of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from autodiff.compare.enum_values import Value, listed_values
from autodiff.schema.changes import (
    Change,
    ColumnRenamed,
    ColumnValueRenamed,
    EnumRenamed,
    EnumValueRenamed,
    TableRenamed,
)
from autodiff.schema.objects import Column, Name, Schema, Table

__all__ = ["SampleValues", "sample_values"]

Place = tuple[Name, str]
"""A table and a column, as the start has them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleValues:
    """By column of the start: values for sample rows, and the new names of those renamed."""

    choices: Mapping[Place, tuple[str, ...]] = field(default_factory=dict)
    renamed: Mapping[Place, Mapping[str, str]] = field(default_factory=dict)


def sample_values(
    changes: Sequence[Change], mapped: Collection[Value], start: Schema, goal: Schema
) -> SampleValues:
    """Values that rows may have before and after: those that stay, are renamed or are mapped.

    All values of a list of which none stays.
    """
    choices: dict[Place, tuple[str, ...]] = {}
    renamed: dict[Place, Mapping[str, str]] = {}
    for table, column in _columns(start):
        values = _values(table, column, start)
        if values is None:
            continue
        owner = _owner(table.name, column, changes)
        names = _new_names(owner, changes)
        wanted = _wanted(table.name, column, changes, goal)
        kept = [
            value
            for value in values
            if wanted is None
            or names.get(value, value) in wanted
            or Value(owner=owner.owner, column=owner.column, value=value) in mapped
        ]
        choices[table.name, column.name] = tuple(kept) or values
        renamed[table.name, column.name] = names
    return SampleValues(choices=choices, renamed=renamed)


def _columns(schema: Schema) -> Iterator[tuple[Table, Column]]:
    return ((table, column) for table in schema.tables.values() for column in table.columns)


def _values(table: Table, column: Column, schema: Schema) -> tuple[str, ...] | None:
    if column.type.enum is None:
        return listed_values(table, column.name)
    enum = schema.enums.get(column.type.enum)
    return None if enum is None or column.type.sql.endswith("]") else enum.values


def _place(table: Name, column: str, changes: Sequence[Change]) -> Place:
    """The column's place once the renames are done."""
    tables = {c.before: c.after for c in changes if isinstance(c, TableRenamed)}
    moved = tables.get(table, table)
    columns = {
        c.before: c.after for c in changes if isinstance(c, ColumnRenamed) and c.table == moved
    }
    return moved, columns.get(column, column)


def _owner(table: Name, column: Column, changes: Sequence[Change]) -> Value:
    """What has the values once the renames are done: a type or the column; with no value."""
    if column.type.enum is None:
        moved, name = _place(table, column.name, changes)
        return Value(owner=moved, column=name, value="")
    types = {c.before: c.after for c in changes if isinstance(c, EnumRenamed)}
    return Value(owner=types.get(column.type.enum, column.type.enum), value="")


def _new_names(owner: Value, changes: Sequence[Change]) -> dict[str, str]:
    names: dict[str, str] = {}
    for change in changes:
        match change:
            case EnumValueRenamed(enum=enum) if (enum, None) == (owner.owner, owner.column):
                names[change.before] = change.after
            case ColumnValueRenamed(table=table, column=column) if (table, column) == (
                owner.owner,
                owner.column,
            ):
                names[change.before] = change.after
            case _:
                pass
    return names


def _wanted(
    table: Name, column: Column, changes: Sequence[Change], goal: Schema
) -> tuple[str, ...] | None:
    """The values that the column lists in the end, None where it may have any."""
    moved, name = _place(table, column.name, changes)
    there = goal.tables.get(moved)
    after = there and there.column(name)
    return _values(there, after, goal) if there and after else None
