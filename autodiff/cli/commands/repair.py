"""The command autodiff repair."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from autodiff.cli.format import problem_lines, repair_data, repair_lines
from autodiff.cli.guards import ask_at_terminal, confirm_environment
from autodiff.cli.options import Confirm, Yes, flag
from autodiff.cli.shell import Shell

__all__ = ["run_repair"]


def run_repair(
    shell: Shell,
    edited: Annotated[
        bool, flag("--edited", "Accept edited files: the database already matches them.")
    ] = False,
    missing: Annotated[
        bool, flag("--missing", "Remove the records of applied migrations whose files are missing.")
    ] = False,
    reordered: Annotated[
        bool,
        flag("--reordered", "Record pending migrations that come before applied ones as applied."),
    ] = False,
    half_way: Annotated[
        Literal["applied", "reverted"] | None,
        typer.Option(
            "--half-way",
            help="Record a migration that stopped half-way as applied or reverted, after you "
            "completed or reverted it manually.",
            show_default=False,
        ),
    ] = None,
    step: Annotated[
        Literal["done", "again"] | None,
        typer.Option(
            "--step",
            help="Answer whether the step that was sent last, and never confirmed, took effect: "
            "done, or again to send it again.",
            show_default=False,
        ),
    ] = None,
    yes: Yes = False,
    confirm: Confirm = None,
) -> int:
    """List problems in the migration history and how to fix them, or repair the records.

    Without an option, nothing is changed. With an option, the records are
    corrected; no migration runs and the schema does not change. At a terminal,
    repair lists the problems and asks first. Each repair is listed by autodiff
    history --log. Exit code 1: there are problems.

    Examples:
        autodiff repair
        autodiff repair --edited
        autodiff repair --half-way applied
        autodiff repair --step done
    """
    project = shell.project()
    repaired = []
    if edited or missing or reordered or half_way or step:
        confirm_environment(shell, project, confirm, "change the records of its history")
        if not yes and (found := project.problems()):
            ask_at_terminal(shell, ["problems:", *problem_lines(found)], "Change the records?")
        repaired = project.repair(
            edited=edited, missing=missing, reordered=reordered, half_way=half_way, step=step
        )
    problems = project.problems()
    shell.answer(repair_lines(repaired, problems), repair_data(repaired, problems))
    return int(bool(problems))
