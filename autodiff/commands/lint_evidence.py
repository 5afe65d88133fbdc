"""Attach to findings what the database and the rehearsal say about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from autodiff.dialects import dialect_of
from autodiff.errors import AutodiffError, ConfigError, DatabaseError, HistoryError, one_line
from autodiff.lint import Evidence, Finding
from autodiff.runner.alembic_versions import version_rows, version_table
from autodiff.utils.connections import database_errors

if TYPE_CHECKING:
    import sqlalchemy as sa

    from autodiff.commands.generate import Draft
    from autodiff.commands.lint_folders import LintFolder
    from autodiff.evidence import Measured
    from autodiff.migrations import Migration
    from autodiff.rehearse import RehearsedStep
    from autodiff.rehearse.rates import Rates
    from autodiff.schema.objects import Name
    from autodiff.workspace import Workspace

__all__ = ["LintedFolder", "attach_evidence", "attach_to_draft"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LintedFolder:
    """A folder, its migrations in their order, and the findings in them."""

    folder: LintFolder
    order: Sequence[Migration]
    findings: tuple[Finding, ...]


def attach_evidence(
    project: Workspace,
    linted: Sequence[LintedFolder],
    rehearsed: Sequence[RehearsedStep],
    *,
    live: bool,
    connection: sa.Connection | None = None,
) -> tuple[list[Finding], list[AutodiffError]]:
    """Return the findings with their evidence, and why it is incomplete.

    Args:
        project: The project.
        linted: The findings, by folder.
        rehearsed: The migrations that were rehearsed, with what was measured.
        live: Whether to ask the project's database.
        connection: A connection to it that is already open.
    """
    if rehearsed:
        from autodiff.evidence import with_rehearsal

        statements = {step.name: step.statements for step in rehearsed}
        linted = [
            replace(item, findings=with_rehearsal(item.findings, statements)) for item in linted
        ]
    if live and any(item.findings for item in linted):
        rates = {name: rate for step in rehearsed for name, rate in step.rates.items()}
        return _with_live_rows(project, linted, rates, connection)
    return [finding for item in linted for finding in item.findings], []


def _with_live_rows(
    project: Workspace,
    linted: Sequence[LintedFolder],
    rates: Mapping[Name, Rates],
    opened: sa.Connection | None,
) -> tuple[list[Finding], list[AutodiffError]]:
    found: list[Finding] = []
    left = list(linted)
    try:
        with (
            project.connect() if opened is None else nullcontext(opened) as connection,
            database_errors(connection.engine.url),
        ):
            while left:
                measured = _measured(project, connection, left[0], rates)
                found += measured.findings
                del left[0]
                if measured.problem is not None:
                    raise DatabaseError(
                        f"the evidence is incomplete: {measured.problem}",
                        hint="run it again when the database is available",
                    )
    except (DatabaseError, ConfigError, HistoryError) as error:
        return [*found, *(finding for item in left for finding in item.findings)], [error]
    return found, []


def _measured(
    project: Workspace,
    connection: sa.Connection,
    linted: LintedFolder,
    rates: Mapping[Name, Rates],
) -> Measured:
    from autodiff.evidence import measure_live  # loads many modules

    applied = _applied(project, connection, linted.folder)
    return measure_live(
        connection,
        dialect_of(connection),
        linted.findings,
        [migration for migration in linted.order if migration.revision not in applied],
        seconds=project.config.evidence_timeout,
        rates=rates,
    )


def _applied(project: Workspace, connection: sa.Connection, folder: LintFolder) -> set[str]:
    """Return the applied revisions; for another folder, those of Alembic's version table."""
    if folder.own:
        return set(project.runner(connection, folder.graph).applied())
    table = version_table(folder.version_table, folder.version_table_schema)
    versions = version_rows(connection, table) or ()
    connection.rollback()
    return folder.graph.lineage([version for version in versions if version in folder.graph])


def attach_to_draft(
    project: Workspace, draft: Draft, migration: Migration, findings: tuple[Finding, ...]
) -> tuple[Finding, ...]:
    """Return the findings in a draft with their evidence, marked if it is incomplete."""
    from autodiff.evidence import measure_live, with_rehearsal

    if draft.proof is not None:
        findings = with_rehearsal(findings, {migration.name: draft.proof.statements})
    if not findings or not draft.is_live:
        return findings
    try:
        with project.connect() as connection:
            measured = measure_live(
                connection,
                dialect_of(connection),
                findings,
                [migration],
                seconds=project.config.evidence_timeout,
                rates=draft.proof.rates if draft.proof is not None else {},
            )
    except (DatabaseError, ConfigError) as error:
        return _marked_incomplete(findings, error.message)
    if measured.problem is not None:
        return _marked_incomplete(measured.findings, measured.problem)
    return measured.findings


def _marked_incomplete(findings: Sequence[Finding], reason: str) -> tuple[Finding, ...]:
    """Return findings with the reason why their evidence is incomplete."""
    mark = Evidence(fact="incomplete", value=reason, text=one_line(f"not measured: {reason}"))
    return tuple(replace(finding, evidence=(*finding.evidence, mark)) for finding in findings)
