"""Distinguish the sequences of serial columns from those that models declare or no column owns."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from autodiff.dialects.base import Dialect
from autodiff.schema.objects import Column, Name, Schema, Table
from autodiff.schema.sqltext import unquote_identifier
from autodiff.utils.sharing import map_shared, replace_changed

__all__ = ["uses_sequence", "with_serials_as_declared"]

_NEXT_VALUE = re.compile(r"\bnextval\b|\bnext\s+value\b", re.IGNORECASE)
_QUALIFIER = r"""(?:(?P<schema>[\w$]+|"[^"]+"|`[^`]+`)\.)?"""


def with_serials_as_declared(current: Schema, desired: Schema, dialect: Dialect) -> Schema:
    """Return the current schema with the serial columns that the models mean.

    - A column that owns a sequence which the models declare is a column with a default, and the
      sequence is one of the schema.
    - A column whose default is the next value of a sequence that no column owns is a serial if the
      desired one is: rows get the same numbers. Its sequence is not one of the schema.
    """
    if not dialect.features.sequences:
        return current
    owned_sequences = current.owned_sequences if desired.sequences else {}
    declared = {
        (table, column): owned
        for (table, column), owned in owned_sequences.items()
        if owned.sequence.name in desired.sequences
        and not _is_serial(desired.tables.get(table), column)
    }
    tables = dict(current.tables)
    for (table, column), owned in declared.items():
        if table in tables and owned.default is not None:
            tables[table] = _with_column(
                tables[table], column, autoincrement=False, default=owned.default
            )
    sequences = {**current.sequences, **{o.sequence.name: o.sequence for o in declared.values()}}
    for table, column, default in _unowned_serials(current, desired, dialect):
        tables[table] = _with_column(tables[table], column, autoincrement=True, default=None)
        for name in sequences.keys() - desired.sequences.keys():
            if uses_sequence(default, name, dialect):
                del sequences[name]
    return replace_changed(current, tables=tables, sequences=sequences)


def uses_sequence(default: str, sequence: Name, dialect: Dialect) -> bool:
    """Return whether a default is computed from the next value of a sequence."""
    if sequence.name not in default or not _NEXT_VALUE.search(default):
        return False
    name = re.escape(sequence.name)
    found = re.finditer(rf"(?<![\w$.\"`]){_QUALIFIER}[\"`]?{name}(?![\w$])", default)
    schemas = [sequence.schema] if sequence.schema else ["", dialect.default_schema or ""]
    return any(unquote_identifier(match["schema"] or "") in schemas for match in found)


def _is_serial(table: Table | None, name: str) -> bool:
    column = table.column(name) if table is not None else None
    return column is not None and column.autoincrement


def _unowned_serials(
    current: Schema, desired: Schema, dialect: Dialect
) -> Iterator[tuple[Name, str, str]]:
    """Yield the current columns with the default of a serial, for desired columns that are one.

    Each is yielded as its table, its name and its default.
    """
    for name, table in desired.tables.items():
        present = current.tables.get(name)
        if present is None:
            continue
        for column in table.columns:
            old = present.column(column.name) if column.autoincrement else None
            if old is None or old.autoincrement or old.default is None:
                continue
            if dialect.is_next_value(old.default):
                yield name, column.name, old.default


def _with_column(table: Table, name: str, *, autoincrement: bool, default: str | None) -> Table:
    def changed(column: Column) -> Column:
        if column.name != name:
            return column
        return replace(column, autoincrement=autoincrement, default=default, options={})

    return replace(table, columns=map_shared(table.columns, changed))
