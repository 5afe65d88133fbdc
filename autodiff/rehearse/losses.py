"""Find the rows and values that a migration lost, by comparing the rows before and after it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from autodiff.schema.name_map import NameMap
from autodiff.schema.objects import Name
from autodiff.utils.counting import counted
from autodiff.utils.shared_dict import differing_keys

__all__ = ["RenamedValues", "RowsByTable", "find_losses", "guess_renames"]

TableRows = list[dict[str, Any]]
RowsByTable = Mapping[Name, TableRows]
RenamedValues = Mapping[tuple[Name, str], Mapping[str, str]]
"""The new names of renamed values, by the old names of their table and column."""

ColumnKeys = Collection[tuple[Name, str]]

_NO_VALUES: RenamedValues = MappingProxyType({})


def find_losses(
    before: RowsByTable,
    after: RowsByTable,
    direction: str,
    names: NameMap,
    values: RenamedValues = _NO_VALUES,
    *,
    converted: ColumnKeys = (),
    ignored: ColumnKeys = (),
) -> list[str]:
    """Return a line for each table that lost rows, and for each column that lost values.

    A table that is not in `after` was dropped. Columns are named as in `before`.

    converted: the columns with another type in `after`: only their NULLs can be compared.
    ignored: the columns to leave out.
    """
    # Tables that did not change share their rows, and there may be thousands.
    changed = sorted(name for name in differing_keys(before, after) if name in before)
    dropped = [name for name in changed if names.table_after(name) not in after and before[name]]
    lines = [f"{direction}: the rows of table {name}" for name in dropped]
    for name in changed:
        new_rows = after.get(names.table_after(name))
        if new_rows is not None:
            kept = [
                {column: value for column, value in row.items() if (name, column) not in ignored}
                for row in before[name]
            ]
            lines += _table_losses(name, kept, new_rows, direction, names, values, converted)
    return lines


def _table_losses(
    table: Name,
    old_rows: TableRows,
    new_rows: TableRows,
    direction: str,
    names: NameMap,
    values: RenamedValues,
    converted: ColumnKeys,
) -> Iterator[str]:
    if len(new_rows) < len(old_rows):
        yield f"{direction}: {counted(len(old_rows) - len(new_rows), 'row')} of table {table}"
        return
    for column in old_rows[0] if old_rows else ():
        renamed = values.get((table, column), {})
        old = _column_values(old_rows, column)
        found = _column_values(new_rows, names.column_after(table, column))
        if (table, column) in converted:
            lost = len(found) < len(old)
        elif found == old and not renamed:
            lost = False
        else:
            lost = bool(Counter(renamed.get(value, value) for value in old) - Counter(found))
        if lost:
            yield f"{direction}: the values of {table}.{column}"


def _column_values(rows: Iterable[dict[str, Any]], column: str) -> list[str]:
    """Return the values of a column as texts, sorted; an empty list if there is no such column."""
    return sorted(str(row[column]) for row in rows if column in row and row[column] is not None)


def guess_renames(before: RowsByTable, after: RowsByTable) -> NameMap:
    """Return the renames that the rows show, for migrations whose operations are not known.

    A table that disappeared is taken to be a new table with as many rows and the same values, and
    a column that disappeared to be a new column with all its values: NULLs may have been filled.
    """
    differing = sorted(differing_keys(before, after))
    changed = [name for name in differing if name in before]
    tables: dict[Name, Name] = {}
    new_tables = [name for name in differing if name not in before]
    for name in changed:
        if name not in after and before[name]:
            match = next((new for new in new_tables if _same_rows(before[name], after[new])), None)
            if match is not None:
                tables[name] = match
                new_tables.remove(match)
    columns: dict[tuple[Name, str], str] = {}
    for name in changed:
        new_rows = after.get(tables.get(name, name), [])
        for old, new in _renamed_columns(before[name], new_rows):
            columns[name, old] = new
    return NameMap(tables=tables, columns=columns)


def _same_rows(old_rows: TableRows, new_rows: TableRows) -> bool:
    """Return whether most columns have the same values in both."""
    if len(old_rows) != len(new_rows):
        return False
    new_values = [_column_values(new_rows, column) for column in (new_rows[0] if new_rows else ())]
    kept = [
        column
        for column in (old_rows[0] if old_rows else ())
        if _column_values(old_rows, column) in new_values
    ]
    return bool(old_rows) and 2 * len(kept) > len(old_rows[0])


def _renamed_columns(old_rows: TableRows, new_rows: TableRows) -> Iterator[tuple[str, str]]:
    """Yield the old and the new name of each column whose values are all in a new column."""
    if not old_rows or not new_rows:
        return
    new_columns = [column for column in new_rows[0] if column not in old_rows[0]]
    for column in old_rows[0]:
        values = _column_values(old_rows, column)
        if column not in new_rows[0] and values:
            for new_column in new_columns:
                if Counter(values) <= Counter(_column_values(new_rows, new_column)):
                    yield column, new_column
                    break
