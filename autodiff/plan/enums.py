"""Plan changes of enum types: the columns that use a type, and whether it must be recreated."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from autodiff.compare.renames import order_renames, temporary_column_name
from autodiff.errors import PlanError
from autodiff.plan.phases import Phase, PhasedOperations
from autodiff.schema.changes import (
    Change,
    ColumnAdded,
    ColumnAltered,
    ColumnRemoved,
    ConstraintAdded,
    ConstraintAltered,
    ConstraintRemoved,
    EnumAltered,
    EnumRenamed,
    EnumValueRenamed,
    IndexAdded,
    IndexAltered,
    IndexRemoved,
    TableAdded,
    TableRemoved,
    ViewAdded,
    ViewAltered,
    ViewRemoved,
)
from autodiff.schema.objects import Check, Column, Constraint, Index, Name, Schema
from autodiff.schema.operations import AlterEnum, EnumUser, RenameEnum, RenameEnumValue

__all__ = ["alter_enum", "default_first", "plan_enum_renames", "retyped_columns"]


def alter_enum(
    change: EnumAltered, changes: Sequence[Change], current: Schema, fills: Mapping[str, str]
) -> AlterEnum:
    """Return the operation for an enum type, with the columns that use it when it runs.

    `current` is the schema after the renames. A type is recreated if another operation of the same
    migration uses a value that this one adds: PostgreSQL refuses to use a value in the transaction
    that added it (https://www.postgresql.org/docs/current/sql-altertype.html#SQL-ALTERTYPE-NOTES).

    Raises PlanError if the type must be recreated and tables that are not managed use it.
    """
    before, after = change.before, change.after
    changed_values = set(before.values) ^ set(after.values)
    texts = [*_texts(changes, before.name), *fills.values()]
    recreate = any(value in text for value in changed_values for text in texts)
    users = tuple(_users(before.name, changes, current))
    operation = AlterEnum(before=before, after=after, users=users, anew=recreate)
    if before.elsewhere and not operation.only_adds:
        raise PlanError(
            f"cannot recreate enum {after.name}: tables that autodiff does not manage use it",
            hint="only add values at its end, or give those tables another type",
        )
    return operation


def default_first(
    change: ColumnAltered, changes: Sequence[Change]
) -> tuple[ColumnAltered | None, ColumnAltered]:
    """Split a change of a default that must happen before the enum type loses the old value.

    Returns the change to make before, None if there is none, and the remaining change. A default
    that is valid neither before nor after the type changes is dropped first and set last.
    """
    old, new = change.before.default, change.after.default
    if "default" not in change.fields or old is None or change.before.type.enum is None:
        return None, change
    enum = next((c for c in changes if _alters_enum_of(c, change)), None)
    if not isinstance(enum, EnumAltered):
        return None, change
    removed = set(enum.before.values) - set(enum.after.values)
    added = set(enum.after.values) - set(enum.before.values)
    if not any(value in old for value in removed):
        return None, change
    if new is not None and any(value in new for value in added):
        bare = replace(change.before, default=None)
        return replace(change, after=bare, fields=("default",)), replace(change, before=bare)
    early = replace(change, after=replace(change.before, default=new), fields=("default",))
    others = tuple(name for name in change.fields if name != "default")
    return early, replace(change, before=early.after, fields=others)


def _alters_enum_of(change: Change, column: ColumnAltered) -> bool:
    return (
        isinstance(change, EnumAltered)
        and change.before.name == column.before.type.enum == column.after.type.enum
    )


def retyped_columns(operations: Iterable[AlterEnum], current: Schema) -> dict[Name, list[str]]:
    """Return the columns, by table, whose enum type is recreated by the operations."""
    recreated = {operation.after.name for operation in operations if not operation.only_adds}
    found: dict[Name, list[str]] = {}
    for name, table in current.tables.items():
        for column in table.columns:
            if column.type.enum in recreated:
                found.setdefault(name, []).append(column.name)
    return found


def _users(enum: Name, changes: Sequence[Change], current: Schema) -> Iterator[EnumUser]:
    """Yield the columns that use a type.

    A computed column is left out: it is dropped and added around the type.
    """
    early = {
        (change.table, change.before.name): first.after.default
        for change in changes
        if isinstance(change, ColumnAltered)
        for first in [default_first(change, changes)[0]]
        if first is not None
    }
    for name, table in sorted(current.tables.items()):
        for column in table.columns:
            if column.type.enum == enum and column.computed is None:
                yield EnumUser(
                    table=name,
                    column=column.name,
                    default=early.get((name, column.name), column.default),
                    is_array=column.type.sql.endswith("[]"),
                )


def _texts(changes: Iterable[Change], enum: Name) -> Iterator[str]:
    """Yield the SQL texts of the changes that can contain a value of the enum type."""
    for change in changes:
        match change:
            case ColumnAdded(column=column) | ColumnRemoved(column=column):
                yield from _of_column(column, enum)
            case ColumnAltered(before=old, after=new, fields=fields):
                if {"default", "computed", "type"} & {*fields}:
                    yield from (*_of_column(old, enum), *_of_column(new, enum))
            case TableAdded(table=table) | TableRemoved(table=table):
                for column in table.columns:
                    yield from _of_column(column, enum)
                for part in (*table.constraints, *table.indexes):
                    yield from _of_part(part)
            case ConstraintAdded(constraint=part) | ConstraintRemoved(constraint=part):
                yield from _of_part(part)
            case IndexAdded(index=part) | IndexRemoved(index=part):
                yield from _of_part(part)
            case ConstraintAltered(before=part, after=other):
                yield from (*_of_part(part), *_of_part(other))
            case IndexAltered(before=part, after=other):
                yield from (*_of_part(part), *_of_part(other))
            case ViewAdded(view=view) | ViewRemoved(view=view):
                yield view.sql
            case ViewAltered(before=one, after=another):
                yield from (one.sql, another.sql)
            case _:
                pass


def _of_column(column: Column, enum: Name) -> Iterator[str]:
    if column.type.enum == enum and column.default:
        yield column.default
    if column.computed:
        yield column.computed.sql


def _of_part(part: Constraint | Index) -> Iterator[str]:
    if isinstance(part, Check):
        yield part.sql
    elif isinstance(part, Index):
        yield from (element.text for element in part.elements if element.is_expression)
        yield part.where or ""


def plan_enum_renames(changes: Sequence[Change], operations: PhasedOperations) -> None:
    """Plan the renames of types and then of values, each when its new name is free."""
    for change in changes:
        if isinstance(change, EnumRenamed):
            operations.add(Phase.RENAME, RenameEnum(before=change.before, after=change.after))
    values: dict[Name, list[tuple[str, str]]] = {}
    for change in changes:
        if isinstance(change, EnumValueRenamed):
            values.setdefault(change.enum, []).append((change.before, change.after))
    for enum, pairs in values.items():
        for old, new in order_renames(pairs, temporary_column_name):
            operations.add(Phase.RENAME, RenameEnumValue(enum=enum, before=old, after=new))
