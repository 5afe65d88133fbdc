"""Follow the tables of a database on paper, through the steps of migrations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from autodiff.lint.context import Action
from autodiff.lint.statements import UseIndex, ValidateConstraint
from autodiff.schema.apply import evolve, rename_references, rename_referred_column, spelled_as
from autodiff.schema.objects import Check, ForeignKey, Name, PrimaryKey, Table, Unique
from autodiff.schema.operations import (
    CreateTable,
    DropIndex,
    DropTable,
    Operation,
    RenameColumn,
    RenameIndex,
    RenameTable,
)

__all__ = ["tables_after"]

Tables = Mapping[Name, Table]
NOT_VALID = "postgresql_not_valid"


def tables_after(tables: Tables, action: Action, *, any_case: bool = False) -> Tables:
    """Return the tables after a step; the same mapping if it does not change them.

    A step that does not fit the tables leaves them as they are: the database will refuse it, or
    the tables are not completely known.

    Args:
        tables: The tables before it.
        action: The step.
        any_case: Whether names that differ only in case are equal.
    """
    try:
        return _after(tables, action, any_case)
    except KeyError:
        return tables


def _after(tables: Tables, action: Action, any_case: bool) -> Tables:
    match action:
        case CreateTable(table=table):
            return {**tables, table.name: table}
        case DropTable(name=name):
            return {key: table for key, table in tables.items() if key != name}
        case RenameTable(before=before, after=after):
            return _renamed(tables, action, before, after)
        case RenameColumn(table=owner, before=old, after=new):
            renamed = _evolved(tables, owner, action, any_case)
            return {
                name: table if name == owner else rename_referred_column(table, owner, old, new)
                for name, table in renamed.items()
            }
        case DropIndex(table=None, name=index) | RenameIndex(table=None, before=index):
            found = next((name for name, t in tables.items() if t.index(index) is not None), None)
            return tables if found is None else _evolved(tables, found, action, any_case)
        case ValidateConstraint(table=owner, name=constraint):
            return _with(tables, owner, lambda table: _validated(table, constraint))
        case UseIndex(table=owner):
            return _with(tables, owner, lambda table: _from_index(table, action))
        case _:
            altered = getattr(action, "table", None)
            if not isinstance(altered, Name) or altered not in tables:
                return tables
            return _evolved(tables, altered, action, any_case)


def _renamed(tables: Tables, action: RenameTable, before: Name, after: Name) -> Tables:
    if before not in tables:
        return tables
    moved = {
        (after if name == before else name): (evolve(table, action) if name == before else table)
        for name, table in tables.items()
    }
    return {name: rename_references(table, before, after) for name, table in moved.items()}


def _evolved(tables: Tables, owner: Name, action: Action, any_case: bool) -> Tables:
    if owner not in tables or not isinstance(action, Operation):
        return tables
    table = spelled_as(tables[owner], action) if any_case else tables[owner]
    return {**tables, owner: evolve(table, action)}


def _with(tables: Tables, owner: Name, change: Callable[[Table], Table]) -> Tables:
    return {**tables, owner: change(tables[owner])} if owner in tables else tables


def _validated(table: Table, name: str) -> Table:
    def valid(constraint: Check | ForeignKey) -> Check | ForeignKey:
        options = {key: value for key, value in constraint.options.items() if key != NOT_VALID}
        return replace(constraint, options=options)

    return replace(
        table,
        constraints=tuple(
            valid(c) if isinstance(c, Check | ForeignKey) and c.name == name else c
            for c in table.constraints
        ),
    )


def _from_index(table: Table, action: UseIndex) -> Table:
    """Replace an index by the constraint that takes it over."""
    index = table.index(action.index)
    if index is None:
        return table
    kind = PrimaryKey if action.primary else Unique
    return replace(
        table,
        indexes=tuple(i for i in table.indexes if i is not index),
        constraints=(
            *table.constraints,
            kind(name=action.name or index.name, columns=index.columns),
        ),
    )
