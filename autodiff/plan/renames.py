"""Renames as steps, each when its new name is free; and those that are no renames in the end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from autodiff.changes import (
    Change,
    ColumnRenamed,
    ConstraintAltered,
    ConstraintRenamed,
    IndexAltered,
    IndexRenamed,
    TableRenamed,
)
from autodiff.compare.renames import one_by_one, spare_column, spare_table
from autodiff.operations import (
    RenameColumn,
    RenameConstraint,
    RenameIndex,
    RenameTable,
    constraint_kind,
)
from autodiff.plan.keys import Ground
from autodiff.plan.steps import Phase, Steps
from autodiff.schema import ForeignKey, Name

__all__ = ["made_anew", "plan_renamed_parts", "plan_renames", "with_keys_made_anew"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """The name of a constraint or index, which must be free in the schema; and what has it."""

    name: Name
    change: ConstraintRenamed | IndexRenamed = field(compare=False)


def plan_renames(changes: Sequence[Change], steps: Steps) -> None:
    """Tables, then columns."""
    tables = [(c.before, c.after) for c in changes if isinstance(c, TableRenamed)]
    for before, after in one_by_one(tables, spare_table):
        steps.add(Phase.RENAME, RenameTable(before=before, after=after))
    columns: dict[Name, list[tuple[str, str]]] = {}
    for change in changes:
        if isinstance(change, ColumnRenamed):
            columns.setdefault(change.table, []).append((change.before, change.after))
    for table, pairs in columns.items():
        for old, new in one_by_one(pairs, spare_column):
            steps.add(Phase.RENAME, RenameColumn(table=table, before=old, after=new))


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
