"""autodiff merge."""

from __future__ import annotations

from typing import Annotated

import typer

from autodiff.cli.options import flag
from autodiff.cli.shell import Shell
from autodiff.cli.texts import MISSING, draft_data, shown

__all__ = ["merge"]


def merge(
    shell: Shell,
    heads: Annotated[
        list[str] | None,
        typer.Argument(metavar="[HEADS]...", help="Which to join.", show_default="all of them"),
    ] = None,
    message: Annotated[
        str | None, typer.Option("--message", "-m", help="What it is for.", show_default=False)
    ] = None,
    no_rehearse: Annotated[
        bool, flag("--no-rehearse", "Do not try both orders on a scratch first.")
    ] = False,
) -> None:
    """Join branches: write a migration, to be left empty, that comes after several heads.

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
    found.draft.write()
    data = draft_data(found.draft, written=True)
    shell.answer([shown(found.draft.path)], {**data, "notes": notes})
