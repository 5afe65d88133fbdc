"""The result of `check`: how the models, the migrations and the database differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["Drift"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """The kinds of drift, each as lines for people; empty if there is none.

    models: changes in the models that no migration covers.
    pending: migrations that are not applied to the database.
    history: problems of the applied migrations: files that were edited, are missing or were added
        in between, and runs that did not finish.
    edited: migrations whose files differ from the lock file.
    by_hand: changes in the database that no migration made.
    database: all differences between the models and the database.
    notes: what could not be compared, and why.
    has_several_heads: whether an upgrade must name its target.
    """

    models: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()
    history: tuple[str, ...] = ()
    edited: tuple[str, ...] = ()
    by_hand: tuple[str, ...] = ()
    database: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    has_several_heads: bool = False

    def __bool__(self) -> bool:
        return any(lines for _, lines, _ in self.sections())

    def to_data(self) -> dict[str, Any]:
        """Return plain data, for --json."""
        lines = asdict(self)
        del lines["has_several_heads"]
        return {"drift": bool(self), **{key: list(value) for key, value in lines.items()}}

    def sections(self) -> list[tuple[str, Sequence[str], str]]:
        """Return (heading, lines, what to do) for each kind of drift that was found."""
        upgrade = "autodiff upgrade heads" if self.has_several_heads else "autodiff upgrade"
        every = (
            (
                "the models have changes that no migration covers",
                self.models,
                'autodiff generate -m "..."',
            ),
            ("migrations are not applied to the database", self.pending, upgrade),
            (
                "migration files and the history of the database differ",
                self.history,
                "autodiff repair (lists how to fix each problem)",
            ),
            (
                "migration files and the lock file differ",
                self.edited,
                "restore the files; or autodiff lock, if they are not applied to any database",
            ),
            (
                "the database was changed by hand",
                self.by_hand,
                "add the change to the models and run autodiff generate, or revert it",
            ),
            ("the models and the database differ", self.database, ""),
        )
        return [(heading, lines, todo) for heading, lines, todo in every if lines]
