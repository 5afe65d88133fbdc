"""Find the foreign keys whose columns, or whose referenced unique key, change.

Databases refuse to change either while the foreign key exists, so the key is dropped before the
change and added again after it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from autodiff.dialects.base import Dialect
from autodiff.plan.replaced_columns import columns_to_replace
from autodiff.schema.changes import (
    Change,
    ColumnAdded,
    ColumnAltered,
    ConstraintAdded,
    ConstraintAltered,
    ConstraintRemoved,
    IndexAdded,
    IndexAltered,
    IndexRemoved,
    TableAdded,
    TableOptionsAltered,
)
from autodiff.schema.objects import (
    Constraint,
    ForeignKey,
    Index,
    Name,
    PrimaryKey,
    Schema,
    Table,
    Unique,
)

__all__ = ["ChangedKeyParts", "changed_key_parts", "recreated_indexes", "recreated_keys"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedKeyParts:
    """The columns and unique keys that change, of those that foreign keys can use."""

    columns: frozenset[tuple[Name, str]] = frozenset()
    uniques: frozenset[tuple[Name, tuple[str, ...]]] = frozenset()

    def affects(self, table: Name, key: ForeignKey) -> bool:
        """Return whether a foreign key of the table uses any of them."""
        used = {(table, name) for name in key.columns}
        used |= {(key.referred, name) for name in key.referred_columns}
        if used & self.columns:
            return True
        wanted = set(key.referred_columns)
        return any(name == key.referred and wanted <= set(c) for name, c in self.uniques)

    def with_columns(self, columns: Mapping[Name, Iterable[str]]) -> ChangedKeyParts:
        """Return the same with more columns, by table."""
        more = {(table, name) for table, names in columns.items() for name in names}
        return ChangedKeyParts(columns=self.columns | more, uniques=self.uniques)

    def affected_keys(self, tables: Iterable[Table]) -> list[tuple[Name, ForeignKey]]:
        """Return the foreign keys of the tables that use any of them, in their order."""
        return [
            (table.name, key)
            for table in tables
            for key in table.foreign_keys
            if self.affects(table.name, key)
        ]


def changed_key_parts(
    changes: Sequence[Change], desired: Schema, dialect: Dialect, *, downgrade: bool = False
) -> ChangedKeyParts:
    """Return what the changes alter of the columns and unique keys that foreign keys use.

    Empty for SQLite: a rebuild changes a table while foreign keys refer to it.
    """
    if not dialect.features.keys_block_columns:
        return ChangedKeyParts()
    replaced = columns_to_replace(changes, dialect, downgrade=downgrade)
    columns = {(change.table, change.after.name) for change in replaced}
    for change in changes:
        if isinstance(change, ColumnAdded):
            columns.add((change.table, change.column.name))
        elif isinstance(change, ColumnAltered) and "type" in change.fields:
            old, new = change.before.type, change.after.type
            if not dialect.ddl.keeps_foreign_keys(old.sql, new.sql):
                columns.add((change.table, change.after.name))
        elif isinstance(change, TableOptionsAltered):
            altered = dialect.ddl.columns_changed_by_options(
                change.options, desired.tables[change.table]
            )
            columns.update((change.table, name) for name in altered)
    uniques = {pair for change in changes for pair in _uniques(change)}
    return ChangedKeyParts(columns=frozenset(columns), uniques=frozenset(uniques))


def _uniques(change: Change) -> Iterable[tuple[Name, tuple[str, ...]]]:
    match change:
        case ConstraintAdded(table=table, constraint=constraint):
            sides: tuple[Constraint | Index, ...] = (constraint,)
        case ConstraintRemoved(table=table, constraint=constraint):
            sides = (constraint,)
        case IndexAdded(table=table, index=index) | IndexRemoved(table=table, index=index):
            sides = (index,)
        case (
            ConstraintAltered(table=table, fields=fields) | IndexAltered(table=table, fields=fields)
        ):
            sides = () if fields == ("comment",) else (change.before, change.after)
        case _:
            return
    for side in sides:
        if isinstance(side, PrimaryKey | Unique) or (isinstance(side, Index) and side.unique):
            yield table, side.columns


def recreated_keys(
    changes: Sequence[Change], changed_parts: ChangedKeyParts, desired: Schema
) -> list[ConstraintAltered]:
    """Return unchanged foreign keys that use changed parts, as drops and adds."""
    altered = {
        (change.table, (change.constraint if isinstance(change, _ONE) else change.after).name)
        for change in changes
        if isinstance(change, ConstraintAltered | ConstraintAdded | ConstraintRemoved)
    }
    new = {change.table.name for change in changes if isinstance(change, TableAdded)}
    kept = (table for name, table in sorted(desired.tables.items()) if name not in new)
    return [
        ConstraintAltered(table=name, before=key, after=key, fields=())
        for name, key in changed_parts.affected_keys(kept)
        if (name, key.name) not in altered
    ]


def recreated_indexes(
    changes: Sequence[Change], desired: Schema, dialect: Dialect
) -> list[IndexAdded]:
    """Return indexes that stay, but that the database drops together with a foreign key.

    MySQL drops the index it made for a foreign key of the same name.
    """
    altered = {
        (change.table, (change.after if isinstance(change, IndexAltered) else change.index).name)
        for change in changes
        if isinstance(change, IndexAdded | IndexAltered | IndexRemoved)
    }
    return [
        IndexAdded(table=table, index=index)
        for table, key in _keys_that_go(changes)
        if table in desired.tables
        for index in desired.tables[table].indexes
        if dialect.catalog.is_implicit_index(index, key) and (table, index.name) not in altered
    ]


def _keys_that_go(changes: Iterable[Change]) -> Iterable[tuple[Name, ForeignKey]]:
    for change in changes:
        if isinstance(change, ConstraintRemoved) and isinstance(change.constraint, ForeignKey):
            yield change.table, change.constraint


_ONE = (ConstraintAdded, ConstraintRemoved)
