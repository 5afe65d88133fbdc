"""Write how far a run has come into its journal entry."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from autodiff.runner.journal import Entry, Journal, Progress

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["JournalWriter"]


class JournalWriter:
    """The journal entry of a run that is under way.

    A run that undoes the finished steps of another one writes its own progress below that of the
    other, as `Progress.undone`: a second run must know both.
    """

    def __init__(
        self, connection: Connection, journal: Journal, entry: Entry, *, undoing: bool
    ) -> None:
        self.entry = entry
        self._connection = connection
        self._journal = journal
        self._undoing = undoing

    @property
    def earlier(self) -> Progress:
        """The progress of an earlier run in the same direction; empty if there was none."""
        progress = self.entry.progress
        return (progress.undone or Progress()) if self._undoing else progress

    def read_again(self) -> Progress | None:
        """Return the progress of this run as the database has it, None if it has none."""
        if self.entry.id is None:
            return None
        found = self._journal.find(self._connection, self.entry.id)
        if found is None:
            return None
        return found.progress.undone if self._undoing else found.progress

    def write(self, progress: Progress) -> None:
        """Write the progress in the transaction that is open."""
        if self._undoing:
            progress = replace(self.entry.progress, undone=progress)
        entry = replace(self.entry, progress=progress, outcome="running", error=None)
        self.entry = self._journal.write(self._connection, entry)
