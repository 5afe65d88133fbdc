"""Values of sample rows for columns that list their values, and their names after the migration."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from autodiff.compare.enum_values import Value, column_values
from autodiff.schema.changes import (
    Change,
    ColumnValueRenamed,
    EnumValueRenamed,
)
from autodiff.schema.name_map import NameMap
from autodiff.schema.objects import Column, Name, Schema, Table

__all__ = ["SampleValues", "choose_sample_values"]

ColumnKey = tuple[Name, str]
"""The names of a table and a column before the migration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleValues:
    """Values by column, which is named as before the migration.

    choices: the values for sample rows.
    renamed: the new names of values.
    """

    choices: Mapping[ColumnKey, tuple[str, ...]] = field(default_factory=dict)
    renamed: Mapping[ColumnKey, Mapping[str, str]] = field(default_factory=dict)


def choose_sample_values(
    changes: Sequence[Change], mapped: Collection[Value], start: Schema, goal: Schema
) -> SampleValues:
    """Return the values that rows can have before and after the migration.

    These are the values that are kept, renamed or mapped; all values of a list if none is.
    """
    names = NameMap.of_changes(changes)
    choices: dict[ColumnKey, tuple[str, ...]] = {}
    renamed: dict[ColumnKey, Mapping[str, str]] = {}
    for table, column in _columns(start):
        values = _values(table, column, start)
        if values is None:
            continue
        owner = _owner(table.name, column, names)
        new_values = _new_values(owner, changes)
        wanted = _wanted(table.name, column, names, goal)
        kept = [
            value
            for value in values
            if wanted is None
            or new_values.get(value, value) in wanted
            or Value(owner=owner.owner, column=owner.column, value=value) in mapped
        ]
        choices[table.name, column.name] = tuple(kept) or values
        renamed[table.name, column.name] = new_values
    return SampleValues(choices=choices, renamed=renamed)


def _columns(schema: Schema) -> Iterator[tuple[Table, Column]]:
    return ((table, column) for table in schema.tables.values() for column in table.columns)


def _values(table: Table, column: Column, schema: Schema) -> tuple[str, ...] | None:
    if column.type.enum is None:
        return column_values(table, column.name)
    enum = schema.enums.get(column.type.enum)
    return None if enum is None or column.type.sql.endswith("]") else enum.values


def _owner(table: Name, column: Column, names: NameMap) -> Value:
    """Return the enum type or column that lists the values after the renames."""
    if column.type.enum is None:
        new_name = names.column_after(table, column.name)
        return Value(owner=names.table_after(table), column=new_name, value="")
    return Value(owner=names.enum_after(column.type.enum), value="")


def _new_values(owner: Value, changes: Sequence[Change]) -> dict[str, str]:
    renamed: dict[str, str] = {}
    for change in changes:
        match change:
            case EnumValueRenamed(enum=enum) if (enum, None) == (owner.owner, owner.column):
                renamed[change.before] = change.after
            case ColumnValueRenamed(table=table, column=column) if (table, column) == (
                owner.owner,
                owner.column,
            ):
                renamed[change.before] = change.after
            case _:
                pass
    return renamed


def _wanted(table: Name, column: Column, names: NameMap, goal: Schema) -> tuple[str, ...] | None:
    """Return the values that the column lists in the goal, None if it may have any."""
    new_table = goal.tables.get(names.table_after(table))
    new_column = new_table and new_table.column(names.column_after(table, column.name))
    return _values(new_table, new_column, goal) if new_table and new_column else None
