"""Asks a person at the terminal what the schemas alone don't say."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from autodiff.compare import Candidate
    from autodiff.plan import FillNeeded, MapPossible

__all__ = ["Terminal", "somebody_is_there"]


def somebody_is_there() -> bool:
    """Whether questions can be asked: both ends are a terminal, and it is not a CI's."""
    return sys.stdin.isatty() and sys.stderr.isatty() and not os.environ.get("CI")


class Terminal:
    """A Questioner that asks on stderr. Ctrl-C ends the command with nothing written."""

    def is_rename(self, candidate: Candidate) -> bool | None:
        """Whether a candidate is a rename; no, if only Enter is pressed."""
        rename = candidate.rename
        question = f"Is {rename.what} renamed to {rename.becomes}? ({candidate.reason})"
        return typer.confirm(question, err=True)

    def fill(self, needed: FillNeeded) -> str | None:
        """A value for the rows, asked for until there is one, if there must be one."""
        if needed.found is not None:
            question = (
                f"{needed.key} becomes NOT NULL, and rows have no value ({needed.found}); "
                "value for them (now, a number, a text, sql:...), or nothing to mend them yourself"
            )
            given = typer.prompt(question, default="", show_default=False, err=True)
            return str(given).strip() or None
        question = (
            f"{needed.key} is NOT NULL and {needed.table} may have rows; "
            "value for them (now, a number, a text, sql:...)"
        )
        while not (value := str(typer.prompt(question, err=True)).strip()):
            pass
        return value

    def map_value(self, possible: MapPossible) -> str | None:
        """A value for the rows; none, if only Enter is pressed."""
        choices = ", ".join(possible.choices)
        question = f"{possible.key} goes away; value for rows that have it ({choices}, or none)"
        while True:
            value = str(typer.prompt(question, default="", show_default=False, err=True)).strip()
            if not value or value in possible.choices:
                return value or None
