"""What stands before a migration's first step: the names of then, and queries over them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from autodiff.compare.enum_values import Value
from autodiff.compare.renames import spare_column
from autodiff.dialects.base import Dialect
from autodiff.dialects.narrowing import Shape, comparable, shape
from autodiff.plan.backfills import FillNeeded
from autodiff.schema.changes import (
    Change,
    ColumnAdded,
    ColumnAltered,
    ColumnValueRenamed,
    EnumAltered,
    TableAdded,
)
from autodiff.schema.name_map import NameMap
from autodiff.schema.objects import Column, Name, Schema, Table
from autodiff.schema.operations import Require
from autodiff.schema.sqltext import mentions, rename_identifiers

__all__ = ["RowCheck", "Standing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowCheck:
    """A query for rows that stand in the way of a change.

    place: the column or table, as it is called when the query runs.
    hint: what to do about such rows.
    fill: the column that a value would mend, where one would.
    """

    query: str
    message: str
    place: str
    hint: str
    fill: FillNeeded | None = None

    @property
    def require(self) -> Require:
        """The step of a migration that refuses to go on where there are such rows."""
        return Require(query=self.query, message=self.message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The schema before a migration, asked by the names that things have after its renames.

    A column may come, or come back, under a spare name first: that does not stand either.
    `after` is the schema behind the migration. What the migration itself makes does not stand.
    `filled` are the columns, by "table.column", whose rows it gives values. `altered` are the enum
    types whose values change. `moved` are values that rows have and get another one for, by the
    type, or the table and column, that lists them.
    """

    before: Schema
    after: Schema
    dialect: Dialect
    filled: frozenset[str] = frozenset()
    names: NameMap = field(default_factory=NameMap)
    new_tables: frozenset[Name] = frozenset()
    new_columns: frozenset[tuple[Name, str]] = frozenset()
    altered: frozenset[Name] = frozenset()
    moved: Mapping[tuple[Name, str | None], frozenset[str]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        changes: Sequence[Change],
        *,
        before: Schema,
        after: Schema,
        dialect: Dialect,
        filled: Iterable[str] = (),
        mapped: Iterable[Value] = (),
    ) -> Standing:
        """What stands before the changes."""
        made = [
            (c.table, name)
            for c in changes
            if isinstance(c, ColumnAdded)
            for name in (c.column.name, spare_column(c.column.name))
        ]
        made += [
            (c.table, c.after.name)
            for c in changes
            if isinstance(c, ColumnAltered) and "computed" in c.fields
        ]
        return cls(
            before=before,
            after=after,
            dialect=dialect,
            filled=frozenset(filled),
            names=NameMap.of_changes(changes),
            new_tables=frozenset(c.table.name for c in changes if isinstance(c, TableAdded)),
            new_columns=frozenset(made),
            altered=frozenset(c.after.name for c in changes if isinstance(c, EnumAltered)),
            moved=_moved(changes, mapped),
        )

    def moved_of(self, owner: Name, column: str | None) -> list[str]:
        """The values of a type or column whose rows get another one, sorted."""
        return sorted(self.moved.get((owner, column), ()))

    def table(self, name: Name) -> Table | None:
        """The table as it stands; None where the migration makes it, or nothing is known of it."""
        if name in self.new_tables:
            return None
        return self.before.tables.get(self.names.table_before(name))

    def column(self, table: Name, name: str) -> Column | None:
        """The column as it stands."""
        standing = self.table(table)
        if standing is None or (table, name) in self.new_columns:
            return None
        return standing.column(self.names.column_before(table, name))

    def columns_of(self, table: Name, names: Iterable[str]) -> list[Column] | None:
        """The columns as they stand; None where one of them does not."""
        found = [self.column(table, name) for name in names]
        known = [column for column in found if column is not None]
        return known if len(known) == len(found) else None

    def text(self, table: Name, sql: str) -> str | None:
        """An SQL text over the table as it is to be, by the names of now.

        None where it can't be said: it is about columns that do not stand, get values, or get a
        type of another kind.
        """
        wanted = self.after.tables.get(table)
        if wanted is None or self.table(table) is None:
            return None
        if any(owner == table and mentions(sql, name) for owner, name in self.new_columns):
            return None
        named = [column for column in wanted.columns if mentions(sql, column.name)]
        if not all(self._stays(table, column) for column in named):
            return None
        old = self.names.columns_before(table)
        return rename_identifiers(sql, old, self.dialect.quote) if old else sql

    def _stays(self, table: Name, wanted: Column) -> bool:
        column = self.column(table, wanted.name)
        if (table, wanted.name) in self.moved or wanted.type.enum in self.altered:
            return False
        if column is None or f"{table}.{wanted.name}" in self.filled:
            return False
        same = column.type == wanted.type
        return same or comparable(self.shape(column), self.shape(wanted))

    def shape(self, column: Column) -> Shape:
        """What fits a column's type."""
        return shape(column.type.sql, self.dialect.features.text_sizes)

    # Queries

    def select(self, table: Table, condition: str | None) -> str:
        """The query for the rows of a condition: their primary key, or all of them without one."""
        key = table.primary_key
        shown = ", ".join(map(self.dialect.quote, key.columns)) if key is not None else "*"
        where = f" WHERE {condition}" if condition else ""
        return f"SELECT {shown} FROM {self.dialect.quote_name(table.name)}{where}"

    def not_null(self, columns: Iterable[Column]) -> list[str]:
        """A condition for each column that may be NULL, that it is not."""
        return [f"{self.dialect.quote(c.name)} IS NOT NULL" for c in columns if c.nullable]


def _moved(
    changes: Iterable[Change], mapped: Iterable[Value]
) -> dict[tuple[Name, str | None], frozenset[str]]:
    """The values that have another name afterwards, or that rows have no more."""
    found: dict[tuple[Name, str | None], set[str]] = {}
    for change in changes:
        if isinstance(change, ColumnValueRenamed):
            found.setdefault((change.table, change.column), set()).add(change.before)
    for value in mapped:
        found.setdefault((value.owner, value.column), set()).add(value.value)
    return {owner: frozenset(values) for owner, values in found.items()}
