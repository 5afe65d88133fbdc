"""Adopt the case of names in the models, for databases that ignore case."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from autodiff.compare.renames import Rename, rename_in
from autodiff.dialects.base import Dialect
from autodiff.schema.objects import Name, Schema, Table
from autodiff.utils.sharing import keep_equal, map_shared, replace_changed

__all__ = ["adopt_case"]


def adopt_case(current: Schema, desired: Schema, dialect: Dialect) -> Schema:
    """Return the current schema with names of tables, columns and indexes spelled as in the models.

    Unchanged for a database to which `Users` and `users` are two names.
    """
    if not dialect.features.case_insensitive_names:
        return current
    tables_too = dialect.features.case_insensitive_tables
    respelled = _respelled(current.tables, desired.tables) if tables_too else []
    renamed = rename_in(current, respelled)
    columns = [
        Rename(table=name, column=old, to=new)
        for name, table in renamed.tables.items()
        if name in desired.tables
        for old, new in _respelled_columns(table, desired.tables[name])
    ]
    renamed = rename_in(renamed, columns)
    tables = {n: _parts(table, desired.tables.get(n)) for n, table in renamed.tables.items()}
    return replace(renamed, tables=tables)


def _respelled(current: Iterable[Name], desired: Iterable[Name]) -> list[Rename]:
    wanted = {(name.schema, name.name.lower()): name for name in desired}
    known = set(current)
    renames = []
    for name in sorted(known):
        other = wanted.get((name.schema, name.name.lower()))
        if other is not None and other != name and other not in known:
            renames.append(Rename(table=name, to=other.name))
    return renames


def _respelled_columns(current: Table, desired: Table) -> list[tuple[str, str]]:
    wanted = {column.name.lower(): column.name for column in desired.columns}
    pairs = ((column.name, wanted.get(column.name.lower())) for column in current.columns)
    return [(old, new) for old, new in pairs if new is not None and new != old]


def _parts(table: Table, desired: Table | None) -> Table:
    """Return the table with its indexes and constraints spelled as in the desired table."""
    if desired is None:
        return table
    named = [*desired.indexes, *desired.constraints]
    wanted = {part.name.lower(): part.name for part in named if part.name}

    def spelled(name: str | None) -> str | None:
        return keep_equal(name, wanted.get(name.lower(), name)) if name else name

    return replace_changed(
        table,
        indexes=map_shared(
            table.indexes, lambda index: replace_changed(index, name=spelled(index.name))
        ),
        constraints=map_shared(
            table.constraints, lambda item: replace_changed(item, name=spelled(item.name))
        ),
    )
