"""autodiff history."""

from __future__ import annotations

from typing import Annotated

from autodiff.cli.format import history_data, history_lines, log_data, log_lines
from autodiff.cli.options import flag
from autodiff.cli.shell import Shell

__all__ = ["history"]

Log = Annotated[bool, flag("--log", "List the runs that the database has seen.")]


def history(shell: Shell, log: Log = False) -> None:
    """List the migrations of the folder, newest first; a star marks the head.

    Needs no database: what it has had is said by `autodiff status`. With --log
    the database lists every run instead: when, who, how long, how it ended.

    Examples:
        autodiff history
        autodiff history --json
        autodiff history --log
    """
    if log:
        entries = shell.project().log()
        shell.answer(log_lines(entries), log_data(entries))
        return
    graph = shell.project().graph()
    if not graph:
        shell.note("no migrations yet")
    shell.answer(history_lines(graph), history_data(graph))
