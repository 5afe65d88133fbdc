"""Find the steps of a migration that give a column a new type by a copy of it.

They are undone as a whole: while the copy is hidden, it is dropped. Once it is in the place of the
column, the steps of the other direction make a copy of the old type.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from autodiff.schema.apply import names_column
from autodiff.schema.objects import Name
from autodiff.schema.operations import (
    AddColumn,
    AddConstraint,
    AlterColumn,
    Backfill,
    CreateIndex,
    DropColumn,
    DropConstraint,
    DropIndex,
    Execute,
    Operation,
    RenameConstraint,
    RenameIndex,
    SwapColumns,
    SyncColumns,
    UnsyncColumns,
)
from autodiff.schema.sqltext import mentions

__all__ = ["CopySteps", "find_copies"]

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class CopySteps:
    """The steps that give columns of a table new types, among those of a migration."""

    table: Name
    steps: tuple[Operation, ...]

    def remove_from(self, steps: Sequence[_T]) -> list[_T]:
        """Return the other steps."""
        own = {id(step) for step in self.steps}
        return [step for step in steps if id(step) not in own]

    def remove_copy(self, done: Sequence[object]) -> list[Operation] | None:
        """Return what removes the hidden columns; None if a column is in its place already."""
        finished = {id(step) for step in done}
        own = [step for step in self.steps if id(step) in finished]
        if any(isinstance(step, SwapColumns) for step in own):
            return None
        removed: list[Operation] = [
            s.reverse() for s in own if isinstance(s, AddColumn | SyncColumns)
        ]
        return removed[::-1]

    def is_in(self, done: Sequence[object]) -> bool:
        """Return whether all of its steps are finished."""
        finished = {id(step) for step in done}
        return all(id(step) in finished for step in self.steps)


def find_copies(steps: Sequence[object]) -> list[CopySteps]:
    """Return the steps of each table whose columns get new types by copies."""
    tables = dict.fromkeys(step.table for step in steps if isinstance(step, SwapColumns))
    return [CopySteps(table=table, steps=_steps_of(table, steps)) for table in tables]


def _steps_of(table: Name, steps: Sequence[object]) -> tuple[Operation, ...]:
    hidden = {s.other for s in steps if isinstance(s, SwapColumns) and s.table == table}
    parts = {
        name
        for step in steps
        if isinstance(step, AddConstraint | CreateIndex) and step.table == table
        if (name := _name_of_copy(step, hidden)) is not None
    }
    found: list[Operation] = []
    is_swapped, last = False, _last_drop(table, hidden, steps)
    for at, step in enumerate(steps):
        match step:
            case SwapColumns() if step.table == table:
                is_swapped = True
            case AddColumn(column=column) if step.table == table and column.name in hidden:
                pass
            case SyncColumns(after=name) | UnsyncColumns(after=name) if step.table == table:
                if name not in hidden:
                    continue
            case AlterColumn(name=name) | DropColumn(name=name) if step.table == table:
                if name not in hidden:
                    continue
            case Backfill(values=values) if step.table == table:
                if not {column for column, _ in values} <= hidden:
                    continue
            case AddConstraint() | CreateIndex() if step.table == table:
                if _name_of_copy(step, hidden) is None:
                    continue
            case DropConstraint() | DropIndex() if step.table in (table, None):
                if step.name not in parts and not (is_swapped and at < last):
                    continue
            case RenameConstraint(before=name) | RenameIndex(before=name):
                if name not in parts:
                    continue
            case Execute(sql=sql) if any(mentions(sql, name) for name in parts):
                pass
            case _:
                continue
        found.append(step)
    return tuple(found)


def _name_of_copy(step: AddConstraint | CreateIndex, hidden: set[str]) -> str | None:
    """Return the name of a part of the hidden columns; None if it is another part."""
    part = step.index if isinstance(step, CreateIndex) else step.constraint
    return part.name if any(names_column(part, column) for column in hidden) else None


def _last_drop(table: Name, hidden: set[str], steps: Sequence[object]) -> int:
    drops = [
        at
        for at, step in enumerate(steps)
        if isinstance(step, DropColumn) and step.table == table and step.name in hidden
    ]
    return max(drops, default=len(steps))
