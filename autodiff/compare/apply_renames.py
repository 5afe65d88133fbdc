"""Apply renames and value maps, and translate names between before and after other renames."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from autodiff.compare.enum_values import (
    Value,
    find_column_value,
    find_value,
    gets_other_enum,
    owner_values,
    type_of_column,
)
from autodiff.compare.enums import (
    EnumRename,
    ValueRename,
    apply_enum_renames,
    require_free_values,
)
from autodiff.compare.renames import (
    AnyRename,
    Rename,
    name_map_of,
    rename_in,
    rename_tables_and_columns,
)
from autodiff.dialects.base import Dialect
from autodiff.errors import PlanError
from autodiff.schema.changes import Change
from autodiff.schema.name_map import NameMap
from autodiff.schema.objects import Schema

__all__ = [
    "apply_all_renames",
    "rename_before",
    "resolve_maps",
    "schema_after_renames",
    "value_after",
]


def apply_all_renames(
    current: Schema, desired: Schema, renames: Iterable[AnyRename], dialect: Dialect
) -> tuple[Schema, list[Change]]:
    """Return the current schema after all renames, and the renames as changes.

    Raises PlanError if the models lack a new name, or the database has it already.
    """
    renames = list(renames)
    names = name_map_of(renames)
    renamed, changes = rename_tables_and_columns(
        current, desired, [item for item in renames if isinstance(item, Rename)], dialect
    )
    enum_renames = [
        replace(item, value=_column_value_after(item.value, names))
        if isinstance(item, ValueRename)
        else item
        for item in renames
        if not isinstance(item, Rename)
    ]
    renamed, enum_changes = apply_enum_renames(renamed, desired, enum_renames, dialect)
    require_free_values([item for item in renames if isinstance(item, ValueRename)], current)
    return renamed, [*changes, *enum_changes]


def schema_after_renames(schema: Schema, changes: Iterable[Change], dialect: Dialect) -> Schema:
    """Return the current schema after the renames of tables and columns among the changes.

    A column whose name is given to another column, and that is not renamed itself, is left out:
    the plan drops it before the rename.
    """
    names = NameMap.of_changes(changes)
    tables = [Rename(table=old, to=new.name, moved_to=new) for old, new in names.tables.items()]
    columns = [
        Rename(table=table, column=old, to=new) for (table, old), new in names.columns.items()
    ]
    replaced = {(item.table, item.to) for item in columns} - set(names.columns)
    return rename_in(schema.without_columns(replaced), [*tables, *columns], dialect)


def value_after(value: Value, names: NameMap) -> Value:
    """Return a value of the current schema with the new name of its enum type or column."""
    if value.column is None:
        return replace(value, owner=names.enum_after(value.owner))
    return _column_value_after(value, names)


def _column_value_after(value: Value, names: NameMap) -> Value:
    if value.column is None:
        return value
    return replace(
        value,
        owner=names.table_after(value.owner),
        column=names.column_after(value.owner, value.column),
    )


def rename_before(rename: AnyRename, names: NameMap) -> AnyRename:
    """Return a rename that was found after other renames, by the names before those."""
    if isinstance(rename, EnumRename):
        return rename
    if isinstance(rename, ValueRename):
        return replace(rename, value=_value_before(rename.value, names))
    if rename.column is None:
        return rename
    return replace(rename, table=names.table_before(rename.table))


def _value_before(value: Value, names: NameMap) -> Value:
    if value.column is None:
        return replace(value, owner=names.enum_before(value.owner))
    return replace(
        value,
        owner=names.table_before(value.owner),
        column=names.column_before(value.owner, value.column),
    )


def resolve_maps(
    maps: Mapping[str, str], current: Schema, desired: Schema, renames: Iterable[AnyRename]
) -> tuple[dict[Value, str], list[ValueRename]]:
    """Return the new value of rows by their old one, and renames for values that are new.

    The first value that is mapped to a new value is renamed to it, unless another one in `renames`
    is, so that the new value exists before the rows of others are changed to it. A value of a
    column that gets another enum type is one of the column.

    Raises PlanError if the database has no such value.
    """
    renames = list(renames)
    names = name_map_of(renames)
    renamed_to = {item.new_value for item in renames if isinstance(item, ValueRename)}
    mapped: dict[Value, str] = {}
    value_renames: list[ValueRename] = []
    for text, new in maps.items():
        moved = _moved_value(text, current, desired, names)
        value = moved or find_value(text, current)
        values = value and owner_values(value, current)
        if value is None or not values or value.value not in values:
            raise PlanError(
                f"cannot map {text}: the database has no such value",
                hint=f"its values: {', '.join(values)}"
                if values
                else "pass --map mood.sad=ok for a value of an enum type, "
                "--map items.mood.sad=ok for a value of a column",
            )
        wanted = owner_values(value_after(value, names), desired) or ()
        rename = ValueRename(value=value, to=new)
        if (
            moved is None
            and new in wanted
            and new not in values
            and rename.new_value not in renamed_to
        ):
            value_renames.append(rename)
            renamed_to.add(rename.new_value)
        else:
            mapped[value] = new
    return mapped, value_renames


def _moved_value(text: str, current: Schema, desired: Schema, names: NameMap) -> Value | None:
    """Return the value that a text names, if its column gets another enum type."""
    value = find_column_value(text, current)
    before = None if value is None else type_of_column(value, current)
    if value is None or before is None or before.enum is None:
        return None
    after = type_of_column(value_after(value, names), desired)
    renamed = replace(before, enum=names.enum_after(before.enum))
    return value if after is not None and gets_other_enum(renamed, after) else None
