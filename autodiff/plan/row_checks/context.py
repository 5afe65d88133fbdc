"""The schema in which row checks run: that before the first operation of a migration."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from autodiff.compare.enum_values import Value
from autodiff.compare.renames import temporary_column_name
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
from autodiff.schema.sqltext import is_constant, is_null, mentions, rename_identifiers

__all__ = ["CheckContext", "RowCheck"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowCheck:
    """A query for rows that prevent a change.

    place: the column or table, by its name when the query runs.
    hint: what to do about such rows.
    fill: the column, if a value for it would fix the rows.
    loses: whether the rows do not prevent the change, but lose values by it.
    is_required: whether the migration starts with it; if not, a migration may deal with the rows.
    change: the change that the rows prevent; None if several do.
    """

    query: str
    message: str
    place: str
    hint: str
    fill: FillNeeded | None = None
    loses: bool = False
    is_required: bool = True
    change: Change | None = None

    @property
    def require(self) -> Require:
        """The operation that makes a migration fail if there are such rows."""
        return Require(query=self.query, message=self.message)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckContext:
    """The schema before a migration, looked up by the names that things have after its renames.

    before, after: the schemas before and after the migration.
    filled: the SQL of the values that the migration gives rows, by "table.column".
    new_tables, new_columns: what the migration itself creates; a check cannot use them.
    altered: the enum types whose values change.
    replaced_values: the values whose rows get another one, by the enum type, or by the table and
        column, that lists them.
    """

    before: Schema
    after: Schema
    dialect: Dialect
    filled: Mapping[str, str] = field(default_factory=dict)
    names: NameMap = field(default_factory=NameMap)
    new_tables: frozenset[Name] = frozenset()
    new_columns: frozenset[tuple[Name, str]] = frozenset()
    altered: frozenset[Name] = frozenset()
    replaced_values: Mapping[tuple[Name, str | None], frozenset[str]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        changes: Sequence[Change],
        *,
        before: Schema,
        after: Schema,
        dialect: Dialect,
        filled: Mapping[str, str] = MappingProxyType({}),
        mapped: Iterable[Value] = (),
    ) -> CheckContext:
        """Return the context of the changes.

        A column can be added under its temporary name first, so that name is new too.
        """
        made = [
            (c.table, name)
            for c in changes
            if isinstance(c, ColumnAdded)
            for name in (c.column.name, temporary_column_name(c.column.name))
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
            filled=filled,
            names=NameMap.of_changes(changes),
            new_tables=frozenset(c.table.name for c in changes if isinstance(c, TableAdded)),
            new_columns=frozenset(made),
            altered=frozenset(c.after.name for c in changes if isinstance(c, EnumAltered)),
            replaced_values=_replaced_values(changes, mapped),
        )

    def values_replaced_in(self, owner: Name, column: str | None) -> list[str]:
        """Return the values of a type or column whose rows get another one, sorted."""
        return sorted(self.replaced_values.get((owner, column), ()))

    def table(self, name: Name) -> Table | None:
        """Return the table before the migration; None if the migration creates it."""
        if name in self.new_tables:
            return None
        return self.before.tables.get(self.names.table_before(name))

    def column(self, table: Name, name: str) -> Column | None:
        """Return the column before the migration; None if the migration creates it."""
        current = self.table(table)
        if current is None or (table, name) in self.new_columns:
            return None
        return current.column(self.names.column_before(table, name))

    def columns_of(self, table: Name, names: Iterable[str]) -> list[Column] | None:
        """Return the columns before the migration; None if one of them does not exist."""
        found = [self.column(table, name) for name in names]
        known = [column for column in found if column is not None]
        return known if len(known) == len(found) else None

    def has_one_value(self, table: Name, name: str) -> bool:
        """Return whether a column is new and all existing rows get the same value in it."""
        wanted = self.after.tables[table].column(name) if table in self.after.tables else None
        if wanted is None or (table, name) not in self.new_columns:
            return False
        value = self.filled.get(f"{table}.{name}", wanted.default)
        return value is not None and is_constant(value)

    def value_for_null(self, table: Name, name: str) -> str | None:
        """Return the constant that NULL becomes in a column that existed before, if it does."""
        column = self.column(table, name)
        value = self.filled.get(f"{table}.{name}")
        is_filled = column is not None and column.nullable and value is not None
        return value if is_filled and is_constant(value or "") else None

    def fills_all_rows(self, table: Name, name: str) -> bool:
        """Return whether the migration puts values in a column and leaves no NULL there."""
        wanted = self.after.tables[table].column(name) if table in self.after.tables else None
        if wanted is None:
            return False
        value = self.filled.get(f"{table}.{name}")
        if (table, name) in self.new_columns:
            value = wanted.default if value is None else value
        if value is None or is_null(value):
            return False
        return not wanted.nullable or is_constant(value)

    def new_collation(self, table: Name, name: str) -> str | None:
        """Return the collation that a column gets, if different texts can be equal in it."""
        column, wanted = self.column(table, name), self.after.tables.get(table)
        new = wanted.column(name) if wanted is not None else None
        if column is None or new is None or column.type == new.type:
            return None
        return self.dialect.equating_collation(column.type.sql, new.type.sql)

    def text(self, table: Name, sql: str) -> str | None:
        """Return an SQL text over the table after the migration, with the names before it.

        None if the text uses a column that does not exist yet, gets values, or gets a type of
        another kind: its value after the migration does not follow from its value before.
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
        if (table, wanted.name) in self.replaced_values or wanted.type.enum in self.altered:
            return False
        if column is None or f"{table}.{wanted.name}" in self.filled:
            return False
        same = column.type == wanted.type
        return same or comparable(self.shape(column), self.shape(wanted))

    def shape(self, column: Column) -> Shape:
        """Return what fits a column's type."""
        return shape(column.type.sql, self.dialect.features.text_sizes)

    # Queries

    def select(self, table: Table, condition: str | None) -> str:
        """Return the query for the rows that meet a condition; it selects their primary key."""
        key = table.primary_key
        shown = ", ".join(map(self.dialect.quote, key.columns)) if key is not None else "*"
        where = f" WHERE {condition}" if condition else ""
        return f"SELECT {shown} FROM {self.dialect.quote_name(table.name)}{where}"

    def not_null(self, columns: Iterable[Column]) -> list[str]:
        """Return an IS NOT NULL condition for each column that can be NULL."""
        return [f"{self.dialect.quote(c.name)} IS NOT NULL" for c in columns if c.nullable]


def _replaced_values(
    changes: Iterable[Change], mapped: Iterable[Value]
) -> dict[tuple[Name, str | None], frozenset[str]]:
    """Return the values that are renamed or mapped."""
    found: dict[tuple[Name, str | None], set[str]] = {}
    for change in changes:
        if isinstance(change, ColumnValueRenamed):
            found.setdefault((change.table, change.column), set()).add(change.before)
    for value in mapped:
        found.setdefault((value.owner, value.column), set()).add(value.value)
    return {owner: frozenset(values) for owner, values in found.items()}
