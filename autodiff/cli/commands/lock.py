"""autodiff lock."""

from __future__ import annotations

from autodiff.cli.format import shown
from autodiff.cli.shell import Shell

__all__ = ["lock"]


def lock(shell: Shell) -> None:
    """Write the lock file anew: from the models, the files and the database.

    After a merge, or after an edit to a migration that was not applied anywhere.

    Examples:
        autodiff lock
    """
    path = shown(shell.project().relock())
    shell.answer([path], {"path": path})
