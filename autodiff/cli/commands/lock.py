"""The command autodiff lock."""

from __future__ import annotations

from autodiff.cli.format import UNCOVERED_CHANGES, short_path
from autodiff.cli.shell import Shell

__all__ = ["run_lock"]


def run_lock(shell: Shell) -> None:
    """Rewrite the lock file by running the migrations in a scratch database.

    Changes of the models that no migration makes are not written, so that check
    still reports them. Run it after you edited a migration that was not applied anywhere. After a
    git merge in which both sides added migrations, run autodiff rebase instead.

    Examples:
        autodiff lock
    """
    project = shell.project()
    with shell.working("running the migrations in a scratch database"):
        path = short_path(project.relock())
    if project.check(offline=True).models:
        shell.note(f"note: {UNCOVERED_CHANGES}")
    shell.answer([path], {"path": path})
