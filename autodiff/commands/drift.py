"""What `check` finds: which of models, migrations and database moved alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["Drift"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """The three kinds of drift, each as lines for people; empty where there is none.

    models: what the models say and no migration does.
    pending: migrations that the database has not had.
    history: what is wrong with what the database has had: files that were edited, are missing, or
    come in between; a run that stopped half-way.
    edited: migrations whose files are not what the lock file says.
    by_hand: what was changed in the database without a migration.
    database: all that differs between the models and the database.
    notes: what could not be looked at, and why.
    """

    models: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()
    history: tuple[str, ...] = ()
    edited: tuple[str, ...] = ()
    by_hand: tuple[str, ...] = ()
    database: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return any(lines for _, lines, _ in self.sections())

    def to_data(self) -> dict[str, Any]:
        """As plain data, for --json."""
        return {"drift": bool(self), **{key: list(value) for key, value in asdict(self).items()}}

    def sections(self) -> list[tuple[str, Sequence[str], str]]:
        """(heading, lines, what to do) for each kind that was found."""
        every = (
            ("the models say what no migration does", self.models, 'autodiff generate -m "..."'),
            ("the database lacks migrations", self.pending, "autodiff upgrade"),
            (
                "files and history of the database differ",
                self.history,
                "autodiff repair lists the ways out",
            ),
            (
                "files and lock file differ",
                self.edited,
                "restore the files, or: autodiff lock (if they were not applied anywhere)",
            ),
            (
                "the database was changed by hand",
                self.by_hand,
                "put the change into the models and generate, or undo it",
            ),
            ("models and database differ", self.database, ""),
        )
        return [(heading, lines, todo) for heading, lines, todo in every if lines]
