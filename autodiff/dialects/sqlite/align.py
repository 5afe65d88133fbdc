"""The current table without what models need not say, so that only real differences are left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

from autodiff.dialects.sqlite.types import affinity_type, has_name
from autodiff.schema import Column, Computed, Constraint, Option, PrimaryKey, Table, Unique

__all__ = ["align_parts"]

C = TypeVar("C", PrimaryKey, Unique)


def align_parts(current: Table, desired: Table) -> Table:
    """The table's types, keys and uniques as far as the desired one speaks of them."""
    return replace(
        current,
        columns=tuple(_column(column, current, desired) for column in current.columns),
        constraints=tuple(_constraint(item, desired) for item in current.constraints),
    )


def _column(column: Column, current: Table, desired: Table) -> Column:
    wanted = desired.column(column.name)
    if wanted is None:
        return column
    computed = column.computed
    if computed is not None and wanted.computed is not None and not wanted.computed.sql:
        # SQLAlchemy reflects no text where GENERATED ALWAYS is left out
        computed = Computed(sql="", persisted=computed.persisted)
    same = _same_type(column, wanted) and not _is_rowid(wanted, desired)
    return replace(
        column,
        type=wanted.type if same else column.type,
        computed=computed,
        options=_said(column.options, wanted.options),
    )


def _same_type(column: Column, wanted: Column) -> bool:
    """Whether the wanted type is what SQLAlchemy reflects of one that it has no name for."""
    sql = column.type.sql
    said = wanted.type.sql
    if sql == "INTEGER" and said == "INT":
        return True
    return not has_name(sql) and said in (affinity_type(sql), affinity_type(sql, bare=True))


def _is_rowid(column: Column, table: Table) -> bool:
    """Whether the word INTEGER makes a rowid of the column, which INT does not."""
    key = table.primary_key
    return key is not None and key.columns == (column.name,)


def _constraint(constraint: Constraint, desired: Table) -> Constraint:
    """ON CONFLICT is left alone where the models don't speak of it: nothing reflects it."""
    match constraint:
        case PrimaryKey():
            return _unspoken(constraint, desired.primary_key)
        case Unique():
            uniques = [c for c in desired.constraints if isinstance(c, Unique)]
            same = (c for c in uniques if c.name in (constraint.name, None))
            return _unspoken(
                constraint, next((c for c in same if c.columns == constraint.columns), None)
            )
        case _:
            return constraint


def _unspoken(constraint: C, wanted: PrimaryKey | Unique | None) -> C:
    said = wanted.options if wanted is not None else {}
    return replace(constraint, options=_said(constraint.options, said))


def _said(options: Mapping[str, Option], said: Mapping[str, Option]) -> dict[str, Option]:
    return {name: value for name, value in options.items() if name in said}
