"""The names of columns, constraints and indexes that become free only after a deploy."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from autodiff.dialects.base import Dialect
from autodiff.errors import PlanError
from autodiff.plan.migration_plan import MigrationPlan
from autodiff.plan.nonblocking.late import folded, is_one_name
from autodiff.plan.nonblocking.refusals import refusal
from autodiff.schema.apply_to_schema import evolve_schema
from autodiff.schema.objects import Constraint, Index, Name, Table
from autodiff.schema.operations import (
    AddColumn,
    DropConstraint,
    DropIndex,
    Operation,
    RenameColumn,
    RenameConstraint,
    RenameIndex,
    RenameTable,
)

__all__ = ["refuse_late_names", "refuse_taken_columns", "takes_late_name"]


def refuse_taken_columns(plan: MigrationPlan) -> None:
    """Raise PlanError for a column with the name of another one, which waits for the deploy."""
    renames = [o for o in plan.operations if isinstance(o, RenameTable)]
    schema = reduce(evolve_schema, renames, plan.current)
    old: set[tuple[Name, str]] = set()
    for operation in plan.operations:
        match operation:
            case RenameColumn(table=name, before=before, after=after) if not is_one_name(
                operation, plan
            ):
                old.add((name, folded(before, plan)))
                table = schema.tables.get(name)
                names = {folded(c.name, plan) for c in table.columns} if table else set()
                if folded(after, plan) in names:
                    raise _taken_name(f"rename {name}.{before} to {after}", after)
            case AddColumn(table=name, column=column):
                if (name, folded(column.name, plan)) in old:
                    raise _taken_name(f"add {name}.{column.name}", column.name)


def refuse_late_names(table: Table, contract: Sequence[Operation], dialect: Dialect) -> None:
    """Raise PlanError for a new table with a name that is free only after `contract`."""
    parts = (*table.constraints, *table.indexes)
    names = [p.name for p in parts if takes_late_name(table.name, p, contract, dialect)]
    if not dialect.features.index_names_per_table and _is_late_name(
        table.name.name, table.name, contract, is_wide=True
    ):
        names.append(table.name.name)
    if names:
        raise refusal(
            f"create table {table.name}",
            f"an index or a constraint of another table is called {names[0]} until the deploy",
            "drop or rename that one in a migration of its own, and deploy that first",
        )


def takes_late_name(
    table: Name, part: Constraint | Index, contract: Sequence[Operation], dialect: Dialect
) -> bool:
    """Return whether the name of a new part is free only after a change in `contract`."""
    is_wide = dialect.catalog.has_schema_wide_name(part)
    return part.name is not None and _is_late_name(part.name, table, contract, is_wide=is_wide)


def _is_late_name(name: str, table: Name, contract: Sequence[Operation], *, is_wide: bool) -> bool:
    """Return whether a part of the table has the name until `contract`.

    is_wide: whether parts of other tables of its schema count too.
    """
    return any(
        isinstance(o, DropIndex | DropConstraint | RenameIndex | RenameConstraint)
        and o.table is not None
        and (o.table == table or (is_wide and o.table.schema == table.schema))
        and (o.before if isinstance(o, RenameIndex | RenameConstraint) else o.name) == name
        for o in contract
    )


def _taken_name(action: str, name: str) -> PlanError:
    return refusal(
        action,
        f"another column is called {name} until the deploy",
        "give the other column another name, or drop it, in a migration of its own, and deploy "
        "that first",
    )
