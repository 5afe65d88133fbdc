"""Remove the differences between a table and its model that a model cannot or need not declare.

`align_parts` runs after reflection and before the two tables are compared. It changes only the
current table, in three places:

1. types: SQLAlchemy reflects a type that it has no class for by its affinity, so a model that was
   generated from a column MONEY(10) declares NUMERIC(10); and it drops the arguments that its class
   does not accept, so a model of a column DATETIME(6) declares DATETIME;
2. generated columns: SQLAlchemy loses the expression if GENERATED ALWAYS is omitted;
3. options that a model does not declare, such as ON CONFLICT, which SQLAlchemy does not reflect.

A part is replaced only if SQLite would treat both spellings the same. INTEGER and INT differ in a
primary key, for example: only INTEGER makes the column an alias of the rowid. Too much alignment
hides drift, and too little makes each migration rebuild the table again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from autodiff.dialects.sqlite.types import reflected_types
from autodiff.schema.objects import Column, Computed, Constraint, Option, PrimaryKey, Table, Unique
from autodiff.utils.sharing import map_shared, replace_changed

__all__ = ["align_parts"]

C = TypeVar("C", PrimaryKey, Unique)


def align_parts(current: Table, desired: Table) -> Table:
    """Return the current table without differences that the desired table does not declare."""
    wanted = {column.name: column for column in desired.columns}

    def column(item: Column) -> Column:
        other = wanted.get(item.name)
        if other is None or (item.type.sql == other.type.sql and _is_plain(item)):
            return item
        return _column(item, other, desired)

    return replace_changed(
        current,
        columns=map_shared(current.columns, column),
        constraints=map_shared(current.constraints, lambda item: _constraint(item, desired)),
    )


def _is_plain(column: Column) -> bool:
    return column.computed is None and not column.options


def _column(column: Column, wanted: Column, desired: Table) -> Column:
    computed = column.computed
    if computed is not None and wanted.computed is not None and not wanted.computed.sql:
        # SQLAlchemy reflects no expression if GENERATED ALWAYS is omitted
        computed = Computed(sql="", persisted=computed.persisted)
    can_stay = column.nullable or not wanted.nullable  # ON CONFLICT is a part of NOT NULL
    return replace_changed(
        column,
        type=wanted.type if _is_same_type(column, wanted, desired) else column.type,
        computed=computed,
        options=_declared(column.options, wanted.options) if can_stay else column.options,
    )


def _is_same_type(column: Column, wanted: Column, desired: Table) -> bool:
    if column.type.sql == wanted.type.sql:
        return False  # equal, so nothing to replace
    return _is_reflected_as(column.type.sql, wanted.type.sql) and not _is_rowid(wanted, desired)


def _is_reflected_as(sql: str, declared: str) -> bool:
    """Return whether SQLAlchemy may reflect the type `sql` as the declared type."""
    return (sql, declared) == ("INTEGER", "INT") or declared in reflected_types(sql)


def _is_rowid(column: Column, table: Table) -> bool:
    """Return whether the column is the whole primary key: there, INTEGER and INT differ.

    https://www.sqlite.org/lang_createtable.html#rowid
    """
    key = table.primary_key
    return key is not None and key.columns == (column.name,)


def _constraint(constraint: Constraint, desired: Table) -> Constraint:
    """Return a key without ON CONFLICT if the desired key has none.

    SQLAlchemy does not reflect ON CONFLICT, so models usually lack it.
    """
    if not isinstance(constraint, PrimaryKey | Unique) or not constraint.options:
        return constraint
    if isinstance(constraint, PrimaryKey):
        return _without_undeclared(constraint, desired.primary_key)
    uniques = [c for c in desired.constraints if isinstance(c, Unique)]
    same = (c for c in uniques if c.name in (constraint.name, None))
    wanted = next((c for c in same if c.columns == constraint.columns), None)
    return _without_undeclared(constraint, wanted)


def _without_undeclared(constraint: C, wanted: PrimaryKey | Unique | None) -> C:
    declared = wanted.options if wanted is not None else {}
    return replace_changed(constraint, options=_declared(constraint.options, declared))


def _declared(
    options: Mapping[str, Option], declared: Mapping[str, Option]
) -> Mapping[str, Option]:
    """Return the options that are declared; the same object if all of them are."""
    if options.keys() <= declared.keys():
        return options
    return {name: value for name, value in options.items() if name in declared}
