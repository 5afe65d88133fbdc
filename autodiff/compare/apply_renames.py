"""Told renames and maps, under the names before and after the other renames."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from autodiff.compare.enum_values import Value, find_value, values_after
from autodiff.compare.enums import EnumRename, ValueRename, apply_enum_renames
from autodiff.compare.renames import Rename, Told, apply_renames, rename_in
from autodiff.dialects.base import Dialect
from autodiff.errors import PlanError
from autodiff.schema.changes import Change, ColumnRenamed, TableRenamed
from autodiff.schema.objects import Name, Schema

__all__ = ["apply_told", "rename_before", "resolve_maps", "value_after", "with_renames_of"]


def apply_told(
    current: Schema, desired: Schema, told: Iterable[Told], dialect: Dialect
) -> tuple[Schema, list[Change]]:
    """The current schema as it will be once all renames are done, and their changes.

    Raises PlanError where the models don't have a new name, or the database has it already.
    """
    told = list(told)
    moved, changes = apply_renames(current, desired, [r for r in told if isinstance(r, Rename)])
    others = [
        replace(r, value=_in_renamed_table(r.value, told)) if isinstance(r, ValueRename) else r
        for r in told
        if not isinstance(r, Rename)
    ]
    moved, more = apply_enum_renames(moved, desired, others, dialect)
    return moved, [*changes, *more]


def with_renames_of(schema: Schema, changes: Iterable[Change]) -> Schema:
    """The current schema once the renames of tables and columns among the changes are done.

    A column whose name another one takes, and that takes none itself, is gone by then.
    """
    changes = list(changes)
    before = {c.after: c.before for c in changes if isinstance(c, TableRenamed)}
    tables = [Rename(table=old, to=new.name) for new, old in before.items()]
    columns = [
        Rename(table=before.get(c.table, c.table), column=c.before, to=c.after)
        for c in changes
        if isinstance(c, ColumnRenamed)
    ]
    gone = {(r.table, r.to) for r in columns} - {(r.table, r.column) for r in columns}
    return rename_in(schema.without_columns(gone), [*tables, *columns])


def value_after(value: Value, told: Iterable[Told]) -> Value:
    """A value of the current schema, with its type or column under the new name."""
    told = list(told)
    types = {r.before: r.after for r in told if isinstance(r, EnumRename)}
    if value.column is None:
        return replace(value, owner=types.get(value.owner, value.owner))
    return _in_renamed_table(value, told)


def _in_renamed_table(value: Value, told: Iterable[Told]) -> Value:
    if value.column is None:
        return value
    renames = [r for r in told if isinstance(r, Rename) and r.table == value.owner]
    table = next((Name(r.to, r.table.schema) for r in renames if r.column is None), value.owner)
    column = next((r.to for r in renames if r.column == value.column), value.column)
    return Value(owner=table, column=column, value=value.value)


def rename_before(rename: Told, told: Iterable[Told]) -> Told:
    """A rename that was found once others were done, under the names before them."""
    told = list(told)
    if isinstance(rename, EnumRename):
        return rename
    if isinstance(rename, ValueRename):
        return replace(rename, value=_value_before(rename.value, told))
    if rename.column is None:
        return rename
    return replace(rename, table=_table_before(rename.table, told))


def _table_before(table: Name, told: Iterable[Told]) -> Name:
    tables = (r for r in told if isinstance(r, Rename) and r.column is None)
    return next((r.table for r in tables if Name(r.to, r.table.schema) == table), table)


def _value_before(value: Value, told: Iterable[Told]) -> Value:
    told = list(told)
    if value.column is None:
        types = {r.after: r.before for r in told if isinstance(r, EnumRename)}
        return replace(value, owner=types.get(value.owner, value.owner))
    table = _table_before(value.owner, told)
    columns = {
        r.to: r.column for r in told if isinstance(r, Rename) and r.column and r.table == table
    }
    return replace(value, owner=table, column=columns.get(value.column, value.column))


def resolve_maps(
    maps: Mapping[str, str], current: Schema, desired: Schema, told: Iterable[Told]
) -> tuple[dict[Value, str], list[ValueRename]]:
    """What rows get, by the value that they have; and renames, for values that are new.

    The first value that is mapped to a new one becomes it, so that there is a value to map the
    others to. Raises PlanError where the database has no such value.
    """
    told = list(told)
    mapped: dict[Value, str] = {}
    renames: list[ValueRename] = []
    for text, to in maps.items():
        value = find_value(text, current)
        values = value and values_after(value, current)
        if value is None or not values or value.value not in values:
            raise PlanError(
                f"cannot map {text}: the database has no such value",
                hint=f"the values are {', '.join(values)}"
                if values
                else "write mood.sad=ok for "
                "the value of an enum type, items.mood.sad=ok for that of a column",
            )
        wanted = values_after(value_after(value, told), desired) or ()
        taken = {*values, *(rename.to for rename in renames if rename.value.owner == value.owner)}
        if to in wanted and to not in taken:
            renames.append(ValueRename(value=value, to=to))
        else:
            mapped[value] = to
    return mapped, renames
