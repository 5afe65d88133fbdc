"""Compare two tables of one name, with deepdiff over mappings keyed by name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from autodiff.schema.changes import (
    Change,
    ColumnAdded,
    ColumnAltered,
    ColumnRemoved,
    ConstraintAdded,
    ConstraintAltered,
    ConstraintRemoved,
    IndexAdded,
    IndexAltered,
    IndexRemoved,
    TableCommentAltered,
    TableOptionsAltered,
)
from autodiff.schema.json import to_data
from autodiff.schema.objects import Column, Constraint, Index, PrimaryKey, Table

__all__ = ["compare_tables", "constraint_key", "differing_paths"]

_PRIMARY_KEY = "\0primary key"
_KNOWN_REPORTS = frozenset(
    (
        "values_changed",
        "type_changes",
        "dictionary_item_added",
        "dictionary_item_removed",
        "iterable_item_added",
        "iterable_item_removed",
    )
)


def compare_tables(current: Table, desired: Table, *, before: Table, after: Table) -> list[Change]:
    """Return the changes between two tables: columns in their order, everything else by name.

    `current` and `desired` are normalized, and are compared. The changes contain `before` and
    `after`, which have the texts of the database and of the models.
    """
    if current == desired:
        return []
    paths = differing_paths(*_mappings(current, desired))
    table = after.name
    changes: list[Change] = []
    columns = [column.name for table in (after, before) for column in table.columns]
    for name, fields in sorted(_grouped(paths, "columns"), key=lambda g: columns.index(g[0])):
        changes.append(_column(before, after, name, fields))
    for name, fields in _grouped(paths, "constraints"):
        changes.append(_constraint(before, after, name, fields))
    for name, fields in _grouped(paths, "indexes"):
        changes.append(_index(before, after, name, fields))
    if current.comment != desired.comment:
        changes.append(TableCommentAltered(table=table, before=before.comment, after=after.comment))
    if current.options != desired.options:
        changes.append(_options(current, desired))
    return changes


def differing_paths(current: dict[str, Any], desired: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Return the paths at which two mappings differ, sorted."""
    from deepdiff import DeepDiff

    report = DeepDiff(
        current,
        desired,
        view="tree",
        threshold_to_diff_deeper=0,
        ignore_private_variables=False,
    )
    unknown = set(report) - _KNOWN_REPORTS
    if unknown:
        raise AssertionError(f"unknown report of deepdiff: {sorted(unknown)}")
    found = {
        tuple(level.path(output_format="list")) for levels in report.values() for level in levels
    }
    return sorted(found, key=lambda path: tuple(map(str, path)))


def _mappings(current: Table, desired: Table) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the parts of two tables that are not equal on both sides, by kind and name.

    Of a part on both sides, only the fields that differ are returned: deepdiff takes long for each
    value that it gets.
    """
    first: dict[str, Any] = {}
    second: dict[str, Any] = {}
    before, after = _parts(current), _parts(desired)
    for kind, old_parts in before.items():
        old_fields, new_fields = first.setdefault(kind, {}), second.setdefault(kind, {})
        for name in old_parts.keys() | after[kind].keys():
            old, new = old_parts.get(name), after[kind].get(name)
            if old is None or new is None:
                side, part = (old_fields, old) if new is None else (new_fields, new)
                side[name] = {} if part is None else _fields(part)
            elif old != new:
                old_fields[name], new_fields[name] = _differing(_fields(old), _fields(new))
    return first, second


def _differing(old: dict[str, Any], new: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return two mappings without the items that are equal in both."""
    # As text, because 1 and True are equal and not the same option.
    equal = {key for key in old.keys() & new.keys() if repr(old[key]) == repr(new[key])}
    return (
        {key: value for key, value in old.items() if key not in equal},
        {key: value for key, value in new.items() if key not in equal},
    )


def _parts(table: Table) -> dict[str, dict[str | None, Column | Constraint | Index]]:
    return {
        "columns": {column.name: column for column in table.columns},
        "constraints": {constraint_key(c): c for c in table.constraints},
        "indexes": {index.name: index for index in table.indexes},
    }


def _fields(noun: Column | Constraint | Index) -> dict[str, Any]:
    data: dict[str, Any] = to_data(noun)
    data.pop("implicit", None)
    if isinstance(noun, Column):
        data["type"] = noun.type.sql
    return data


def constraint_key(constraint: Constraint) -> str:
    """Return the key of a constraint in its table: its name, or a fixed one for the primary key."""
    return _PRIMARY_KEY if isinstance(constraint, PrimaryKey) else constraint.name or ""


def _grouped(paths: Iterable[tuple[Any, ...]], section: str) -> list[tuple[str, tuple[str, ...]]]:
    """Return (name, differing fields); no fields if the whole object is on one side only."""
    groups: dict[str, set[str]] = {}
    for path in paths:
        if path[0] == section:
            groups.setdefault(path[1], set()).update(map(str, path[2:3]))
    return [(name, tuple(sorted(groups[name]))) for name in sorted(groups)]


def _column(before: Table, after: Table, name: str, fields: tuple[str, ...]) -> Change:
    old, new = before.column(name), after.column(name)
    if old is not None and new is not None:
        return ColumnAltered(table=after.name, before=old, after=new, fields=fields)
    if new is not None:
        return ColumnAdded(table=after.name, column=new)
    assert old is not None
    return ColumnRemoved(table=after.name, column=old)


def _constraint(before: Table, after: Table, name: str, fields: tuple[str, ...]) -> Change:
    old = next((c for c in before.constraints if constraint_key(c) == name), None)
    new = next((c for c in after.constraints if constraint_key(c) == name), None)
    if old is not None and new is not None:
        return ConstraintAltered(table=after.name, before=old, after=new, fields=fields)
    if new is not None:
        return ConstraintAdded(table=after.name, constraint=new)
    assert old is not None
    return ConstraintRemoved(table=after.name, constraint=old)


def _index(before: Table, after: Table, name: str, fields: tuple[str, ...]) -> Change:
    old, new = before.index(name), after.index(name)
    if old is not None and new is not None:
        return IndexAltered(table=after.name, before=old, after=new, fields=fields)
    if new is not None:
        return IndexAdded(table=after.name, index=new)
    assert old is not None
    return IndexRemoved(table=after.name, index=old)


def _options(current: Table, desired: Table) -> Change:
    names = sorted({*current.options, *desired.options})
    return TableOptionsAltered(
        table=desired.name,
        options=tuple(
            (name, current.options.get(name), desired.options.get(name))
            for name in names
            if current.options.get(name) != desired.options.get(name)
        ),
    )
