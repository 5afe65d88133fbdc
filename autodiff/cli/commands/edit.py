"""The command autodiff edit."""

from __future__ import annotations

from autodiff.cli.format import short_path
from autodiff.cli.options import OptionalTargetArgument
from autodiff.cli.shell import Shell

__all__ = ["run_edit"]


def run_edit(shell: Shell, target: OptionalTargetArgument = None) -> None:
    """Open a migration in an editor and update the lock file.

    TARGET is the newest migration by default. The editor is that of the variable
    VISUAL or EDITOR. After a change, the migrations are run in a scratch database
    and the lock file is written. A migration that the database has is refused.

    Examples:
        autodiff edit
        autodiff edit 0003
    """
    from autodiff.commands.edit import editor_command, run_editor

    editor_command()
    edited = shell.project().edit(target, open_editor=run_editor)
    path = short_path(edited.migration.path)
    if edited.lock is None:
        shell.answer([f"{path}: nothing was changed"], {"path": path, "changed": False})
        return
    lock = short_path(edited.lock)
    shell.answer([path, lock], {"path": path, "lock": lock, "changed": True})
