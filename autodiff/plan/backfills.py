"""Values for the rows that exist when a NOT NULL column is added."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from autodiff.dialects.base import Dialect
from autodiff.dialects.type_names import is_rowid_type
from autodiff.errors import PlanError
from autodiff.plan.fill_values import fill_problem
from autodiff.schema.apply import columns_of
from autodiff.schema.changes import (
    Change,
    ColumnAdded,
    ColumnAltered,
    ColumnRemoved,
    ConstraintAdded,
    ConstraintAltered,
    TableAdded,
)
from autodiff.schema.name_map import NameMap
from autodiff.schema.objects import Column, EnumType, Name, PrimaryKey, Schema, Table
from autodiff.schema.operations import AddColumn, AlterColumn, Backfill, ColumnPatch, Operation

__all__ = ["FillNeeded", "add_and_fill", "fill_sql", "fills_needed", "parse_fill"]
__all__ += ["Fills", "downgrade_backfills", "downgrade_fills_needed", "neutral_value"]

_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?\Z")
_WORDS = {
    "now": "CURRENT_TIMESTAMP",
    "today": "CURRENT_DATE",
    "true": "true",
    "false": "false",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FillNeeded:
    """A NOT NULL column without a default, on a table that may have rows.

    `found` describes the live rows without a value, if the live rows were queried: for example "3
    rows, the first with id 7".
    """

    table: Name
    column: Column
    found: str | None = None

    @property
    def key(self) -> str:
        """The column as `--fill` names it: table.column."""
        return f"{self.table}.{self.column.name}"


def fills_needed(changes: Iterable[Change]) -> list[FillNeeded]:
    """Return the columns that need a value for existing rows, in the order of the changes."""
    changes = list(changes)
    new_tables = {change.table.name for change in changes if isinstance(change, TableAdded)}
    numbered = _new_keys(changes)
    needed = []
    for change in changes:
        if not isinstance(change, ColumnAdded) or change.table in new_tables:
            continue
        if _is_rowid(change, numbered):
            continue
        if _needs_value(change.column):
            needed.append(FillNeeded(table=change.table, column=change.column))
    return needed


def _new_keys(changes: Iterable[Change]) -> set[tuple[Name, tuple[str, ...]]]:
    """Return the table and columns of each primary key that is added or altered."""
    return {
        (change.table, key.columns)
        for change in changes
        if isinstance(change, ConstraintAdded | ConstraintAltered)
        for key in [change.constraint if isinstance(change, ConstraintAdded) else change.after]
        if isinstance(key, PrimaryKey)
    }


def _is_rowid(change: ColumnAdded, keys: set[tuple[Name, tuple[str, ...]]]) -> bool:
    """Return whether SQLite numbers the rows itself.

    It does so for a column that is exactly INTEGER PRIMARY KEY
    (https://www.sqlite.org/lang_createtable.html#rowid). No other dialect spells the type INTEGER
    in capitals.
    """
    column = change.column
    return is_rowid_type(column.type.sql) and (change.table, (column.name,)) in keys


def _needs_value(column: Column) -> bool:
    filled = column.default is not None or column.computed is not None
    return not (column.nullable or filled or column.identity is not None or column.autoincrement)


def downgrade_fills_needed(changes: Iterable[Change]) -> list[FillNeeded]:
    """Return the dropped columns that need a value for existing rows in the downgrade."""
    return [
        FillNeeded(table=change.table, column=change.column)
        for change in changes
        if isinstance(change, ColumnRemoved) and _needs_value(change.column)
    ]


def neutral_value(
    table: Table, column: Column, enums: Mapping[Name, EnumType], dialect: Dialect
) -> str | None:
    """Return SQL for a value without meaning, such as '' or 0; None if no value fits every row.

    A column of a key or a unique index gets None, because all rows would get the same value.
    """
    keyed = {name for constraint in table.constraints for name in columns_of(constraint)}
    keyed |= {name for index in table.indexes if index.unique for name in index.columns}
    if column.name in keyed:
        return None
    enum = enums.get(column.type.enum) if column.type.enum else None
    return dialect.neutral_value(column.type, enum)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fills:
    """Values for existing rows, by "table.column", and the dialect that quotes names."""

    values: Mapping[str, str]
    dialect: Dialect

    def backfill(self, table: Name, column: str, name: str | None = None) -> Backfill | None:
        """Return the UPDATE that fills a column, None if no value was given.

        `name` is the name of the column when the UPDATE runs, if it is not `column`.
        """
        value = self.values.get(f"{table}.{column}")
        if value is None:
            return None
        column = name or column
        where = f"{self.dialect.quote(column)} IS NULL"
        return Backfill(table=table, values=((column, fill_sql(value, self.dialect)),), where=where)


def add_and_fill(operation: AddColumn, backfill: Backfill) -> list[Operation]:
    """Return the operations that add a column as NULL, fill it and make it NOT NULL."""
    return [
        replace(operation, column=replace(operation.column, nullable=True)),
        backfill,
        AlterColumn(
            table=operation.table,
            name=operation.column.name,
            before=ColumnPatch(nullable=True),
            after=ColumnPatch(nullable=False),
        ),
    ]


def downgrade_backfills(
    changes: Sequence[Change],
    current: Schema,
    fills: Fills,
    temporary: Mapping[tuple[Name, str], str],
) -> Iterable[Backfill]:
    """Yield values for the NOT NULL columns that the downgrade adds again.

    A column without a given value gets a neutral one, because the dropped values are lost. Columns
    in `temporary` are added under that name, and renamed later.
    """
    names = NameMap.of_changes(changes)
    fills = replace(fills, values=_without(fills.values, _filled_by_upgrade(changes)))
    for needed in downgrade_fills_needed(changes):
        column = needed.column.name
        temporary_name = temporary.get((needed.table, column))
        backfill = fills.backfill(needed.table, column, temporary_name)
        table = current.tables[names.table_before(needed.table)]
        value = neutral_value(table, needed.column, current.enums, fills.dialect)
        if backfill is None and value is not None:
            neutral = replace(fills, values={needed.key: f"sql:{value}"})
            backfill = neutral.backfill(needed.table, column, temporary_name)
        if backfill is not None:
            yield backfill


def parse_fill(text: str) -> tuple[str, str]:
    """Return ("comments.timestamp", "now") for "comments.timestamp=now".

    Raises PlanError for a text of another form.
    """
    key, equals, value = text.partition("=")
    if not (equals and "." in key):
        raise PlanError(
            f"invalid fill {text!r}: expected TABLE.COLUMN=VALUE",
            hint="for example --fill comments.timestamp=now",
        )
    return key.strip(), value


def fill_sql(value: str, dialect: Dialect) -> str:
    """Return the SQL of a value: now, today, null, true, a number, "sql:..." or a text."""
    if value.startswith("sql:"):
        return value[4:].strip()
    if _NUMBER.match(value):
        return value
    return _WORDS.get(value.lower()) or dialect.literal(value)


def check_fills(fills: Mapping[str, str], needed: Iterable[FillNeeded], known: set[str]) -> None:
    """Raise PlanError for a fill of a column that the plan neither adds nor makes NOT NULL."""
    keys = {item.key for item in needed} | known
    for key in fills:
        if key not in keys:
            raise PlanError(
                f"cannot fill {key}: no column of that name is added or becomes NOT NULL",
                hint=f"columns that accept --fill: {', '.join(sorted(keys)) or 'none'}",
            )


def check_fill_values(
    fills: Mapping[str, str], changes: Iterable[Change], enums: Mapping[Name, EnumType]
) -> None:
    """Raise PlanError for a fill that does not fit the type of its column."""
    for table, column in _filled_columns(changes):
        key = f"{table}.{column.name}"
        enum = enums.get(column.type.enum) if column.type.enum else None
        problem = fill_problem(column, fills[key], enum) if key in fills else None
        if problem is not None:
            raise PlanError(
                f"cannot fill {key} ({column.type.sql}) with {fills[key]!r}: it {problem}",
                hint=f'pass --fill {key}=VALUE with another value, or "{key}=sql:EXPRESSION"',
            )


def _filled_columns(changes: Iterable[Change]) -> Iterator[tuple[Name, Column]]:
    """Yield the columns that a fill can mean.

    A removed one is left out if the upgrade fills another column that takes its name.
    """
    changes = list(changes)
    taken = _filled_by_upgrade(changes)
    for change in changes:
        match change:
            case ColumnAdded(table=table, column=column):
                yield table, column
            case ColumnRemoved(table=table, column=column):
                if f"{table}.{column.name}" not in taken:
                    yield table, column
            case ColumnAltered(table=table, after=column):
                yield table, column


def _filled_by_upgrade(changes: Sequence[Change]) -> set[str]:
    """Return the columns, as table.column, whose existing rows the upgrade fills."""
    return {item.key for item in fills_needed(changes)} | nullability_fills(changes)


def _without(values: Mapping[str, str], keys: set[str]) -> dict[str, str]:
    return {key: value for key, value in values.items() if key not in keys}


def nullability_fills(changes: Iterable[Change]) -> set[str]:
    """Return the columns that become NOT NULL, as table.column; a fill may name them."""
    return {
        f"{change.table}.{change.after.name}"
        for change in changes
        if isinstance(change, ColumnAltered)
        and "nullable" in change.fields
        and not change.after.nullable
    }
