"""The command autodiff merge."""

from __future__ import annotations

from typing import Annotated

import typer

from autodiff.cli.format import (
    UNCOVERED_CHANGES,
    draft_data,
    draft_text,
    rehearsal_lines,
    short_path,
)
from autodiff.cli.options import complete_target, flag
from autodiff.cli.shell import Shell

__all__ = ["run_merge"]


def run_merge(
    shell: Shell,
    heads: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="HEADS",
            help="The heads to join.",
            show_default="all heads",
            autocompletion=complete_target,
        ),
    ] = None,
    message: Annotated[
        str | None,
        typer.Option("--message", "-m", help="The name of the file.", show_default="merge"),
    ] = None,
    dry_run: Annotated[bool, flag("--dry-run", "Print the file; write nothing.")] = False,
    no_rehearse: Annotated[
        bool, flag("--no-rehearse", "Do not try both orders in a scratch database first.")
    ] = False,
) -> None:
    """Write an empty migration that joins several heads.

    First, merge applies the branches to a scratch database in both orders. Both
    must succeed and lead to the same schema. It reports tables and columns that
    both branches alter. To put one branch after the other instead, run autodiff
    rebase.

    Examples:
        autodiff merge
        autodiff merge -m "join billing and users"
        autodiff merge billing@head users@head
    """
    project = shell.project()
    with shell.working("running both orders in a scratch database"):
        merge = project.merge(message, heads=heads or (), rehearse=not no_rehearse)
    notes = [*merge.notes, *([UNCOVERED_CHANGES] if merge.missing else ())]
    for note in notes:
        shell.note(f"note: {note}")
    for line in rehearsal_lines(merge.draft.proof):
        shell.note(line)
    data = {**draft_data(merge.draft, written=not dry_run), "notes": notes}
    if dry_run:
        shell.answer_code(draft_text(merge.draft), "python", data)
        return
    merge.draft.write()
    shell.answer([short_path(merge.draft.path)], data)
