"""autodiff rebase."""

from __future__ import annotations

from typing import Annotated

import typer

from autodiff.cli.format import rebase_data, rebase_lines, rebase_notes
from autodiff.cli.options import flag
from autodiff.cli.shell import Shell

__all__ = ["rebase"]


def rebase(
    shell: Shell,
    onto: Annotated[
        str | None,
        typer.Argument(
            metavar="ONTO",
            help="What stays: a git branch, or a migration of the other branch.",
            show_default="the main branch",
        ),
    ] = None,
    mine: Annotated[
        list[str] | None,
        typer.Option("--mine", metavar="TARGET", help="What moves; git is not asked. Repeatable."),
    ] = None,
    dry_run: Annotated[bool, flag("--dry-run", "List what would move, and write nothing.")] = False,
    no_rehearse: Annotated[
        bool, flag("--no-rehearse", "Do not run the moved migrations on a scratch first.")
    ] = False,
) -> None:
    """Set your branch's migrations behind those of the main branch.

    After a git merge or rebase, where both sides added migrations: your files
    get new parents and numbers, and the lock file is written anew, also where
    it is in conflict. Before that they are run behind the others, up and down.

    Examples:
        autodiff rebase
        autodiff rebase origin/develop
        autodiff rebase --mine 0003_add_phone --dry-run
    """
    found = shell.project().rebase(onto, mine=mine or (), rehearse=not no_rehearse)
    for note in rebase_notes(found):
        shell.note(f"note: {note}")
    if not dry_run:
        found.write()
    shell.answer(rebase_lines(found), rebase_data(found, written=not dry_run))
