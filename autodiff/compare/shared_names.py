"""Find names that a new table and another table would share, where the database allows it once.

A table that was renamed keeps the names of its keys and indexes. A new table under its old name
would take the same ones.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace

from autodiff.dialects.base import Dialect
from autodiff.schema.naming import default_name, name_constraints
from autodiff.schema.objects import Constraint, Index, Name, Schema, Table

__all__ = ["names_of_new_tables", "schema_wide_names", "with_names_for_new_tables"]


def with_names_for_new_tables(current: Schema, desired: Schema, dialect: Dialect) -> Schema:
    """Return the desired schema with names for the constraints that would share one otherwise.

    If a new table needs the name of an unnamed constraint of another table, the constraints of
    that table get the names that it would have as a new table, so that they are renamed. A name
    that another table declares is left to it: the new table gets the next free one.
    """
    new = [table for name, table in desired.tables.items() if name not in current.tables]
    if not new or not current.tables:
        return desired
    limit = dialect.features.max_name_length
    declared: dict[str | None, set[str]] = defaultdict(set)
    for table in desired.tables.values():
        declared[table.name.schema] |= set(schema_wide_names(table, dialect))
    tables = dict(desired.tables)
    for table in new:
        tables[table.name] = _with_free_names(table, declared[table.name.schema], dialect, limit)
    wanted = {
        Name(part, table.name.schema)
        for table in new
        for part in schema_wide_names(name_constraints(tables[table.name], limit), dialect)
    }
    for name, present in current.tables.items():
        kept = tables.get(name)
        if kept is None or not wanted & _qualified(present, dialect):
            continue
        tables[name] = name_constraints(kept, limit)
    return replace(desired, tables=tables)


def _with_free_names(table: Table, declared: set[str], dialect: Dialect, limit: int) -> Table:
    """Return a new table with a numbered name for each constraint whose usual name is declared."""
    own = {part.name for part in (*table.constraints, *table.indexes) if part.name}
    constraints: list[Constraint] = []
    for constraint in table.constraints:
        if constraint.name is None and dialect.catalog.has_schema_wide_name(constraint):
            usual = default_name(table, constraint, own, limit)
            if usual in declared:
                free = default_name(table, constraint, own | declared, limit)
                constraint = replace(constraint, name=free)
                own.add(free)
        constraints.append(constraint)
    return replace(table, constraints=tuple(constraints))


def _qualified(table: Table, dialect: Dialect) -> set[Name]:
    return {Name(part, table.name.schema) for part in schema_wide_names(table, dialect)}


def names_of_new_tables(tables: Iterable[Table], dialect: Dialect) -> set[Name]:
    """Return the names that the parts of new tables take in their schemas."""
    return {name for table in tables for name in _qualified(table, dialect)}


def schema_wide_names(table: Table, dialect: Dialect) -> Iterator[str]:
    """Yield the names of a table's parts that no other table of the schema can use."""
    parts: tuple[Constraint | Index, ...] = (*table.constraints, *table.indexes)
    for part in parts:
        if part.name is not None and dialect.catalog.has_schema_wide_name(part):
            yield part.name
