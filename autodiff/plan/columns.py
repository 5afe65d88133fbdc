"""Plan columns that are added, altered or removed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from autodiff.compare.inheritance import keeps_in_children
from autodiff.dialects.base import Dialect
from autodiff.plan.backfills import Fills, add_and_fill
from autodiff.plan.enum_values import ValueUpdates, with_value_updates
from autodiff.plan.enums import default_first
from autodiff.plan.phases import Phase, PhasedOperations
from autodiff.plan.replaced_columns import loses_expression, must_be_replaced
from autodiff.schema.changes import Change, ColumnAdded, ColumnAltered, ColumnRemoved
from autodiff.schema.objects import Column, Name, Table
from autodiff.schema.operations import AddColumn, AlterColumn, ColumnPatch, DropColumn, Operation
from autodiff.schema.sqltext import rename_in_default, tokens

__all__ = ["add_column", "alter_column", "drop_column"]


def add_column(table: Name, column: Column, fills: Fills) -> list[Operation]:
    """Return the operations that add a column, with the value for existing rows if it has one."""
    backfill = fills.backfill(table, column.name)
    if backfill is None:
        return [AddColumn(table=table, column=column)]
    return add_and_fill(AddColumn(table=table, column=column), backfill)


def alter_column(
    change: ColumnAltered,
    changes: Sequence[Change],
    fills: Fills,
    updates: ValueUpdates | None,
    operations: PhasedOperations,
) -> None:
    """Plan an altered column: in place, or dropped and added if its expression changes.

    `updates` are the values that its rows exchange for others.
    """
    if must_be_replaced(change, fills.dialect):
        old, new = change.before, change.after
        drop = DropColumn(table=change.table, name=old.name, column=old)
        operations.add(Phase.DROP_COMPUTED, drop)
        phase = Phase.ADD_COMPUTED if new.computed else Phase.ALTER_COLUMNS
        operations.add(phase, *add_column(change.table, new, fills))
        return
    early, late = default_first(change, changes)
    if early is not None:
        operations.add(Phase.BEFORE_ENUMS, _altered(early, fills.dialect))
    numbering, when, rest = _without_numbering(late, _phase(change, fills.dialect))
    if numbering is not None:
        operations.add(_phase(numbering, fills.dialect), _altered(numbering, fills.dialect))
    backfill = fills.backfill(change.table, change.after.name)
    if loses_expression(change, fills.dialect):
        when = Phase.DROP_COMPUTED  # before the columns change that the expression reads
    if backfill is not None:
        if "computed" in rest.fields:
            plain, rest = _without_expression(rest)
            operations.add(when, _altered(plain, fills.dialect))
        first, rest = _without_null(rest)
        if first is not None:
            operations.add(when, *_with_updates(first, updates, fills.dialect))
            updates = None
        operations.add(when, backfill)
    if rest.fields:
        operations.add(when, *_with_updates(rest, updates, fills.dialect))


def _with_updates(
    change: ColumnAltered, updates: ValueUpdates | None, dialect: Dialect
) -> Sequence[Operation]:
    operation = _altered(change, dialect)
    return with_value_updates(operation, change, updates, dialect) if updates else [operation]


def _without_null(change: ColumnAltered) -> tuple[ColumnAltered | None, ColumnAltered]:
    """Split a new type, which the values of the rows that are filled have, from NOT NULL."""
    is_split = {"type", "nullable"} <= set(change.fields) and not change.after.nullable
    if not is_split or change.after.identity is not None:  # an identity must be NOT NULL
        return None, change
    between = replace(change.after, nullable=True)
    others = tuple(name for name in change.fields if name != "nullable")
    first = replace(change, after=between, fields=others)
    return first, replace(change, before=between, fields=("nullable",))


def _without_expression(change: ColumnAltered) -> tuple[ColumnAltered, ColumnAltered]:
    """Split the loss of an expression, before which no rows can be filled, from other changes."""
    plain = replace(change.before, computed=None)
    others = tuple(name for name in change.fields if name != "computed")
    return (
        replace(change, after=plain, fields=("computed",)),
        replace(change, before=plain, fields=others),
    )


def _without_numbering(
    change: ColumnAltered, phase: Phase
) -> tuple[ColumnAltered | None, Phase, ColumnAltered]:
    """Split a change of AUTO_INCREMENT from one of NULL, which a column of a key cannot have.

    Returns the change of AUTO_INCREMENT, which is None if one operation can make both changes, and
    the other change after its phase.
    """
    if phase is Phase.ALTER_COLUMNS or "nullable" not in change.fields:
        return None, phase, change
    others = tuple(name for name in change.fields if name != "autoincrement")
    alone = ("autoincrement",)
    if phase is Phase.DISABLE_AUTOINCREMENT:
        between = replace(change.before, autoincrement=False)
        first = replace(change, after=between, fields=alone)
        return first, Phase.ALTER_COLUMNS, replace(change, before=between, fields=others)
    between = replace(change.after, autoincrement=False)
    last = replace(change, before=between, fields=alone)
    return last, Phase.ALTER_COLUMNS, replace(change, after=between, fields=others)


def _phase(change: ColumnAltered, dialect: Dialect) -> Phase:
    """Return the phase in which a column is altered.

    On MySQL an auto-increment column must be the column of a key. It stops counting before its key
    is dropped, and starts after its key was added.
    """
    if not dialect.features.single_autoincrement or "autoincrement" not in change.fields:
        return Phase.ALTER_COLUMNS
    return Phase.ENABLE_AUTOINCREMENT if change.after.autoincrement else Phase.DISABLE_AUTOINCREMENT


def drop_column(
    change: ColumnRemoved,
    changes: Sequence[Change],
    children: Mapping[Name, Table],
    dialect: Dialect,
    operations: PhasedOperations,
) -> None:
    """Plan a removed column; `children` are the tables that inherit from others.

    Columns are dropped late, with two exceptions: a computed column before the columns it reads
    change, and an auto-increment column before another column of the table becomes one (MySQL
    allows one).
    """
    column, phase = change.column, Phase.DROP_COLUMNS
    if column.computed:
        phase = Phase.DROP_COMPUTED
    elif (
        dialect.features.single_autoincrement
        and column.autoincrement
        and _counts(change.table, changes)
    ):
        phase = Phase.DROP_AUTOINCREMENT
    only = keeps_in_children(children, change.table, column.name)
    drop = DropColumn(table=change.table, name=column.name, column=column, only=only)
    if only:  # before the tables that inherit the column, which may drop it then
        operations.by_phase.setdefault(phase, []).insert(0, drop)
    else:
        planned = operations.by_phase.setdefault(phase, [])
        planned.insert(_place_of_drop(drop, planned), drop)


def _place_of_drop(drop: DropColumn, planned: Sequence[Operation]) -> int:
    """Return the place of a drop: before that of a column that its default reads (MySQL)."""
    default = drop.column.default if drop.column is not None else None
    if default is None or not _has_names(default):
        return len(planned)  # a literal, as most are
    for place, other in enumerate(planned):
        match other:
            case DropColumn(table=table, name=name) if table == drop.table:
                if rename_in_default(default, name, "") != default:
                    return place
    return len(planned)


def _has_names(default: str) -> bool:
    return any(kind in ("word", "quoted") for kind, _ in tokens(default))


def _counts(table: Name, changes: Sequence[Change]) -> bool:
    """Return whether a column of the table becomes auto-increment."""
    return any(
        (isinstance(c, ColumnAdded) and c.table == table and c.column.autoincrement)
        or (isinstance(c, ColumnAltered) and c.table == table and c.after.autoincrement)
        for c in changes
    )


def _altered(change: ColumnAltered, dialect: Dialect) -> AlterColumn:
    """Return the operation for a changed column."""
    fields = _patched(change, dialect)
    name, old, new = change.after.name, change.before.type.sql, change.after.type.sql
    retyped = "type" in fields
    return AlterColumn(
        table=change.table,
        name=name,
        before=ColumnPatch.of(change.before, fields),
        after=ColumnPatch.of(change.after, fields),
        using=dialect.ddl.columns.conversion(name, old, new) if retyped else None,
        reverse_using=dialect.ddl.columns.conversion(name, new, old) if retyped else None,
    )


def _patched(change: ColumnAltered, dialect: Dialect) -> tuple[str, ...]:
    """Return the fields to set.

    The default is set with a new type if the database cannot convert the old default to it. The
    auto-increment of a serial column is set with a new type, because its sequence in PostgreSQL has
    a type too; and if only the type of the sequence differs, which is an option of the column.
    """
    known = ("type", "nullable", "default", "computed", "identity", "autoincrement", "comment")
    fields = [name for name in known if name in change.fields]
    old, new = change.before, change.after
    options = dialect.features.column_options
    if any(old.options.get(name) != new.options.get(name) for name in options):
        fields.append("options")
    kept = not (old.default or new.default) or dialect.ddl.keeps_default(old.type.sql, new.type.sql)
    if "type" in fields and "default" not in fields and not kept:
        fields.insert(1, "default")
    serial = (
        old.autoincrement and new.autoincrement and not dialect.features.alter_repeats_definition
    )
    retyped = "type" in fields or (dialect.features.sequences and "options" in change.fields)
    return tuple([*fields, "autoincrement"] if serial and retyped else fields)
