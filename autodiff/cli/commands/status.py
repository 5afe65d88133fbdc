"""autodiff status."""

from __future__ import annotations

from autodiff.cli.shell import Shell
from autodiff.cli.texts import status_data, status_lines

__all__ = ["status"]


def status(shell: Shell) -> None:
    """List the migrations that the database has had, and those it has not.

    The database says so itself: applied migrations stand in its table
    autodiff_history.

    Examples:
        autodiff status
        autodiff status --url postgresql://user@host/production
    """
    found = shell.project().status()
    shell.answer(status_lines(found), status_data(found))
