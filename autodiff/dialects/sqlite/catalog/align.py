"""Align a reflected table with the desired one, so that only real differences remain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from autodiff.dialects.sqlite.types import affinity_type, has_name
from autodiff.schema.objects import Column, Computed, Constraint, Option, PrimaryKey, Table, Unique
from autodiff.utils.sharing import altered, mapped

__all__ = ["align_parts"]

C = TypeVar("C", PrimaryKey, Unique)


def align_parts(current: Table, desired: Table) -> Table:
    """Return the table with the desired spelling of types, and without undeclared options."""
    wanted = {column.name: column for column in desired.columns}

    def column(item: Column) -> Column:
        other = wanted.get(item.name)
        if other is None or (item.type.sql == other.type.sql and _is_plain(item)):
            return item
        return _column(item, other, desired)

    return altered(
        current,
        columns=mapped(current.columns, column),
        constraints=mapped(current.constraints, lambda item: _constraint(item, desired)),
    )


def _is_plain(column: Column) -> bool:
    return column.computed is None and not column.options


def _column(column: Column, wanted: Column, desired: Table) -> Column:
    computed = column.computed
    if computed is not None and wanted.computed is not None and not wanted.computed.sql:
        # SQLAlchemy reflects no expression if GENERATED ALWAYS is omitted
        computed = Computed(sql="", persisted=computed.persisted)
    return altered(
        column,
        type=wanted.type if _is_same_type(column, wanted, desired) else column.type,
        computed=computed,
        options=_declared(column.options, wanted.options),
    )


def _is_same_type(column: Column, wanted: Column, desired: Table) -> bool:
    if column.type.sql == wanted.type.sql:
        return False  # there is nothing to align
    return _is_reflected_as(column.type.sql, wanted.type.sql) and not _is_rowid(wanted, desired)


def _is_reflected_as(sql: str, wanted: str) -> bool:
    """Return whether the wanted type is what SQLAlchemy reflects for a type without a class."""
    if sql == "INTEGER" and wanted == "INT":
        return True
    return not has_name(sql) and wanted in (affinity_type(sql), affinity_type(sql, bare=True))


def _is_rowid(column: Column, table: Table) -> bool:
    """Return whether INTEGER makes the column the rowid, which INT does not."""
    key = table.primary_key
    return key is not None and key.columns == (column.name,)


def _constraint(constraint: Constraint, desired: Table) -> Constraint:
    """Return the constraint without ON CONFLICT if models do not declare it.

    Models that were reflected cannot have it: SQLAlchemy does not reflect it.
    """
    if not isinstance(constraint, PrimaryKey | Unique) or not constraint.options:
        return constraint
    if isinstance(constraint, PrimaryKey):
        return _declared_options(constraint, desired.primary_key)
    uniques = [c for c in desired.constraints if isinstance(c, Unique)]
    same = (c for c in uniques if c.name in (constraint.name, None))
    wanted = next((c for c in same if c.columns == constraint.columns), None)
    return _declared_options(constraint, wanted)


def _declared_options(constraint: C, wanted: PrimaryKey | Unique | None) -> C:
    declared = wanted.options if wanted is not None else {}
    return altered(constraint, options=_declared(constraint.options, declared))


def _declared(
    options: Mapping[str, Option], declared: Mapping[str, Option]
) -> Mapping[str, Option]:
    if options.keys() <= declared.keys():
        return options
    return {name: value for name, value in options.items() if name in declared}
