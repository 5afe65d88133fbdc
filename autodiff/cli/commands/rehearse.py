"""The command autodiff rehearse."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from autodiff.cli.commands.lint import finding_lines
from autodiff.cli.options import complete_range, flag
from autodiff.cli.shell import Shell
from autodiff.errors import ConfigError

__all__ = ["run_rehearse"]


def run_rehearse(
    shell: Shell,
    target: Annotated[
        str | None,
        typer.Argument(
            metavar="TARGET",
            help="One migration (0004) or a range (0002:head). Those before it are only applied.",
            show_default="the whole history",
            autocompletion=complete_range,
        ),
    ] = None,
    from_data: Annotated[
        bool,
        flag(
            "--from-data",
            "Copy rows of the database instead of creating sample rows. Values are never printed.",
        ),
    ] = False,
    rows: Annotated[
        int,
        typer.Option(
            "--rows",
            metavar="N",
            min=1,
            help="With --from-data: how many rows of each table, plus the rows they reference.",
        ),
    ] = 100,
    no_rows: Annotated[bool, flag("--no-rows", "Leave the tables empty.")] = False,
    locks: Annotated[
        bool,
        flag("--locks", "List the statements with their locks, rewrites and algorithms."),
    ] = False,
) -> int:
    """Run migrations up, down and up again in a scratch database.

    The database itself is only read. At the head, the schema must match the
    models and the lock file; back at the base, nothing may be left.
    Exit codes: 0 all passed, 1 a migration failed, 2 the command could not run.

    Examples:
        autodiff rehearse
        autodiff rehearse 0002:head
        autodiff rehearse --from-data --rows 500
        autodiff rehearse 0004 --locks
    """
    if from_data and no_rows:
        raise ConfigError(
            "--from-data and --no-rows exclude each other", hint="pass only one of them"
        )
    kind: Literal["samples", "live", "none"] = "samples"
    kind = "live" if from_data else "none" if no_rows else kind
    project = shell.project()
    with shell.working("rehearsing") as describe:
        project.on_step(describe)
        rehearsal = project.rehearse(target, rows=kind, count=rows, lint=shell.json, estimate=locks)
    for note in rehearsal.notes:
        shell.note(f"note: {note}")
    measured = any(step.statements for step in rehearsal.steps)
    if locks and not measured:
        shell.note("note: locks and rewrites were not measured on this database")
    found = [line for finding in rehearsal.findings for line in finding_lines(finding)]
    *lines, result = rehearsal.lines(locks=locks)
    shell.answer([*lines, *found, result], rehearsal.to_data())
    return int(not rehearsal.passed)
