"""Plan renames, each when its new name is free, and recreate what cannot be renamed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from autodiff.compare.renames import order_renames, temporary_column_name, temporary_table_name
from autodiff.plan.foreign_keys import ChangedKeyParts
from autodiff.plan.phases import Phase, PhasedOperations
from autodiff.schema.apply import names_column
from autodiff.schema.changes import (
    Change,
    ColumnRemoved,
    ColumnRenamed,
    ConstraintAltered,
    ConstraintRenamed,
    IndexAltered,
    IndexRenamed,
    TableRenamed,
)
from autodiff.schema.name_map import NameMap
from autodiff.schema.objects import ForeignKey, Name, Schema
from autodiff.schema.operations import (
    DropColumn,
    RenameColumn,
    RenameConstraint,
    RenameIndex,
    RenameTable,
    constraint_kind,
)
from autodiff.schema.sqltext import mentions

__all__ = [
    "as_recreated",
    "columns_dropped_first",
    "plan_renamed_parts",
    "plan_renames",
    "temporary_names",
]
__all__ += ["with_recreated_keys", "with_temporary_names"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """A name of a constraint or index, unique in its schema, and the rename it belongs to."""

    name: Name
    change: ConstraintRenamed | IndexRenamed = field(compare=False)


def plan_renames(
    changes: Sequence[Change], dropped_first: Iterable[ColumnRemoved], operations: PhasedOperations
) -> None:
    """Plan the renames of tables, the drops of `dropped_first`, and the renames of columns."""
    tables = [(c.before, c.after) for c in changes if isinstance(c, TableRenamed)]
    for before, after in order_renames(tables, temporary_table_name):
        operations.add(Phase.RENAME, RenameTable(before=before, after=after))
    columns: dict[Name, list[tuple[str, str]]] = {}
    for change in changes:
        if isinstance(change, ColumnRenamed):
            columns.setdefault(change.table, []).append((change.before, change.after))
    for removed in dropped_first:
        column = removed.column
        operations.add(
            Phase.RENAME, DropColumn(table=removed.table, name=column.name, column=column)
        )
    for table, pairs in columns.items():
        for old, new in order_renames(pairs, temporary_column_name):
            operations.add(Phase.RENAME, RenameColumn(table=table, before=old, after=new))


def _blocking_columns(changes: Sequence[Change]) -> Iterator[ColumnRemoved]:
    """Yield the removed columns whose names are given to other columns."""
    taken = {(c.table, c.after) for c in changes if isinstance(c, ColumnRenamed)}
    for change in changes:
        if isinstance(change, ColumnRemoved) and (change.table, change.column.name) in taken:
            yield change


def temporary_names(changes: Sequence[Change], current: Schema) -> dict[tuple[Name, str], str]:
    """Return temporary names for removed columns that block a rename and cannot be dropped first.

    A constraint, an index, a computed column, a trigger or a view still uses them.
    """
    names = NameMap.of_changes(changes)
    return {
        (change.table, change.column.name): temporary_column_name(change.column.name)
        for change in _blocking_columns(changes)
        if _is_used(current, names.table_before(change.table), change.column.name)
    }


def columns_dropped_first(
    changes: Sequence[Change], temporary: Mapping[tuple[Name, str], str]
) -> list[ColumnRemoved]:
    """Return the removed columns that block a rename and that nothing uses."""
    return [c for c in _blocking_columns(changes) if (c.table, c.column.name) not in temporary]


def _is_used(current: Schema, name: Name, column: str) -> bool:
    table = current.tables[name]
    computed = [c.computed.sql for c in table.columns if c.computed]
    return (
        any(names_column(part, column) for part in (*table.constraints, *table.indexes))
        or any(mentions(text, column) for text in (*computed, *table.triggers))
        or any(name in view.reads for view in current.views.values())
    )


def with_temporary_names(
    changes: Iterable[Change], temporary: Mapping[tuple[Name, str], str]
) -> list[Change]:
    """Return the changes, with columns that have temporary names renamed to them first."""
    found: list[Change] = []
    for change in changes:
        match change:
            case ColumnRemoved(table=table, column=column) if (table, column.name) in temporary:
                temporary_name = temporary[table, column.name]
                found.append(ColumnRenamed(table=table, before=column.name, after=temporary_name))
                found.append(replace(change, column=replace(column, name=temporary_name)))
            case _:
                found.append(change)
    return found


def plan_renamed_parts(changes: Iterable[Change], operations: PhasedOperations) -> None:
    """Plan the renames of constraints and indexes.

    Their names are unique in a schema, so those of several tables are ordered together.
    """
    pairs = [
        (_part(change, change.before.name), _part(change, change.after.name))
        for change in changes
        if isinstance(change, ConstraintRenamed | IndexRenamed)
    ]
    for before, after in order_renames(pairs, _temporary_part):
        operations.add(Phase.RENAME_CONSTRAINTS, _step(before, after))


def _part(change: ConstraintRenamed | IndexRenamed, name: str | None) -> _Part:
    return _Part(name=Name(name or "", change.table.schema), change=change)


def _temporary_part(part: _Part) -> _Part:
    return replace(part, name=temporary_table_name(part.name))


def _step(before: _Part, after: _Part) -> RenameConstraint | RenameIndex:
    change, old, new = before.change, before.name.name, after.name.name
    if isinstance(change, IndexRenamed):
        return RenameIndex(table=change.table, before=old, after=new)
    kind = constraint_kind(change.before)
    return RenameConstraint(table=change.table, before=old, after=new, kind=kind)


def with_recreated_keys(changes: Iterable[Change], changed_parts: ChangedKeyParts) -> list[Change]:
    """Recreate, instead of rename, a foreign key that must be dropped and added anyway."""
    return [
        as_recreated(change)
        if isinstance(change, ConstraintRenamed)
        and isinstance(change.after, ForeignKey)
        and changed_parts.affects(change.table, change.after)
        else change
        for change in changes
    ]


def as_recreated(change: ConstraintRenamed | IndexRenamed) -> ConstraintAltered | IndexAltered:
    """Return a rename as a drop under the old name and an add under the new one."""
    if isinstance(change, ConstraintRenamed):
        return ConstraintAltered(
            table=change.table, before=change.before, after=change.after, fields=("name",)
        )
    return IndexAltered(
        table=change.table, before=change.before, after=change.after, fields=("name",)
    )
