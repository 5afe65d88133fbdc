"""The values that an enum type or a column lists, and how such lists change."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from autodiff.schema.changes import (
    Change,
    ColumnAltered,
    ColumnValueRenamed,
    ConstraintAltered,
    EnumAltered,
)
from autodiff.schema.name_map import NameMap
from autodiff.schema.objects import Check, ColumnType, EnumType, Name, Schema, Table
from autodiff.schema.sqltext import strip_parentheses, tokens

__all__ = ["Value", "ValueListChange", "find_value", "is_text", "listed_in_check", "listed_in_type"]
__all__ += ["column_values", "find_column_value", "gets_other_enum", "moved_values"]
__all__ += ["owner_values", "replaced_in_place", "type_of_column", "value_list_changes"]

_ENUM = re.compile(r"enum\((?P<values>(?:'(?:[^']|'')*',?)+)\)", re.IGNORECASE)
_STRING = re.compile(r"'((?:[^']|'')*)'")
_TEXT = re.compile(r"(var|n|nvar)?char|character|.*text|clob|citext|string", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A value of an enum type (`column` is None), or of a column that lists its own values."""

    owner: Name
    column: str | None = None
    value: str

    def __str__(self) -> str:
        return f"{self.place}.{self.value}"

    @property
    def place(self) -> str:
        """The enum type or the column, without the value."""
        return f"{self.owner}.{self.column}" if self.column else str(self.owner)


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueListChange:
    """A list of values that changes, of an enum type or of a column."""

    owner: Name
    column: str | None = None
    before: tuple[str, ...]
    after: tuple[str, ...]

    @property
    def removed(self) -> tuple[str, ...]:
        """The values that are no longer in the list."""
        return tuple(value for value in self.before if value not in self.after)

    def value(self, value: str) -> Value:
        """Return one of the values together with its owner."""
        return Value(owner=self.owner, column=self.column, value=value)


def listed_in_type(type_sql: str) -> tuple[str, ...] | None:
    """Return the values of `enum('a','b')`, None for any other type."""
    found = _ENUM.match(type_sql)
    return found and tuple(_unquoted(item) for item in _STRING.findall(found["values"]))


def listed_in_check(sql: str) -> tuple[str, tuple[str, ...]] | None:
    """Return the column and the values of `kind IN ('a', 'b')`, None for any other condition."""
    found = [t for t in tokens(strip_parentheses(sql)) if t[0] != "space" and t[1][0] != "_"]
    texts = [token for _, token in found]
    if len(found) < 5 or [texts[1].lower(), texts[2], texts[-1]] != ["in", "(", ")"]:
        return None
    items, commas = found[3:-1:2], texts[4:-1:2]
    plain = all(kind == "string" and token[0] == "'" for kind, token in items)
    if found[0][0] not in ("word", "quoted") or not plain or set(commas) > {","}:
        return None
    column = texts[0][1:-1] if found[0][0] == "quoted" else texts[0]
    return column, tuple(_unquoted(token[1:-1]) for _, token in items)


def _unquoted(text: str) -> str:
    return text.replace("''", "'")


def column_values(table: Table, column: str) -> tuple[str, ...] | None:
    """Return the values that a column lists by its type or a check, None if it lists none."""
    known = table.column(column)
    if known is None:
        return None
    if (values := listed_in_type(known.type.sql)) is not None:
        return values
    checks = (listed_in_check(c.sql) for c in table.constraints if isinstance(c, Check))
    return next((found[1] for found in checks if found and found[0] == column), None)


def owner_values(value: Value, schema: Schema) -> tuple[str, ...] | None:
    """Return the values that the owner of a value lists in a schema, None if it lists none.

    A column of an enum type has the values of that type.
    """
    if value.column is None:
        enum = schema.enums.get(value.owner)
        return None if enum is None else enum.values
    if (named := enum_of_column(value, schema)) is not None:
        return named.values
    table = schema.tables.get(value.owner)
    return None if table is None else column_values(table, value.column)


def enum_of_column(value: Value, schema: Schema) -> EnumType | None:
    """Return the enum type of a value's column, None if it has another type."""
    type_ = type_of_column(value, schema)
    return None if type_ is None or type_.enum is None else schema.enums.get(type_.enum)


def type_of_column(value: Value, schema: Schema) -> ColumnType | None:
    """Return the type of a value's column, None if the schema has no such column."""
    table = schema.tables.get(value.owner)
    column = table.column(value.column) if table is not None and value.column else None
    return None if column is None else column.type


def is_text(type_sql: str) -> bool:
    """Return whether a column of that type can store any value."""
    return _TEXT.match(type_sql) is not None


def find_value(text: str, schema: Schema) -> Value | None:
    """Return the value that "mood.sad" or "items.kind.sad" names; it need not exist.

    A column of an enum type means that type. None if the text before the last dot names
    neither a type nor a column.
    """
    for enum in schema.enums:
        if text.startswith(f"{enum}."):
            return Value(owner=enum, value=text.removeprefix(f"{enum}."))
    value = find_column_value(text, schema)
    used = None if value is None else enum_of_column(value, schema)
    return value if value is None or used is None else Value(owner=used.name, value=value.value)


def find_column_value(text: str, schema: Schema) -> Value | None:
    """Return the value of a column that "items.kind.sad" names, None if it names no column."""
    for name, table in schema.tables.items():
        for column in table.columns:
            place = f"{name}.{column.name}."
            if text.startswith(place):
                return Value(owner=name, column=column.name, value=text.removeprefix(place))
    return None


def value_list_changes(changes: Sequence[Change]) -> list[ValueListChange]:
    """Return the lists of values that differ; a renamed value counts as kept."""
    found: dict[tuple[Name, str | None], ValueListChange] = {}
    for item in _lists(changes):
        found.setdefault((item.owner, item.column), _with_renamed_values(item, changes))
    return [item for item in found.values() if item.before != item.after]


def moved_values(
    changes: Sequence[Change], current: Schema, desired: Schema
) -> list[ValueListChange]:
    """Return the lists of the columns that get another enum type."""
    names, found = NameMap.of_changes(changes), []
    for change in changes:
        if not isinstance(change, ColumnAltered):
            continue
        old, new = change.before.type, change.after.type
        if gets_other_enum(old, new) and old.enum is not None and new.enum is not None:
            before = current.enums.get(names.enum_before(old.enum))
            after = desired.enums.get(new.enum)
            if before is not None and after is not None:
                found.append(
                    ValueListChange(
                        owner=change.table,
                        column=change.after.name,
                        before=before.values,
                        after=after.values,
                    )
                )
    return found


def gets_other_enum(before: ColumnType, after: ColumnType) -> bool:
    """Return whether a column, which is no array, changes from an enum type to another one."""
    are_enums = before.enum is not None and after.enum is not None
    return are_enums and before.enum != after.enum and "[]" not in before.sql[-2:] + after.sql[-2:]


def _lists(changes: Sequence[Change]) -> Iterator[ValueListChange]:
    for change in changes:
        match change:
            case EnumAltered(before=old, after=new):
                yield ValueListChange(owner=new.name, before=old.values, after=new.values)
            case ColumnAltered(table=table, before=was, after=column):
                sides = listed_in_type(was.type.sql), listed_in_type(column.type.sql)
                if sides[0] is not None and sides[1] is not None:
                    yield ValueListChange(
                        owner=table, column=column.name, before=sides[0], after=sides[1]
                    )
            case ConstraintAltered(table=table, before=Check(sql=one), after=Check(sql=other)):
                first, second = listed_in_check(one), listed_in_check(other)
                if first is not None and second is not None and first[0] == second[0]:
                    yield ValueListChange(
                        owner=table, column=first[0], before=first[1], after=second[1]
                    )
            case _:
                pass


def _with_renamed_values(item: ValueListChange, changes: Sequence[Change]) -> ValueListChange:
    renamed = {
        change.before: change.after
        for change in changes
        if isinstance(change, ColumnValueRenamed)
        and (change.table, change.column) == (item.owner, item.column)
    }
    before = tuple(renamed.get(value, value) for value in item.before)
    return ValueListChange(owner=item.owner, column=item.column, before=before, after=item.after)


def replaced_in_place(before: Sequence[str], after: Sequence[str]) -> list[tuple[str, str]]:
    """Return removed values, each with the value added at its position among the kept ones."""
    kept = [value for value in before if value in after]
    if kept != [value for value in after if value in before]:
        return []
    gaps = zip(_gaps(before, kept), _gaps(after, kept), strict=True)
    return [pair for removed, added in gaps for pair in zip(removed, added, strict=False)]


def _gaps(values: Sequence[str], kept: Sequence[str]) -> list[list[str]]:
    """Return the values before each kept value, and those after the last."""
    gaps: list[list[str]] = [[]]
    for value in values:
        if value in kept:
            gaps.append([])
        else:
            gaps[-1].append(value)
    return gaps
