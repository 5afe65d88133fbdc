"""autodiff history."""

from __future__ import annotations

from autodiff.cli.shell import Shell
from autodiff.cli.texts import history_data, history_lines

__all__ = ["history"]


def history(shell: Shell) -> None:
    """List the migrations of the folder, newest first; a star marks the head.

    Needs no database: what it has had is said by `autodiff status`.

    Examples:
        autodiff history
        autodiff history --json
    """
    graph = shell.project().graph()
    if not graph:
        shell.note("no migrations yet")
    shell.answer(history_lines(graph), history_data(graph))
