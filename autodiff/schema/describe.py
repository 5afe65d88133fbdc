"""Describe a change on one line: `+ column comments.timestamp`."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import assert_never

from autodiff.schema.changed_fields import changed_field, changed_value, shown
from autodiff.schema.changes import (
    Change,
    ColumnAdded,
    ColumnAltered,
    ColumnRemoved,
    ColumnRenamed,
    ColumnValueRenamed,
    ConstraintAdded,
    ConstraintAltered,
    ConstraintRemoved,
    ConstraintRenamed,
    EnumAdded,
    EnumAltered,
    EnumRemoved,
    EnumRenamed,
    EnumValueRenamed,
    IndexAdded,
    IndexAltered,
    IndexRemoved,
    IndexRenamed,
    NamespaceAdded,
    SequenceAdded,
    SequenceAltered,
    SequenceRemoved,
    TableAdded,
    TableCommentAltered,
    TableOptionsAltered,
    TableRemoved,
    TableRenamed,
    ViewAdded,
    ViewAltered,
    ViewRemoved,
)
from autodiff.schema.objects import Column, Constraint, Name, Sequence
from autodiff.schema.operations import KIND_WORDS, AlterEnum, constraint_kind
from autodiff.utils.quoting import one_line

__all__ = ["describe_change", "key_of_change"]

_UNTYPED = "no type"


_NUMBER = re.compile(r"(?P<quote>'?)-?\d+(\.\d+)?(?P=quote)")


def describe_change(change: Change) -> str:
    """Return one line: + for what is added, - for what is removed, ~ for what changes."""
    return one_line(_described(change))


def key_of_change(change: Change) -> str:
    """Return a text that is equal for equal changes, however SQL expressions are spelled."""
    match change:
        case ConstraintAltered() | IndexAltered():
            return f"{type(change).__name__} {change.table} {change.after.name} {change.fields}"
        case ColumnAltered(fields=names) if "computed" in names:
            return f"{change.table}.{change.after.name} {names}"
        case _:
            return describe_change(change)


def _described(change: Change) -> str:
    match change:
        case NamespaceAdded(name=name):
            return f"+ schema {name}"
        case TableAdded(table=table):
            return f"+ table {table.name}"
        case TableRemoved(table=table):
            return f"- table {table.name}"
        case TableRenamed(before=before, after=after):
            return f"~ table {before} -> {after}"
        case TableCommentAltered(table=name_):
            comments = changed_value(change.before, change.after)
            return f"~ comment of table {name_}{f': {comments}' if comments else ''}"
        case TableOptionsAltered(table=name_, options=options):
            listed = ", ".join(f"{key} {old} -> {new}" for key, old, new in options)
            return f"~ table {name_}: {listed}"
        case ColumnAdded(table=name_, column=column):
            return f"+ column {name_}.{column.name}"
        case ColumnRemoved(table=name_, column=column):
            return f"- column {name_}.{column.name}"
        case ColumnRenamed(table=name_, before=old_name, after=new_name):
            return f"~ column {name_}.{old_name} -> {new_name}"
        case ColumnAltered():
            return _altered_column(change)
        case _:
            return _other(change)


def _other(change: Change) -> str:
    match change:
        case ConstraintAdded(table=name, constraint=constraint):
            return f"+ {_constraint(name, constraint)}"
        case ConstraintRemoved(table=name, constraint=constraint):
            return f"- {_constraint(name, constraint)}"
        case ConstraintAltered(table=name, after=after):
            return f"~ {_constraint(name, after)}: {_fields(change)}"
        case ConstraintRenamed(table=name, before=before, after=after):
            return f"~ {_constraint(name, before)} -> {after.name}"
        case IndexAdded(table=name, index=index):
            return f"+ index {index.name} on {name}"
        case IndexRemoved(table=name, index=index):
            return f"- index {index.name} on {name}"
        case IndexAltered(table=name, after=index):
            return f"~ index {index.name} on {name}: {_fields(change)}"
        case IndexRenamed(table=name, before=index, after=other):
            return f"~ index {name}.{index.name} -> {other.name}"
        case EnumAdded(enum=enum):
            return f"+ enum {enum.name}"
        case EnumRemoved(enum=enum):
            return f"- enum {enum.name}"
        case EnumAltered(before=old, after=new):
            return AlterEnum(before=old, after=new).describe()
        case EnumRenamed(before=before, after=after):
            return f"~ enum {before} -> {after}"
        case EnumValueRenamed(enum=name, before=old_value, after=new_value):
            return f"~ enum {name}: {old_value} -> {new_value}"
        case ColumnValueRenamed(table=name, column=column, before=old_value, after=new_value):
            return f"~ values of {name}.{column}: {old_value} -> {new_value}"
        case SequenceAdded(sequence=sequence):
            return f"+ sequence {sequence.name}"
        case SequenceRemoved(sequence=sequence):
            return f"- sequence {sequence.name}"
        case SequenceAltered(before=old, after=new):
            return f"~ sequence {new.name}: {_sequence_options(old, new)}"
        case ViewAdded(view=view):
            return f"+ view {view.name}"
        case ViewRemoved(view=view):
            return f"- view {view.name}"
        case ViewAltered(after=view):
            return f"~ view {view.name}"
        case _:
            assert_never(change)  # type: ignore[arg-type]


def _constraint(table: Name, constraint: Constraint) -> str:
    kind = KIND_WORDS[constraint_kind(constraint)]
    return f"{kind} {table}.{constraint.name}" if constraint.name else f"{kind} {table}"


def _fields(change: ConstraintAltered | IndexAltered) -> str:
    return ", ".join(changed_field(name, change.before, change.after) for name in change.fields)


def _sequence_options(before: Sequence, after: Sequence) -> str:
    names = (part.name for part in fields(after))
    differing = (name for name in names if getattr(before, name) != getattr(after, name))
    return ", ".join(changed_field(name, before, after) for name in differing)


def _altered_column(change: ColumnAltered) -> str:
    parts = [_field(name, change.before, change.after) for name in change.fields]
    return f"~ column {change.table}.{change.after.name}: {', '.join(parts)}"


def _field(name: str, before: Column, after: Column) -> str:
    match name:
        case "type":
            return f"{before.type.sql or _UNTYPED} -> {after.type.sql or _UNTYPED}"
        case "nullable":
            return "nullable" if after.nullable else "not null"
        case "default":
            old, new = _spelled_alike(shown(before.default), shown(after.default))
            return f"default {old} -> {new}"
        case _:
            return changed_field(name, before, after)


def _spelled_alike(old: str, new: str) -> tuple[str, str]:
    """Return two defaults without quotes if both are numbers and only one is in quotes."""
    numbers = _NUMBER.fullmatch(old), _NUMBER.fullmatch(new)
    bare = old.strip("'"), new.strip("'")
    one_quoted = (bare[0] == old) != (bare[1] == new)
    return bare if all(numbers) and one_quoted and bare[0] != bare[1] else (old, new)
