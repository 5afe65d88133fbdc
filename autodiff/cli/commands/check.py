"""The command autodiff check."""

from __future__ import annotations

from typing import Annotated

from autodiff.cli.format import drift_lines
from autodiff.cli.options import Verbose, flag
from autodiff.cli.shell import Shell

__all__ = ["run_check"]


def run_check(
    shell: Shell,
    offline: Annotated[
        bool, flag("--offline", "Compare only the models with the migrations, without a database.")
    ] = False,
    verbose: Verbose = False,
) -> int:
    """Report drift between the models, the migrations and the database.

    Exit codes: 0 no drift, 1 drift, 2 the check could not run.
    With --offline, no database is needed, as in a commit hook.

    Examples:
        autodiff check
        autodiff check --offline
        autodiff check --json
    """
    project = shell.project()
    with shell.working("comparing the models, the migrations and the database"):
        drift = project.check(offline=offline)
    for note in drift.notes:
        shell.note(f"note: {note}")
    more = shell.note_unmanaged(project) if verbose and not offline else {}
    shell.answer(drift_lines(drift), {**drift.to_data(), **more})
    return int(bool(drift))
