"""The command autodiff history."""

from __future__ import annotations

from typing import Annotated

from autodiff.cli.format import history_data, history_lines, log_data, log_lines
from autodiff.cli.options import flag
from autodiff.cli.shell import Shell

__all__ = ["run_history"]

Log = Annotated[bool, flag("--log", "List the runs that the database has recorded.")]


def run_history(shell: Shell, log: Log = False) -> None:
    """List the migrations in the folder, newest first.

    A star marks each head. No database is needed; autodiff status lists the
    migrations that the database has applied. With --log, list every run that
    the database has recorded: its time, user, duration and outcome.

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
