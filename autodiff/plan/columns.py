"""Columns that are added or altered, as steps."""

from __future__ import annotations

from collections.abc import Sequence

from autodiff.dialects.base import Dialect
from autodiff.plan.backfills import Fills, add_and_fill
from autodiff.plan.dependents import must_be_replaced
from autodiff.plan.enum_values import Moves, with_moves
from autodiff.plan.enums import default_first
from autodiff.plan.phases import Phase, Steps
from autodiff.schema.changes import Change, ColumnAdded, ColumnAltered, ColumnRemoved
from autodiff.schema.objects import Column, Name
from autodiff.schema.operations import AddColumn, AlterColumn, ColumnPatch, DropColumn, Operation

__all__ = ["add_column", "alter_column", "drop_column"]


def add_column(table: Name, column: Column, fills: Fills) -> list[Operation]:
    """NOT NULL without a default: nullable first, then filled, then NOT NULL."""
    backfill = fills.backfill(table, column.name)
    if backfill is None:
        return [AddColumn(table=table, column=column)]
    return add_and_fill(AddColumn(table=table, column=column), backfill)


def alter_column(
    change: ColumnAltered,
    changes: Sequence[Change],
    fills: Fills,
    moves: Moves | None,
    steps: Steps,
) -> None:
    """Altered in place, or dropped and added where how it is computed differs.

    `moves` are values of the column that its rows exchange for others.
    """
    if must_be_replaced(change, fills.dialect):
        old, new = change.before, change.after
        drop = DropColumn(table=change.table, name=old.name, column=old)
        steps.add(Phase.DROP_COMPUTED, drop)
        phase = Phase.ADD_COMPUTED if new.computed else Phase.COLUMNS
        steps.add(phase, *add_column(change.table, new, fills))
        return
    early, late = default_first(change, changes)
    if early is not None:
        steps.add(Phase.FREE_ENUMS, _altered(early, fills.dialect))
    when = _phase(change, fills.dialect)
    backfill = fills.backfill(change.table, change.after.name)
    if backfill is not None:
        steps.add(when, backfill)
    if late.fields:
        step = _altered(late, fills.dialect)
        around = with_moves(step, late, moves, fills.dialect) if moves else [step]
        steps.add(when, *around)


def _phase(change: ColumnAltered, dialect: Dialect) -> Phase:
    """A column counts while it has its key, where only a key's column may count."""
    if not dialect.features.single_autoincrement or "autoincrement" not in change.fields:
        return Phase.COLUMNS
    return Phase.START_COUNTING if change.after.autoincrement else Phase.STOP_COUNTING


def drop_column(
    change: ColumnRemoved, changes: Sequence[Change], dialect: Dialect, steps: Steps
) -> None:
    """Dropped late; early what is computed, and what counts where another column shall count."""
    column, phase = change.column, Phase.DROP_COLUMNS
    if column.computed:
        phase = Phase.DROP_COMPUTED
    elif (
        dialect.features.single_autoincrement
        and column.autoincrement
        and _counts(change.table, changes)
    ):
        phase = Phase.DROP_COUNTED
    steps.add(phase, DropColumn(table=change.table, name=column.name, column=column))


def _counts(table: Name, changes: Sequence[Change]) -> bool:
    """Whether a column of the table begins to count."""
    return any(
        (isinstance(c, ColumnAdded) and c.table == table and c.column.autoincrement)
        or (isinstance(c, ColumnAltered) and c.table == table and c.after.autoincrement)
        for c in changes
    )


def _altered(change: ColumnAltered, dialect: Dialect) -> AlterColumn:
    fields = _patched(change, dialect)
    return AlterColumn(
        table=change.table,
        name=change.after.name,
        before=ColumnPatch.of(change.before, fields),
        after=ColumnPatch.of(change.after, fields),
    )


def _patched(change: ColumnAltered, dialect: Dialect) -> tuple[str, ...]:
    """The fields to set; a default goes along with a new type that it does not cast to."""
    known = ("type", "nullable", "default", "computed", "identity", "autoincrement", "comment")
    fields = [name for name in known if name in change.fields]
    old, new = change.before, change.after
    kept = not (old.default or new.default) or dialect.ddl.keeps_default(old.type.sql, new.type.sql)
    if "type" in fields and "default" not in fields and not kept:
        fields.insert(1, "default")
    serial = (
        old.autoincrement and new.autoincrement and not dialect.features.alter_repeats_definition
    )
    return tuple([*fields, "autoincrement"] if serial and "type" in fields else fields)
