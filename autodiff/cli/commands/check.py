"""autodiff check."""

from __future__ import annotations

from typing import Annotated

from autodiff.cli.format import drift_lines
from autodiff.cli.options import Verbose, flag
from autodiff.cli.shell import Shell

__all__ = ["check"]


def check(
    shell: Shell,
    offline: Annotated[
        bool, flag("--offline", "Only models against migrations; asks no database.")
    ] = False,
    verbose: Verbose = False,
) -> int:
    """Tell what drifted: models, migrations, or the database.

    Exit code 0: no drift, 1: drift, 2: it could not be checked.
    With --offline, it needs no database: for a commit hook.

    Examples:
        autodiff check
        autodiff check --offline
        autodiff check --json
    """
    project = shell.project()
    drift = project.check(offline=offline)
    for note in drift.notes:
        shell.note(f"note: {note}")
    more = shell.note_left_alone(project) if verbose and not offline else {}
    shell.answer(drift_lines(drift), {**drift.to_data(), **more})
    return int(bool(drift))
