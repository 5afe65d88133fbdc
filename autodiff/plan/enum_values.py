"""Values that get another name, or go: what happens to the rows that have them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from autodiff.compare.enum_values import Value, is_text, listed_in_type, lists_that_change
from autodiff.dialects.base import Dialect
from autodiff.errors import PlanError
from autodiff.schema.changes import Change, ColumnAltered, ColumnValueRenamed
from autodiff.schema.objects import ColumnType, Name
from autodiff.schema.operations import AlterColumn, Backfill, ColumnPatch, EnumUser, Operation
from autodiff.schema.sqltext import quote_literal

__all__ = ["MapPossible", "Moves", "check_maps", "column_moves", "enum_moves", "maps_possible"]
__all__ += ["parse_map", "with_moves"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MapPossible:
    """A value that goes, and the values that its rows may get instead."""

    value: Value
    choices: tuple[str, ...]

    @property
    def key(self) -> str:
        """The value as `--map` names it: mood.sad."""
        return str(self.value)


def maps_possible(changes: Sequence[Change]) -> list[MapPossible]:
    """The values that go, in the order of the changes."""
    return [
        MapPossible(value=listed.value(value), choices=listed.after)
        for listed in lists_that_change(changes)
        for value in listed.gone
    ]


def parse_map(text: str) -> tuple[str, str]:
    """("mood.sad", "ok") from "mood.sad=ok".

    Raises PlanError for a text that maps nothing.
    """
    key, equals, value = text.partition("=")
    if not (equals and "." in key and value):
        raise PlanError(
            f"cannot read the map {text!r}",
            hint="write TYPE.GONE=KEPT or TABLE.COLUMN.GONE=KEPT, as in --map mood.sad=ok",
        )
    return key.strip(), value.strip()


def check_maps(maps: Mapping[Value, str], possible: Iterable[MapPossible]) -> None:
    """Raises PlanError for a map of a value that does not go, or to one that is not there."""
    choices = {item.value: item.choices for item in possible}
    for value, to in maps.items():
        if value not in choices:
            listed = ", ".join(map(str, choices)) or "none"
            raise PlanError(
                f"cannot map {value}: no such value goes away", hint=f"values that go: {listed}"
            )
        if to not in choices[value]:
            raise PlanError(
                f"cannot map {value} to {to}: the models have no such value",
                hint=f"the models have {', '.join(choices[value])}",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Moves:
    """Values of one column and what the rows get instead; `renamed` ones come back as they were."""

    table: Name
    column: str
    renamed: Mapping[str, str]
    mapped: Mapping[str, str]
    is_array: bool = False

    @property
    def targets(self) -> tuple[str, ...]:
        """The values that rows get."""
        return tuple(dict.fromkeys([*self.renamed.values(), *self.mapped.values()]))

    def updates(self, dialect: Dialect) -> list[Backfill]:
        """The UPDATE that moves the rows, one for what has a way back and one for what has not."""
        updates = []
        if self.renamed:
            back = {new: old for old, new in self.renamed.items()}
            undo = self._update(back, dialect)
            updates.append(replace(self._update(self.renamed, dialect), undo=undo))
        if self.mapped:
            updates.append(self._update(self.mapped, dialect))
        return updates

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


def column_moves(changes: Sequence[Change], maps: Mapping[Value, str]) -> list[Moves]:
    """The moves of columns that list their values themselves, in the order of their names."""
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
        Moves(
            table=place[0],
            column=place[1],
            renamed=renamed.get(place, {}),
            mapped=mapped.get(place, {}),
        )
        for place in sorted({*renamed, *mapped})
    ]


def enum_moves(enum: Name, users: Iterable[EnumUser], maps: Mapping[Value, str]) -> list[Moves]:
    """The moves of the columns that use an enum type: of those values alone that are mapped."""
    mapped = {v.value: to for v, to in maps.items() if (v.owner, v.column) == (enum, None)}
    return [
        Moves(
            table=user.table,
            column=user.column,
            renamed={},
            mapped=mapped,
            is_array=user.is_array,
        )
        for user in users
        if mapped
    ]


def with_moves(
    step: AlterColumn, change: ColumnAltered, moves: Moves, dialect: Dialect
) -> list[Operation]:
    """An altered column with its rows moved where both the old and the new value fit in."""
    updates = moves.updates(dialect)
    old, new = change.before.type, change.after.type
    if "type" not in change.fields or _fits(old, moves):
        return [*updates, step]
    values = listed_in_type(old.sql)
    if values is None or listed_in_type(new.sql) is None:
        return [step, *updates]
    wide = _widened(old, (*values, *(v for v in moves.targets if v not in values)), dialect)
    first = AlterColumn(
        table=step.table,
        name=step.name,
        before=ColumnPatch(type=old),
        after=ColumnPatch(type=wide),
    )
    return [first, *updates, replace(step, before=replace(step.before, type=wide))]


def _fits(type_: ColumnType, moves: Moves) -> bool:
    """Whether a column of that type can hold what the rows get."""
    values = listed_in_type(type_.sql)
    if values is not None:
        return set(moves.targets) <= set(values)
    length = re.search(r"\((\d+)\)", type_.sql)
    longest = max(map(len, moves.targets))
    return is_text(type_.sql) and (length is None or longest <= int(length[1]))


def _widened(type_: ColumnType, values: Sequence[str], dialect: Dialect) -> ColumnType:
    """An inline enum with more values behind its own."""
    listed = ",".join(quote_literal(value) for value in values)
    sql = f"enum({listed}){type_.sql[type_.sql.rindex(')') + 1 :]}"
    return ColumnType(sql=sql, python=dialect.type_python(sql))
