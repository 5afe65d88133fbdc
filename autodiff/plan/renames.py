"""Renames as steps, each when its new name is free; and those that are no renames in the end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from autodiff.compare.renames import one_by_one, spare_column, spare_table
from autodiff.plan.foreign_keys import Ground
from autodiff.plan.phases import Phase, Steps
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

__all__ = ["dropped_at_once", "made_anew", "plan_renamed_parts", "plan_renames", "spare_names"]
__all__ += ["with_keys_made_anew", "with_spare_names"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """The name of a constraint or index, which must be free in the schema; and what has it."""

    name: Name
    change: ConstraintRenamed | IndexRenamed = field(compare=False)


def plan_renames(changes: Sequence[Change], at_once: Iterable[ColumnRemoved], steps: Steps) -> None:
    """Tables, then columns, once those that are dropped `at_once` are gone."""
    tables = [(c.before, c.after) for c in changes if isinstance(c, TableRenamed)]
    for before, after in one_by_one(tables, spare_table):
        steps.add(Phase.RENAME, RenameTable(before=before, after=after))
    columns: dict[Name, list[tuple[str, str]]] = {}
    for change in changes:
        if isinstance(change, ColumnRenamed):
            columns.setdefault(change.table, []).append((change.before, change.after))
    for gone in at_once:
        column = gone.column
        steps.add(Phase.RENAME, DropColumn(table=gone.table, name=column.name, column=column))
    for table, pairs in columns.items():
        for old, new in one_by_one(pairs, spare_column):
            steps.add(Phase.RENAME, RenameColumn(table=table, before=old, after=new))


def _in_the_way(changes: Sequence[Change]) -> Iterator[ColumnRemoved]:
    """The removed columns whose names renamed ones take."""
    taken = {(c.table, c.after) for c in changes if isinstance(c, ColumnRenamed)}
    for change in changes:
        if isinstance(change, ColumnRemoved) and (change.table, change.column.name) in taken:
            yield change


def spare_names(changes: Sequence[Change], current: Schema) -> dict[tuple[Name, str], str]:
    """Names for the removed columns that are in the way of a rename and can't go at once.

    Something holds them: a constraint, an index, a computed column, a trigger or a view.
    """
    names = NameMap.of_changes(changes)
    return {
        (change.table, change.column.name): spare_column(change.column.name)
        for change in _in_the_way(changes)
        if _is_held(current, names.table_before(change.table), change.column.name)
    }


def dropped_at_once(
    changes: Sequence[Change], spares: Mapping[tuple[Name, str], str]
) -> list[ColumnRemoved]:
    """The removed columns that are in the way of a rename, and that nothing holds."""
    return [c for c in _in_the_way(changes) if (c.table, c.column.name) not in spares]


def _is_held(current: Schema, name: Name, column: str) -> bool:
    table = current.tables[name]
    computed = [c.computed.sql for c in table.columns if c.computed]
    return (
        any(names_column(part, column) for part in (*table.constraints, *table.indexes))
        or any(mentions(text, column) for text in (*computed, *table.triggers))
        or any(name in view.reads for view in current.views.values())
    )


def with_spare_names(
    changes: Iterable[Change], spares: Mapping[tuple[Name, str], str]
) -> list[Change]:
    """The changes, where columns wait under their spare names until they are dropped."""
    found: list[Change] = []
    for change in changes:
        match change:
            case ColumnRemoved(table=table, column=column) if (table, column.name) in spares:
                spare = spares[table, column.name]
                found.append(ColumnRenamed(table=table, before=column.name, after=spare))
                found.append(replace(change, column=replace(column, name=spare)))
            case _:
                found.append(change)
    return found


def plan_renamed_parts(changes: Iterable[Change], steps: Steps) -> None:
    """Constraints and indexes, whose names are of one schema, in one table or in several."""
    pairs = [
        (_part(change, change.before.name), _part(change, change.after.name))
        for change in changes
        if isinstance(change, ConstraintRenamed | IndexRenamed)
    ]
    for before, after in one_by_one(pairs, _spare_part):
        steps.add(Phase.RENAME_PARTS, _step(before, after))


def _part(change: ConstraintRenamed | IndexRenamed, name: str | None) -> _Part:
    return _Part(name=Name(name or "", change.table.schema), change=change)


def _spare_part(part: _Part) -> _Part:
    return replace(part, name=spare_table(part.name))


def _step(before: _Part, after: _Part) -> RenameConstraint | RenameIndex:
    change, old, new = before.change, before.name.name, after.name.name
    if isinstance(change, IndexRenamed):
        return RenameIndex(table=change.table, before=old, after=new)
    kind = constraint_kind(change.before)
    return RenameConstraint(table=change.table, before=old, after=new, kind=kind)


def with_keys_made_anew(changes: Iterable[Change], ground: Ground) -> list[Change]:
    """The changes, where a foreign key that is dropped and added anyway is not renamed first."""
    return [
        made_anew(change)
        if isinstance(change, ConstraintRenamed)
        and isinstance(change.after, ForeignKey)
        and ground.carries(change.table, change.after)
        else change
        for change in changes
    ]


def made_anew(change: ConstraintRenamed | IndexRenamed) -> ConstraintAltered | IndexAltered:
    """The same, to be dropped under the old name and added under the new one."""
    if isinstance(change, ConstraintRenamed):
        return ConstraintAltered(
            table=change.table, before=change.before, after=change.after, fields=("name",)
        )
    return IndexAltered(
        table=change.table, before=change.before, after=change.after, fields=("name",)
    )
