"""The values that a type or a column lists, and those that go, come, or have another name."""

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
from autodiff.schema.objects import Check, Name, Schema, Table
from autodiff.schema.sqltext import strip_parentheses, tokens

__all__ = ["Listed", "Value", "find_value", "is_text", "listed_in_check", "listed_in_type"]
__all__ += ["column_values", "lists_that_change", "owner_values", "replaced_in_place"]

_ENUM = re.compile(r"enum\((?P<values>(?:'(?:[^']|'')*',?)+)\)", re.IGNORECASE)
_STRING = re.compile(r"'((?:[^']|'')*)'")
_TEXT = re.compile(r"(var|n|nvar)?char|character|.*text|clob|citext|string", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A value of an enum type (`column` None), or of a column that lists its values itself."""

    owner: Name
    column: str | None = None
    value: str

    def __str__(self) -> str:
        column = f".{self.column}" if self.column else ""
        return f"{self.owner}{column}.{self.value}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A list of values that changes, of an enum type or of a column."""

    owner: Name
    column: str | None = None
    before: tuple[str, ...]
    after: tuple[str, ...]

    @property
    def gone(self) -> tuple[str, ...]:
        """The values that the new list does not have."""
        return tuple(value for value in self.before if value not in self.after)

    def value(self, value: str) -> Value:
        """One of the values, with what owns it."""
        return Value(owner=self.owner, column=self.column, value=value)


def listed_in_type(type_sql: str) -> tuple[str, ...] | None:
    """The values of `enum('a','b')`, None for another type."""
    found = _ENUM.match(type_sql)
    return found and tuple(_unquoted(item) for item in _STRING.findall(found["values"]))


def listed_in_check(sql: str) -> tuple[str, tuple[str, ...]] | None:
    """The column and the values of `kind IN ('a', 'b')`, None for another condition."""
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
    """The values that a column lists by its type or by a check, None where it lists none."""
    known = table.column(column)
    if known is None:
        return None
    if (values := listed_in_type(known.type.sql)) is not None:
        return values
    checks = (listed_in_check(c.sql) for c in table.constraints if isinstance(c, Check))
    return next((found[1] for found in checks if found and found[0] == column), None)


def owner_values(value: Value, schema: Schema) -> tuple[str, ...] | None:
    """The values that the owner of a value has in a schema, None where it lists none."""
    if value.column is None:
        enum = schema.enums.get(value.owner)
        return None if enum is None else enum.values
    table = schema.tables.get(value.owner)
    return None if table is None else column_values(table, value.column)


def is_text(type_sql: str) -> bool:
    """Whether any value may stand in a column of that type."""
    return _TEXT.match(type_sql) is not None


def find_value(text: str, schema: Schema) -> Value | None:
    """The value that "mood.sad" or "items.kind.sad" names, with or without its being there.

    A column of an enum type stands for that type. None where nothing in front of it lists values.
    """
    for enum in schema.enums:
        if text.startswith(f"{enum}."):
            return Value(owner=enum, value=text.removeprefix(f"{enum}."))
    for name, table in schema.tables.items():
        for column in table.columns:
            place = f"{name}.{column.name}."
            if text.startswith(place):
                value = text.removeprefix(place)
                if column.type.enum in schema.enums and column.type.enum is not None:
                    return Value(owner=column.type.enum, value=value)
                return Value(owner=name, column=column.name, value=value)
    return None


def lists_that_change(changes: Sequence[Change]) -> list[Listed]:
    """The lists of values that differ; names that were told to be the same count as kept."""
    found: dict[tuple[Name, str | None], Listed] = {}
    for item in _lists(changes):
        found.setdefault((item.owner, item.column), _with_told(item, changes))
    return [item for item in found.values() if item.before != item.after]


def _lists(changes: Sequence[Change]) -> Iterator[Listed]:
    for change in changes:
        match change:
            case EnumAltered(before=old, after=new):
                yield Listed(owner=new.name, before=old.values, after=new.values)
            case ColumnAltered(table=table, before=was, after=column):
                sides = listed_in_type(was.type.sql), listed_in_type(column.type.sql)
                if sides[0] is not None and sides[1] is not None:
                    yield Listed(owner=table, column=column.name, before=sides[0], after=sides[1])
            case ConstraintAltered(table=table, before=Check(sql=one), after=Check(sql=other)):
                first, second = listed_in_check(one), listed_in_check(other)
                if first is not None and second is not None and first[0] == second[0]:
                    yield Listed(owner=table, column=first[0], before=first[1], after=second[1])
            case _:
                pass


def _with_told(item: Listed, changes: Sequence[Change]) -> Listed:
    told = {
        change.before: change.after
        for change in changes
        if isinstance(change, ColumnValueRenamed)
        and (change.table, change.column) == (item.owner, item.column)
    }
    before = tuple(told.get(value, value) for value in item.before)
    return Listed(owner=item.owner, column=item.column, before=before, after=item.after)


def replaced_in_place(before: Sequence[str], after: Sequence[str]) -> list[tuple[str, str]]:
    """Values that go, each with the one that comes at its place among those that stay."""
    kept = [value for value in before if value in after]
    if kept != [value for value in after if value in before]:
        return []
    gaps = zip(_gaps(before, kept), _gaps(after, kept), strict=True)
    return [pair for gone, came in gaps for pair in zip(gone, came, strict=False)]


def _gaps(values: Sequence[str], kept: Sequence[str]) -> list[list[str]]:
    """The values in front of each one that stays, and behind the last."""
    gaps: list[list[str]] = [[]]
    for value in values:
        if value in kept:
            gaps.append([])
        else:
            gaps[-1].append(value)
    return gaps
