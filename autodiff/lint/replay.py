"""Follow the tables of a database on paper, through the steps of migrations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from autodiff.lint.context import Action
from autodiff.lint.statements import UseIndex, ValidateConstraint
from autodiff.schema.apply import evolve_tables, spelled_like, with_table_of_index
from autodiff.schema.objects import Check, ForeignKey, Name, PrimaryKey, Table, Unique
from autodiff.schema.operations import Operation, tables_of
from autodiff.utils.shared_dict import SharedDict

__all__ = ["tables_after"]

Tables = Mapping[Name, Table]
NOT_VALID = "postgresql_not_valid"


def tables_after(tables: Tables, action: Action, *, any_case: bool = False) -> Tables:
    """Return the tables after a step.

    A step that does not fit the tables leaves them unchanged: either the database will refuse it,
    or the tables are only partly known.

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
        case ValidateConstraint(table=owner, name=constraint):
            return _with(tables, owner, lambda table: _validated(table, constraint))
        case UseIndex(table=owner):
            return _with(tables, owner, lambda table: _from_index(table, action))
        case _ if isinstance(action, Operation):
            return _evolved(tables, with_table_of_index(tables, action), any_case)
        case _:
            return tables


def _evolved(tables: Tables, operation: Operation, any_case: bool) -> Tables:
    changed = SharedDict(tables)
    for name in tables_of(operation) if any_case else ():
        if name in changed:
            operation = spelled_like(operation, changed[name])
    evolve_tables(changed, operation)
    return changed


def _with(tables: Tables, owner: Name, change: Callable[[Table], Table]) -> Tables:
    if owner not in tables:
        return tables
    changed = SharedDict(tables)
    changed[owner] = change(tables[owner])
    return changed


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
