"""autodiff repair."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from autodiff.cli.format import repair_data, repair_lines
from autodiff.cli.options import flag
from autodiff.cli.shell import Shell

__all__ = ["repair"]


def repair(
    shell: Shell,
    edited: Annotated[
        bool, flag("--edited", "Edited files count as they are now; the database has it all.")
    ] = False,
    missing: Annotated[
        bool, flag("--missing", "Forget what was applied and has no file any more.")
    ] = False,
    reordered: Annotated[
        bool,
        flag("--reordered", "What comes before applied migrations counts as applied, too."),
    ] = False,
    half_way: Annotated[
        Literal["applied", "reverted"] | None,
        typer.Option(
            "--half-way",
            help="What stopped half-way was put right by hand: all of it is there, or nothing.",
            show_default=False,
        ),
    ] = None,
) -> int:
    """List what is wrong with the history, and each way out; or mend its records.

    Without an option it changes nothing. With one it puts the records right,
    and runs nothing: the schema is yours to look after. Each repair is in
    autodiff history --log. Exit code 1: something is wrong (still).

    Examples:
        autodiff repair
        autodiff repair --edited
        autodiff repair --half-way applied
    """
    project = shell.project()
    mended = []
    if edited or missing or reordered or half_way:
        mended = project.repair(
            edited=edited, missing=missing, reordered=reordered, half_way=half_way
        )
    problems = project.problems()
    shell.answer(repair_lines(mended, problems), repair_data(mended, problems))
    return int(bool(problems))
