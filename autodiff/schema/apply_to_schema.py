"""The schema after an operation, as a pure function: `evolve_schema(schema, operation)`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

from autodiff.schema.apply import evolve_tables
from autodiff.schema.objects import EnumType, Name, Schema, Table
from autodiff.schema.operations import (
    AlterEnum,
    AlterSequence,
    CreateEnum,
    CreateNamespace,
    CreateSequence,
    CreateView,
    DropEnum,
    DropNamespace,
    DropSequence,
    DropView,
    Operation,
    RenameEnum,
    RenameEnumValue,
)
from autodiff.utils.shared_dict import SharedDict

__all__ = ["evolve_schema"]

_T = TypeVar("_T")


def evolve_schema(schema: Schema, operation: Operation) -> Schema:
    """Return the schema after an operation; an operation that does not fit changes nothing.

    Statements that were written by hand are not understood, and change nothing either.
    """
    match operation:
        case CreateView(view=view):
            return replace(schema, views={**schema.views, view.name: view})
        case DropView(name=name):
            return replace(schema, views=_without(schema.views, name))
        case CreateSequence(sequence=sequence) | AlterSequence(after=sequence):
            return replace(schema, sequences={**schema.sequences, sequence.name: sequence})
        case DropSequence(name=name):
            return replace(schema, sequences=_without(schema.sequences, name))
        case CreateNamespace(name=text):
            return replace(schema, namespaces=schema.namespaces | {text})
        case DropNamespace(name=text):
            return replace(schema, namespaces=schema.namespaces - {text})
        case CreateEnum() | DropEnum() | AlterEnum() | RenameEnum() | RenameEnumValue():
            return replace(schema, enums=_enums(schema.enums, operation))
        case _:
            return replace(schema, tables=_tables(schema.tables, operation))


def _enums(
    enums: Mapping[Name, EnumType],
    operation: CreateEnum | DropEnum | AlterEnum | RenameEnum | RenameEnumValue,
) -> Mapping[Name, EnumType]:
    match operation:
        case CreateEnum(enum=enum) | AlterEnum(after=enum):
            return {**enums, enum.name: enum}
        case DropEnum(name=name):
            return _without(enums, name)
        case RenameEnum(before=before, after=after) if before in enums:
            return {**_without(enums, before), after: replace(enums[before], name=after)}
        case RenameEnumValue(enum=name, before=old, after=new) if name in enums:
            values = tuple(new if value == old else value for value in enums[name].values)
            return {**enums, name: replace(enums[name], values=values)}
        case _:
            return enums


def _tables(tables: Mapping[Name, Table], operation: Operation) -> Mapping[Name, Table]:
    changed = SharedDict(tables)
    try:
        evolve_tables(changed, operation)
    except KeyError:
        return tables
    return changed


def _without(items: Mapping[Name, _T], name: Name) -> dict[Name, _T]:
    return {other: item for other, item in items.items() if other != name}
