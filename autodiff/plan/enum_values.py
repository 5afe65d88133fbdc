"""Enum values that are renamed or removed, and what happens to the rows that have them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from autodiff.compare.enum_values import (
    Value,
    gets_other_enum,
    is_text,
    listed_in_type,
    moved_values,
    value_list_changes,
)
from autodiff.dialects.base import Dialect
from autodiff.errors import PlanError
from autodiff.schema.changes import Change, ColumnAltered, ColumnValueRenamed
from autodiff.schema.objects import ColumnType, Name, Schema
from autodiff.schema.operations import AlterColumn, Backfill, ColumnPatch, EnumUser, Operation
from autodiff.schema.sqltext import quote_literal

__all__ = [
    "MapPossible",
    "ValueUpdates",
    "check_maps",
    "column_value_updates",
    "enum_value_updates",
    "maps_possible",
]
__all__ += ["parse_map", "with_value_updates"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MapPossible:
    """A value that is removed, and the values that its rows can get instead."""

    value: Value
    choices: tuple[str, ...]

    @property
    def key(self) -> str:
        """The value as `--map` names it: mood.sad."""
        return str(self.value)


def maps_possible(changes: Sequence[Change], current: Schema, desired: Schema) -> list[MapPossible]:
    """Return the removed values, those of enum types first, in the order of the changes."""
    lists = [*value_list_changes(changes), *moved_values(changes, current, desired)]
    return [
        MapPossible(value=listed.value(value), choices=listed.after)
        for listed in lists
        for value in listed.removed
    ]


def parse_map(text: str) -> tuple[str, str]:
    """Return ("mood.sad", "ok") for "mood.sad=ok".

    Raises PlanError for a text of another form.
    """
    key, equals, value = text.partition("=")
    if not (equals and "." in key and value):
        raise PlanError(
            f"invalid map {text!r}: expected TYPE.OLD=NEW or TABLE.COLUMN.OLD=NEW",
            hint="for example --map mood.sad=ok",
        )
    return key.strip(), value.strip()


def check_maps(maps: Mapping[Value, str], possible: Iterable[MapPossible]) -> None:
    """Raise PlanError for a map of a value that stays, or to a value that does not exist."""
    choices = {item.value: item.choices for item in possible}
    for value, to in maps.items():
        if value not in choices:
            listed = ", ".join(map(str, choices)) or "none"
            raise PlanError(
                f"cannot map {value}: no such value is removed", hint=f"removed values: {listed}"
            )
        if to not in choices[value]:
            raise PlanError(
                f"cannot map {value} to {to}: the models have no such value",
                hint=f"the models have {', '.join(choices[value])}",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueUpdates:
    """The values of one column that its rows exchange for others.

    The downgrade restores values in `renamed`, but not those in `mapped`: after the upgrade nobody
    knows which rows had them.
    """

    table: Name
    column: str
    renamed: Mapping[str, str]
    mapped: Mapping[str, str]
    is_array: bool = False

    @property
    def new_values(self) -> tuple[str, ...]:
        """The values that rows get."""
        return tuple(dict.fromkeys([*self.renamed.values(), *self.mapped.values()]))

    def backfills(self, dialect: Dialect) -> list[Backfill]:
        """Return the UPDATE of the renamed values, with its undo, and that of the mapped ones."""
        backfills = []
        if self.renamed:
            old_values = {new: old for old, new in self.renamed.items()}
            undo = self._update(old_values, dialect)
            backfills.append(replace(self._update(self.renamed, dialect), undo=undo))
        if self.mapped:
            backfills.append(self._update(self.mapped, dialect))
        return backfills

    def conversion(self, to: ColumnType, dialect: Dialect) -> str:
        """Return the column with its mapped values, as another enum type."""
        text = f"{dialect.quote(self.column)}::text"
        cases = " ".join(
            f"WHEN {dialect.literal(old)} THEN {dialect.literal(new)}"
            for old, new in self.mapped.items()
        )
        return f"(CASE {text} {cases} ELSE {text} END)::{to.sql}"

    def _update(self, values: Mapping[str, str], dialect: Dialect) -> Backfill:
        column = dialect.quote(self.column)
        pairs = [(dialect.literal(old), dialect.literal(new)) for old, new in values.items()]
        olds = [old for old, _ in pairs]
        if self.is_array:
            sql = column
            for old, new in pairs:
                sql = f"array_replace({sql}, {old}, {new})"
            where = " OR ".join(f"{old} = ANY ({column})" for old in olds)
        elif len(pairs) == 1:
            sql, where = pairs[0][1], f"{column} = {olds[0]}"
        else:
            cases = " ".join(f"WHEN {old} THEN {new}" for old, new in pairs)
            sql, where = f"CASE {column} {cases} END", f"{column} IN ({', '.join(olds)})"
        return Backfill(table=self.table, values=((self.column, sql),), where=where)


def column_value_updates(
    changes: Sequence[Change], maps: Mapping[Value, str]
) -> list[ValueUpdates]:
    """Return the updates of columns that list their own values, sorted by table and column."""
    renamed: dict[tuple[Name, str], dict[str, str]] = {}
    mapped: dict[tuple[Name, str], dict[str, str]] = {}
    for change in changes:
        if isinstance(change, ColumnValueRenamed):
            found = renamed.setdefault((change.table, change.column), {})
            found[change.before] = change.after
    for value, to in maps.items():
        if value.column is not None:
            mapped.setdefault((value.owner, value.column), {})[value.value] = to
    return [
        ValueUpdates(
            table=place[0],
            column=place[1],
            renamed=renamed.get(place, {}),
            mapped=mapped.get(place, {}),
        )
        for place in sorted({*renamed, *mapped})
    ]


def enum_value_updates(
    enum: Name, users: Iterable[EnumUser], maps: Mapping[Value, str]
) -> list[ValueUpdates]:
    """Return the updates of the columns that use an enum type, if values of it are mapped.

    Renamed values need no update: ALTER TYPE ... RENAME VALUE renames them in all rows.
    """
    mapped = {v.value: to for v, to in maps.items() if (v.owner, v.column) == (enum, None)}
    return [
        ValueUpdates(
            table=user.table,
            column=user.column,
            renamed={},
            mapped=mapped,
            is_array=user.is_array,
        )
        for user in users
        if mapped
    ]


def with_value_updates(
    operation: AlterColumn, change: ColumnAltered, updates: ValueUpdates, dialect: Dialect
) -> list[Operation]:
    """Return the operations that alter a column and update its rows.

    The rows are updated while the column accepts both the old and the new values. An inline enum is
    first widened to all values, if neither its old nor its new type has them all. If the column
    gets another enum type, the conversion exchanges the values.
    """
    backfills = updates.backfills(dialect)
    old, new = change.before.type, change.after.type
    if gets_other_enum(old, new):
        return [replace(operation, using=updates.conversion(new, dialect))]
    if "type" not in change.fields or _fits(old, updates):
        return [*backfills, operation]
    values = listed_in_type(old.sql)
    if values is None or listed_in_type(new.sql) is None:
        return [operation, *backfills]
    wide = _widened(old, (*values, *(v for v in updates.new_values if v not in values)), dialect)
    first = AlterColumn(
        table=operation.table,
        name=operation.name,
        before=ColumnPatch(type=old),
        after=ColumnPatch(type=wide),
    )
    return [first, *backfills, replace(operation, before=replace(operation.before, type=wide))]


def _fits(type_: ColumnType, updates: ValueUpdates) -> bool:
    """Return whether a column of that type can store the new values."""
    values = listed_in_type(type_.sql)
    if values is not None:
        return set(updates.new_values) <= set(values)
    length = re.search(r"\((\d+)\)", type_.sql)
    longest = max(map(len, updates.new_values))
    return is_text(type_.sql) and (length is None or longest <= int(length[1]))


def _widened(type_: ColumnType, values: Sequence[str], dialect: Dialect) -> ColumnType:
    """Return an inline enum type with more values after its own."""
    listed = ",".join(quote_literal(value) for value in values)
    sql = f"enum({listed}){type_.sql[type_.sql.rindex(')') + 1 :]}"
    return ColumnType(sql=sql, python=dialect.type_python(sql))
