"""Plan migrations that do not block the application."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import reduce
from typing import TYPE_CHECKING, NoReturn

from autodiff.autogenerate.plan import Plan
from autodiff.dialects import Dialect
from autodiff.errors import ConfigError
from autodiff.plan.migration_plan import Finding
from autodiff.plan.nonblocking.phases import PhasePlan, split_phases
from autodiff.plan.nonblocking.rewrite import online_steps, rewrites
from autodiff.plan.nonblocking.steps import OnlineStep, OnlineSteps, plain_steps
from autodiff.plan.nonblocking.type_changes import blocking, reason_against
from autodiff.schema.apply_to_schema import evolve_schema
from autodiff.schema.operations import AlterColumn

if TYPE_CHECKING:
    import sqlalchemy as sa

__all__ = ["online_plans", "refuse_format", "refuse_offline"]


def refuse_offline(dialect: Dialect, format: str) -> None:
    """Raise ConfigError for a database or a format that has no migrations without blocking."""
    if not (dialect.features.deferred_checks or dialect.features.algorithms):
        raise ConfigError(
            f"generate --online is not possible on {dialect.name}: every ALTER TABLE and every "
            "index locks the whole database, whatever the migration looks like",
            hint="pass --no-online, or remove the setting online, and apply the migration when the "
            "application writes little",
        )
    if format != "python":
        refuse_format(format, "--format, or the setting format")


def refuse_format(format: str, option: str) -> NoReturn:
    """Raise ConfigError for a format without steps that are recorded one by one.

    option: what names the format.
    """
    raise ConfigError(
        f"generate --online writes Python files, not {format}: in such a file, the steps outside "
        "of the transaction cannot be recorded and resumed one by one",
        hint=f"write a Python file: remove {option}; or pass --no-online",
    )


def online_plans(connection: sa.Connection | None, plan: Plan) -> tuple[Plan, ...]:
    """Return plans with the same result, one after the other, that do not block the application.

    There are several if a new version of the application must be deployed between them.

    Raises PlanError for a change that is not possible while the application is running.
    """
    whole = PhasePlan(plan=plan, stages=(plan.operations,), downgrade=tuple(plan.reverse()))
    parts = (whole,) if plan.reversible_operations else split_phases(plan) or (whole,)
    return tuple(_with_steps(connection, part) for part in parts)


def _with_steps(connection: sa.Connection | None, part: PhasePlan) -> Plan:
    plan = Plan.of(part.plan)
    if not plan.dialect.features.deferred_checks:
        from autodiff.rehearse.algorithms import with_algorithms

        steps = OnlineSteps(
            upgrade=plain_steps(plan.operations), downgrade=plain_steps(part.downgrade)
        )
        return with_algorithms(connection, replace(plan, online=steps))
    upgrade: list[OnlineStep] = []
    schema = plan.current
    for stage in part.stages:
        after = reduce(evolve_schema, stage, schema)
        upgrade += online_steps(stage, schema, after, plan.dialect)
        schema = after
    steps = OnlineSteps(
        upgrade=tuple(upgrade),
        downgrade=online_steps(part.downgrade, plan.desired, plan.current, plan.dialect),
    )
    findings = (*plan.findings, *_rewriting(plan))
    operations = tuple(step.operation for step in steps.upgrade)
    return replace(plan, online=steps, operations=operations, findings=findings)


def _rewriting(plan: Plan) -> Iterator[Finding]:
    """Yield a finding for each new type that rewrites its table all the same."""
    schema = plan.current
    for operation in plan.operations:
        if isinstance(operation, AlterColumn) and rewrites(operation, schema, plan.dialect):
            reason = reason_against(operation, schema, plan.dialect)
            if reason is not None:
                yield blocking(operation, reason)
        schema = evolve_schema(schema, operation)
