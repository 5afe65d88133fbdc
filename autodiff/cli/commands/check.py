"""The command autodiff check."""

from __future__ import annotations

from typing import Annotated

import typer

from autodiff.cli.format import drift_lines
from autodiff.cli.options import Verbose, flag
from autodiff.cli.shell import Shell
from autodiff.errors import ConfigError

__all__ = ["run_check"]


def run_check(
    shell: Shell,
    offline: Annotated[
        bool, flag("--offline", "Compare only the models with the migrations, without a database.")
    ] = False,
    against: Annotated[
        str | None,
        typer.Option(
            "--against",
            metavar="GITREV",
            help="Check a rolling deploy instead: send the statements of the models of this git "
            "revision to the schemas of the pending migrations.",
        ),
    ] = None,
    no_cache: Annotated[
        bool,
        flag("--no-cache", "Compare everything, even if nothing changed since the last check."),
    ] = False,
    verbose: Verbose = False,
) -> int:
    """Report drift between the models, the migrations and the database.

    Exit codes: 0 no drift, 1 drift, 2 the check could not run.
    With --offline, no database is needed, as in a commit hook.
    With --against: 0 old and new code can run side by side, 1 they cannot.

    Examples:
        autodiff check
        autodiff check --offline
        autodiff check --against origin/main
        autodiff check --json
    """
    if against is not None:
        return _check_against(shell, against, offline=offline)
    project = shell.project()
    with shell.working("comparing the models, the migrations and the database"):
        drift = project.check(offline=offline, cache=not no_cache)
    for note in drift.notes:
        shell.note(f"note: {note}")
    more = shell.note_unmanaged(project) if verbose and not offline else {}
    shell.answer(drift_lines(drift), {**drift.to_data(), **more})
    return int(bool(drift))


def _check_against(shell: Shell, revision: str, *, offline: bool) -> int:
    if offline:
        raise ConfigError(
            "--against and --offline exclude each other",
            hint="--against needs a scratch database: pass it without --offline",
        )
    deploy = shell.project().check_against(revision)
    for note in deploy.notes:
        shell.note(f"note: {note}")
    shell.answer(deploy.lines(), deploy.to_data())
    return int(not deploy.safe)
