"""The command autodiff lock."""

from __future__ import annotations

from autodiff.cli.format import short_path
from autodiff.cli.shell import Shell

__all__ = ["run_lock"]


def run_lock(shell: Shell) -> None:
    """Rewrite the lock file from the models, the migrations and the database.

    Run it after you edited a migration that was not applied anywhere. After a
    git merge in which both sides added migrations, run autodiff rebase instead.

    Examples:
        autodiff lock
    """
    path = short_path(shell.project().relock())
    shell.answer([path], {"path": path})
