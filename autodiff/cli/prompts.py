"""Ask the user at the terminal for decisions that the schemas do not determine."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from autodiff.cli.format import data_loss_lines
from autodiff.cli.terminal import ask_text, ask_yes_no, print_lines
from autodiff.utils.quoting import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autodiff.compare import Candidate
    from autodiff.plan import DataLoss, FillNeeded, MapPossible

__all__ = ["TerminalQuestioner", "is_interactive"]


def is_interactive() -> bool:
    """Return whether a user can answer questions: in a terminal, and not in CI."""
    return sys.stdin.isatty() and sys.stderr.isatty() and not os.environ.get("CI")


class TerminalQuestioner:
    """A Questioner that asks on stderr; Ctrl-C ends the command before anything is written."""

    def is_rename(self, candidate: Candidate) -> bool | None:
        """Ask whether a candidate is a rename; Enter alone means no."""
        rename = candidate.rename
        question = f"Was {rename.what} renamed to {rename.becomes}? ({candidate.reason})"
        return ask_yes_no(question)

    def fill(self, needed: FillNeeded) -> str | None:
        """Ask for a value for existing rows, repeatedly if the value is required."""
        if needed.found is not None:
            question = (
                f"{needed.key} becomes NOT NULL, but rows have no value ({needed.found}); "
                "value for these rows (now, a number, a string, sql:...), or Enter to fix them "
                "manually"
            )
            while True:
                value = ask_text(question)
                if not value or _is_accepted(needed, value):
                    return value or None
        question = (
            f"{needed.key} is NOT NULL and {needed.table} may have rows; "
            "value for existing rows (now, a number, a string, sql:...)"
        )
        while True:
            value = ask_text(question, required=True)
            if value and _is_accepted(needed, value):
                return value

    def may_drop(self, tables: Sequence[DataLoss]) -> bool:
        """Ask whether tables may be dropped; Enter alone means no."""
        print_lines(data_loss_lines(tables), sys.stderr)
        count = "this table" if len(tables) == 1 else f"these {len(tables)} tables"
        return ask_yes_no(f"Write a migration that drops {count}?")

    def map_value(self, possible: MapPossible) -> str | None:
        """Ask which value replaces a removed one; Enter alone means none."""
        choices = ", ".join(possible.choices)
        question = (
            f"{possible.key} is removed; value for rows that have it ({choices}, or Enter for none)"
        )
        while True:
            value = ask_text(question)
            if not value or value in possible.choices:
                return value or None


def _is_accepted(needed: FillNeeded, value: str) -> bool:
    """Return whether a value fits the type of its column, and print the reason if it does not."""
    from autodiff.plan.fill_values import fill_problem

    problem = fill_problem(needed.column, value)
    if problem is not None:
        line = f"{value!r} {problem}: {needed.key} is {needed.column.type.sql}"
        print_lines([one_line(line)], sys.stderr)
    return problem is None
