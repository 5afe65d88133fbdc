"""autodiff merge."""

from __future__ import annotations

from typing import Annotated

import typer

from autodiff.cli.format import MISSING, draft_data, draft_text, shown
from autodiff.cli.options import flag
from autodiff.cli.shell import Shell

__all__ = ["merge"]


def merge(
    shell: Shell,
    heads: Annotated[
        list[str] | None,
        typer.Argument(metavar="HEADS", help="Which to join.", show_default="all of them"),
    ] = None,
    message: Annotated[
        str | None,
        typer.Option("--message", "-m", help="What the file is named after.", show_default="merge"),
    ] = None,
    dry_run: Annotated[bool, flag("--dry-run", "Print the file and write nothing.")] = False,
    no_rehearse: Annotated[
        bool, flag("--no-rehearse", "Do not try both orders on a scratch first.")
    ] = False,
) -> None:
    """Join branches: write an empty migration that comes after several heads.

    First it applies the branches to a scratch, one before the other and the
    other way round: both must work and come to the same. What both alter is
    told. autodiff rebase sets one behind the other instead.

    Examples:
        autodiff merge
        autodiff merge -m "join billing and users"
        autodiff merge billing@head users@head
    """
    found = shell.project().merge(message, heads=heads or (), rehearse=not no_rehearse)
    notes = [*found.notes, *([MISSING] if found.missing else ())]
    for note in notes:
        shell.note(f"note: {note}")
    data = {**draft_data(found.draft, written=not dry_run), "notes": notes}
    if dry_run:
        shell.answer_code(draft_text(found.draft), "python", data)
        return
    found.draft.write()
    shell.answer([shown(found.draft.path)], data)
