"""Plan migrations that do not block the application."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from autodiff.autogenerate.plan import Plan
from autodiff.dialects import Dialect
from autodiff.errors import ConfigError
from autodiff.plan.nonblocking.rewrite import online_steps
from autodiff.plan.nonblocking.steps import OnlineSteps

if TYPE_CHECKING:
    import sqlalchemy as sa

__all__ = ["online_plan", "refuse_offline"]


def refuse_offline(dialect: Dialect, format: str) -> None:
    """Raise ConfigError for a database or a format that has no migrations without blocking."""
    if not (dialect.features.deferred_checks or dialect.features.algorithms):
        raise ConfigError(
            f"generate --online is not possible on {dialect.name}: each change locks the database",
            hint="remove --online, or the setting online",
        )
    if format != "python":
        raise ConfigError(
            f"generate --online writes Python files, not {format}",
            hint="remove --format, or pass --no-online",
        )


def online_plan(connection: sa.Connection | None, plan: Plan) -> Plan:
    """Return a plan with the same result whose steps do not block reads and writes."""
    dialect = plan.dialect
    if not dialect.features.deferred_checks:
        from autodiff.rehearse.algorithms import with_algorithms

        return with_algorithms(connection, plan)
    tables = [*plan.current.tables.values(), *plan.desired.tables.values()]
    steps = OnlineSteps(
        upgrade=online_steps(plan.operations, tables, dialect),
        downgrade=online_steps(plan.reverse(), tables, dialect),
    )
    operations = tuple(step.operation for step in steps.upgrade)
    return replace(plan, online=steps, operations=operations)
