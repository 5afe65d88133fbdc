"""Review drift: how the models, the migrations and the database differ, and the SQL to end it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from autodiff.commands.check import check_drift, check_drift_offline
from autodiff.commands.diff import DiffRequest, diff_states
from autodiff.commands.drift import Drift
from autodiff.commands.review.changes import change_of_line
from autodiff.commands.review.migrations import problem_of
from autodiff.errors import AutodiffError
from autodiff.lint.finding import SEVERITIES, Finding
from autodiff.lint.replay import tables_after
from autodiff.report import MigrationSql, Picture, Review
from autodiff.schema.describe import describe_change
from autodiff.schema.name_map import NameMap

if TYPE_CHECKING:
    from autodiff.autogenerate.plan import Plan
    from autodiff.schema.objects import Name, Table
    from autodiff.workspace import Workspace

__all__ = ["review_drift"]

_REASON = "The models, the migrations and the database must describe the same schema."


def review_drift(project: Workspace, *, offline: bool = False) -> Review:
    """Return the review of drift.

    Without a database, or if it cannot be reached, the models are compared with the migrations.

    Raises HistoryError, ConfigError or ModelsError if not even that is possible.
    """
    review = Review(subject="drift", title="drift")
    if offline or not project.has_database:
        note = "the database was not compared"
        return replace(_with_drift(review, check_drift_offline(project)), notes=(note,))
    try:
        drift = check_drift(project)
        plan = diff_states(project, DiffRequest()) if drift.database or drift.models else None
    except (AutodiffError, SQLAlchemyError) as error:
        found = _with_drift(review, check_drift_offline(project))
        return replace(found, problems=(problem_of("the database", error),))
    review = _with_drift(review, drift)
    return review if plan is None else _with_plan(review, plan)


def _with_drift(review: Review, drift: Drift) -> Review:
    lines = dict.fromkeys((*drift.models, *drift.database))
    return replace(
        review,
        findings=tuple(_findings(drift)),
        changes=tuple(change_of_line(line) for line in lines if line[:2] in ("+ ", "- ", "~ ")),
        notes=drift.notes,
    )


def _findings(drift: Drift) -> Iterator[Finding]:
    """Yield a finding for each difference; one between models and database only if it is new."""
    shown: set[str] = set()
    for heading, lines, todo in drift.sections():
        field = next(part.name for part in fields(drift) if getattr(drift, part.name) is lines)
        for line in lines:
            if field == "database" and line in shown:
                continue
            shown.add(line)
            yield Finding(
                code=f"drift-{field.replace('_', '-')}",
                name=heading,
                severity="warning",
                message=f"{heading}: {line}",
                reason=_REASON,
                safe_way=todo or 'autodiff generate -m "..."',
            )


def _with_plan(review: Review, plan: Plan) -> Review:
    found = [
        Finding(
            code=item.code,
            name=item.code,
            severity=next((s for s in SEVERITIES if s == item.severity), "info"),
            message=item.message,
            reason="",
            safe_way=item.hint or "",
            object=item.place,
        )
        for item in plan.findings
    ]
    tables: Mapping[Name, Table] = plan.current.tables
    for operation in plan.operations:
        tables = tables_after(tables, operation)
    return replace(
        review,
        databases=(str(plan.dialect),),
        changes=tuple(change_of_line(describe_change(change)) for change in plan.changes),
        sql=(MigrationSql(database=str(plan.dialect), statements=tuple(plan.sql())),)
        if plan.changes
        else (),
        losses=plan.data_loss,
        findings=(*review.findings, *found),
        picture=Picture(
            before=plan.current.tables, after=tables, names=NameMap.of_operations(plan.operations)
        ),
    )
