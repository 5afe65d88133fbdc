"""Values for the rows that exist when a NOT NULL column is added."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from autodiff.dialects.base import Dialect
from autodiff.errors import PlanError
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
from autodiff.schema.sqltext import quote_literal

__all__ = ["FillNeeded", "add_and_fill", "fill_sql", "fills_needed", "parse_fill"]
__all__ += ["Fills", "refills", "refills_needed", "usual_value"]

_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?\Z")
_WORDS = {
    "now": "CURRENT_TIMESTAMP",
    "today": "CURRENT_DATE",
    "true": "true",
    "false": "false",
}
_USUAL = {
    "character char nchar varchar nvarchar text clob citext tinytext mediumtext longtext": "''",
    "bytea blob tinyblob mediumblob longblob binary varbinary": "''",
    "smallint integer int bigint tinyint mediumint numeric decimal": "0",
    "real float double money bit year": "0",
    "boolean": "false",
    "date": "CURRENT_DATE",
    "timestamp datetime": "CURRENT_TIMESTAMP",
    "time": "'00:00:00'",
    "json jsonb": "'{}'",
    "uuid": "'00000000-0000-0000-0000-000000000000'",
}
"""Values that mean nothing, by the words that a type may begin with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FillNeeded:
    """A NOT NULL column without a default, on a table that may have rows.

    `found` tells the rows of now that have no value, where they were looked at: nobody needs to
    fill those here.
    """

    table: Name
    column: Column
    found: str | None = None

    @property
    def key(self) -> str:
        """The column as `--fill` names it: table.column."""
        return f"{self.table}.{self.column.name}"


def fills_needed(changes: Iterable[Change]) -> list[FillNeeded]:
    """The columns that need a value for existing rows, in the order of the changes."""
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
    """The columns of the primary keys that tables get, with the table."""
    return {
        (change.table, key.columns)
        for change in changes
        if isinstance(change, ConstraintAdded | ConstraintAltered)
        for key in [change.constraint if isinstance(change, ConstraintAdded) else change.after]
        if isinstance(key, PrimaryKey)
    }


def _is_rowid(change: ColumnAdded, keys: set[tuple[Name, tuple[str, ...]]]) -> bool:
    """Whether SQLite numbers the rows: INTEGER PRIMARY KEY; no other database spells it so."""
    column = change.column
    return column.type.sql == "INTEGER" and (change.table, (column.name,)) in keys


def _needs_value(column: Column) -> bool:
    filled = column.default is not None or column.computed is not None
    return not (column.nullable or filled or column.identity is not None or column.autoincrement)


def refills_needed(changes: Iterable[Change]) -> list[FillNeeded]:
    """The dropped columns that need a value for existing rows when they come back."""
    return [
        FillNeeded(table=change.table, column=change.column)
        for change in changes
        if isinstance(change, ColumnRemoved) and _needs_value(change.column)
    ]


def usual_value(table: Table, column: Column, enums: Mapping[Name, EnumType]) -> str | None:
    """SQL for a value that means nothing: '' or 0; None where no value fits each row.

    Keys and uniques take no value that is made up.
    """
    keyed = {name for constraint in table.constraints for name in columns_of(constraint)}
    keyed |= {name for index in table.indexes if index.unique for name in index.columns}
    if column.name in keyed:
        return None
    enum = enums.get(column.type.enum) if column.type.enum else None
    if column.type.sql.endswith("]"):
        return "'{}'"
    if enum is not None:
        return quote_literal(enum.values[0])
    if listed := re.match(r"enum\(('(?:[^']|'')*')", column.type.sql):
        return listed[1]
    word = re.split(r"[ (]", column.type.sql.lower())[0]
    return next((value for words, value in _USUAL.items() if word in words.split()), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fills:
    """Values for existing rows, by "table.column", and the dialect to quote names with."""

    values: Mapping[str, str]
    dialect: Dialect

    def backfill(self, table: Name, column: str, name: str | None = None) -> Backfill | None:
        """The UPDATE that fills a column, None where no value was given.

        `name` is what the column is called when it is filled, if that is another name.
        """
        value = self.values.get(f"{table}.{column}")
        if value is None:
            return None
        column = name or column
        where = f"{self.dialect.quote(column)} IS NULL"
        return Backfill(table=table, values=((column, fill_sql(value, self.dialect)),), where=where)


def add_and_fill(operation: AddColumn, backfill: Backfill) -> list[Operation]:
    """A NOT NULL column on a table with rows: added nullable, filled, and then NOT NULL."""
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


def refills(
    changes: Sequence[Change],
    current: Schema,
    fills: Fills,
    spares: Mapping[tuple[Name, str], str],
) -> Iterable[Backfill]:
    """Values for columns that come back NOT NULL when the plan is taken back.

    Those of `spares` come back under another name, for a while.
    """
    names = NameMap.of_changes(changes)
    for needed in refills_needed(changes):
        column = needed.column.name
        spare = spares.get((needed.table, column))
        backfill = fills.backfill(needed.table, column, spare)
        table = current.tables[names.table_before(needed.table)]
        value = usual_value(table, needed.column, current.enums)
        if backfill is None and value is not None:
            made_up = replace(fills, values={needed.key: f"sql:{value}"})
            backfill = made_up.backfill(needed.table, column, spare)
        if backfill is not None:
            yield backfill


def parse_fill(text: str) -> tuple[str, str]:
    """("comments.timestamp", "now") from "comments.timestamp=now".

    Raises PlanError for a text that is no fill.
    """
    key, equals, value = text.partition("=")
    if not (equals and "." in key):
        raise PlanError(
            f"cannot read the fill {text!r}",
            hint="write TABLE.COLUMN=VALUE, as in --fill comments.timestamp=now",
        )
    return key.strip(), value


def fill_sql(value: str, dialect: Dialect) -> str:
    """The SQL of a fill's value: now, today, null, a number, "sql:..." or a text."""
    if value.startswith("sql:"):
        return value[4:].strip()
    if _NUMBER.match(value):
        return value
    return _WORDS.get(value.lower()) or dialect.literal(value)


def check_fills(fills: Mapping[str, str], needed: Iterable[FillNeeded], known: set[str]) -> None:
    """Raises PlanError for a fill whose column the plan does not add or make NOT NULL."""
    keys = {item.key for item in needed} | known
    for key in fills:
        if key not in keys:
            raise PlanError(
                f"cannot fill {key}: no new or changed column of that name needs it",
                hint=f"columns that can be filled: {', '.join(sorted(keys)) or 'none'}",
            )


def nullability_fills(changes: Iterable[Change]) -> set[str]:
    """Columns that become NOT NULL, which a fill may name: table.column."""
    return {
        f"{change.table}.{change.after.name}"
        for change in changes
        if isinstance(change, ColumnAltered)
        and "nullable" in change.fields
        and not change.after.nullable
    }
