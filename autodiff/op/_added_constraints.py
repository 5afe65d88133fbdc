"""Add constraints of SQLAlchemy to tables."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from autodiff.models.constraints import declare_constraint
from autodiff.op._conventions import script_metadata
from autodiff.op._declarations import name_added
from autodiff.op._executor import compiler_for, qualified_name
from autodiff.runner.context import current_executor
from autodiff.schema.objects import Exclusion, Option
from autodiff.schema.operations import AddConstraint

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["add_constraint"]


def add_constraint(
    table_name: str,
    schema: str | None,
    sa_constraint: Any,
    columns: Sequence[str],
    options: Mapping[str, Option] = MappingProxyType({}),
    *,
    keep_null: bool = False,
) -> None:
    """Add a constraint to a table.

    options: those that SQLAlchemy's constraint has no keyword for.
    keep_null: see AddConstraint.
    """
    executor = current_executor()
    sa.Table(
        table_name,
        script_metadata(),
        *(sa.Column(column, sa.Integer) for column in dict.fromkeys(columns)),
        sa_constraint,
        schema=schema,
    )
    constraint = declare_constraint(sa_constraint, executor.dialect, compiler_for(executor))
    if constraint is None:
        return
    if options and not isinstance(constraint, Exclusion):
        constraint = replace(constraint, options={**constraint.options, **options})
    name = qualified_name(table_name, schema)
    constraint = name_added(executor, name, constraint)
    executor.submit(AddConstraint(table=name, constraint=constraint, keep_null=keep_null))
