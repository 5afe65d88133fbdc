"""Rehearse the history, and add what was measured to the findings of lint."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from autodiff.commands.lint import lint_project
from autodiff.errors import AutodiffError
from autodiff.rehearse import RehearsalRequest, RehearsedHistory, rehearse_history

if TYPE_CHECKING:
    from autodiff.workspace import Workspace

__all__ = ["rehearse_with_findings"]


def rehearse_with_findings(project: Workspace, request: RehearsalRequest) -> RehearsedHistory:
    """Rehearse migrations, and return the result with the findings in them.

    The findings have what the rehearsal measured. If `request.estimate` is set and the project has
    a database, they have what that says too, and estimates of durations.

    Raises what `rehearse_history` raises. If the migrations cannot be linted, a note says why.
    """
    rehearsal = rehearse_history(project, request)
    evidence = request.estimate and project.has_database
    notes = rehearsal.notes
    try:
        linted = lint_project(project, evidence=evidence, rehearsed=rehearsal.steps)
    except AutodiffError as error:
        return replace(rehearsal, notes=(*notes, f"not linted: {error.line}"))
    notes = (*notes, *(problem.line for problem in linted.problems))
    names = {step.name for step in rehearsal.steps}
    found = tuple(finding for finding in linted.findings if finding.migration in names)
    return replace(rehearsal, findings=found, notes=notes)
