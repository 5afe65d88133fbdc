"""The command autodiff rebase."""

from __future__ import annotations

from typing import Annotated

import typer

from autodiff.cli.completion import complete_git_ref, complete_target
from autodiff.cli.format import rebase_data, rebase_lines, rebase_notes
from autodiff.cli.options import flag
from autodiff.cli.shell import Shell

__all__ = ["run_rebase"]


def run_rebase(
    shell: Shell,
    onto: Annotated[
        str | None,
        typer.Argument(
            metavar="ONTO",
            help="The branch that stays: a git branch, or one of its migrations.",
            show_default="the main branch",
            autocompletion=complete_git_ref,
        ),
    ] = None,
    mine: Annotated[
        list[str] | None,
        typer.Option(
            "--mine",
            metavar="TARGET",
            help="A migration of the branch that moves; git is not consulted. Repeatable.",
            autocompletion=complete_target,
        ),
    ] = None,
    dry_run: Annotated[
        bool, flag("--dry-run", "List the migrations that would move; write nothing.")
    ] = False,
    no_rehearse: Annotated[
        bool, flag("--no-rehearse", "Do not run the moved migrations in a scratch database first.")
    ] = False,
) -> None:
    """Move this branch's migrations after those of the main branch.

    Run it after a git merge or rebase in which both sides added migrations. Your
    migrations are first run up and down after the others in a scratch database.
    Then they get new parents and numbers, and the lock file is rewritten, even if
    it contains conflict markers.

    Examples:
        autodiff rebase
        autodiff rebase origin/develop
        autodiff rebase --mine 0003_add_phone --dry-run
    """
    project = shell.project()
    with shell.working("rehearsing the moved migrations") as describe:
        project.on_step(describe)
        rebase = project.rebase(onto, mine=mine or (), rehearse=not no_rehearse)
    for note in rebase_notes(rebase):
        shell.note(f"note: {note}")
    if not dry_run:
        rebase.write()
    shell.answer(rebase_lines(rebase), rebase_data(rebase, written=not dry_run))
