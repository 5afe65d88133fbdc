"""Foreign keys whose columns, or whose unique key on the other side, change under them.

Databases hold on to both: such a key goes before the change, and comes back after it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from autodiff.dialects.base import Dialect
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

__all__ = ["Ground", "changing_ground", "indexes_put_back", "keys_aside"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What foreign keys rest on and what changes: columns, and the columns of unique keys."""

    columns: frozenset[tuple[Name, str]] = frozenset()
    uniques: frozenset[tuple[Name, tuple[str, ...]]] = frozenset()

    def carries(self, table: Name, key: ForeignKey) -> bool:
        """Whether the key of the table rests on any of it."""
        used = {(table, name) for name in key.columns}
        used |= {(key.referred, name) for name in key.referred_columns}
        if used & self.columns:
            return True
        wanted = set(key.referred_columns)
        return any(name == key.referred and wanted <= set(c) for name, c in self.uniques)

    def with_columns(self, columns: Mapping[Name, Iterable[str]]) -> Ground:
        """The same with more columns, by table."""
        more = {(table, name) for table, names in columns.items() for name in names}
        return Ground(columns=self.columns | more, uniques=self.uniques)

    def keys_of(self, tables: Iterable[Table]) -> list[tuple[Name, ForeignKey]]:
        """The keys of the tables that rest on it, in their order."""
        return [
            (table.name, key)
            for table in tables
            for key in table.foreign_keys
            if self.carries(table.name, key)
        ]


def changing_ground(changes: Sequence[Change], desired: Schema, dialect: Dialect) -> Ground:
    """What the changes take from under foreign keys; nothing where a rebuild does it all."""
    if not dialect.features.keys_block_columns:
        return Ground()
    columns = set()
    for change in changes:
        if isinstance(change, ColumnAdded):
            columns.add((change.table, change.column.name))
        elif isinstance(change, ColumnAltered) and "type" in change.fields:
            old, new = change.before.type, change.after.type
            if not dialect.ddl.keeps_foreign_keys(old.sql, new.sql):
                columns.add((change.table, change.after.name))
        elif isinstance(change, TableOptionsAltered):
            moved = dialect.ddl.columns_changed_by_options(
                change.options, desired.tables[change.table]
            )
            columns.update((change.table, name) for name in moved)
    uniques = {pair for change in changes for pair in _uniques(change)}
    return Ground(columns=frozenset(columns), uniques=frozenset(uniques))


def _uniques(change: Change) -> Iterable[tuple[Name, tuple[str, ...]]]:
    match change:
        case ConstraintAdded(table=table, constraint=thing):
            sides: tuple[Constraint | Index, ...] = (thing,)
        case ConstraintRemoved(table=table, constraint=thing):
            sides = (thing,)
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


def keys_aside(
    changes: Sequence[Change], ground: Ground, desired: Schema
) -> list[ConstraintAltered]:
    """Keys that stay as they are and rest on changing ground, to be dropped and put back."""
    told = {
        (change.table, (change.constraint if isinstance(change, _ONE) else change.after).name)
        for change in changes
        if isinstance(change, ConstraintAltered | ConstraintAdded | ConstraintRemoved)
    }
    new = {change.table.name for change in changes if isinstance(change, TableAdded)}
    kept = (table for name, table in sorted(desired.tables.items()) if name not in new)
    return [
        ConstraintAltered(table=name, before=key, after=key, fields=())
        for name, key in ground.keys_of(kept)
        if (name, key.name) not in told
    ]


def indexes_put_back(
    changes: Sequence[Change], desired: Schema, dialect: Dialect
) -> list[IndexAdded]:
    """Indexes that stay, though the database drops them with the foreign key of their name."""
    told = {
        (change.table, (change.after if isinstance(change, IndexAltered) else change.index).name)
        for change in changes
        if isinstance(change, IndexAdded | IndexAltered | IndexRemoved)
    }
    return [
        IndexAdded(table=table, index=index)
        for table, key in _keys_that_go(changes)
        if table in desired.tables
        for index in desired.tables[table].indexes
        if dialect.catalog.is_implicit_index(index, key) and (table, index.name) not in told
    ]


def _keys_that_go(changes: Iterable[Change]) -> Iterable[tuple[Name, ForeignKey]]:
    for change in changes:
        if isinstance(change, ConstraintRemoved) and isinstance(change.constraint, ForeignKey):
            yield change.table, change.constraint


_ONE = (ConstraintAdded, ConstraintRemoved)
