"""Write how far a run has come into its journal entry."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from autodiff.runner.journal import Entry, Journal, Progress

if TYPE_CHECKING:
    from collections.abc import Callable

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
        self._entry = entry
        self._later: Callable[[], Progress] | None = None
        self._connection = connection
        self._journal = journal
        self.is_undoing = undoing
        self._is_behind = False

    @property
    def entry(self) -> Entry:
        """The entry, with the progress that is still to be written."""
        later, self._later = self._later, None
        if later is not None:
            self._entry = self._with(later())
        return self._entry

    @entry.setter
    def entry(self, entry: Entry) -> None:
        self._entry, self._later = entry, None

    def done(self, seconds: float) -> Entry:
        """Return the entry of a run that has succeeded, which needs no progress."""
        return replace(self._entry, outcome="done", seconds=seconds, error=None)

    @property
    def earlier(self) -> Progress:
        """The progress of an earlier run in the same direction; empty if there was none."""
        progress = self.entry.progress
        return (progress.undone or Progress()) if self.is_undoing else progress

    def read_again(self) -> Progress | None:
        """Return the progress of this run as the database has it, None if it has none."""
        if self.entry.id is None:
            return None
        found = self._journal.find(self._connection, self.entry.id)
        if found is None:
            return None
        return found.progress.undone if self.is_undoing else found.progress

    @property
    def is_behind(self) -> bool:
        """Whether the last progress is still to be written."""
        return self._is_behind

    def write(self, progress: Progress) -> None:
        """Write the progress in the transaction that is open."""
        self.entry = self._journal.write(self._connection, self._with(progress))
        self._is_behind = False

    def write_ahead(self, progress: Progress) -> None:
        """Write the progress in a transaction that the next statement commits.

        It counts as behind until something else is written: a statement that the server cannot read
        commits nothing.
        """
        self.write(progress)
        self._is_behind = True

    def write_later(self, progress: Callable[[], Progress]) -> None:
        """Write the progress together with what follows; if that is the end, it is not computed.

        Until then, the journal has the announcement of the step that has just been done. If the
        run is killed, the catalog shows that the step took effect.
        """
        self._later = progress
        self._is_behind = True

    def write_now(self) -> None:
        """Write the progress that is still to be written."""
        self.entry = self._journal.write(self._connection, self.entry)
        self._is_behind = False

    def _with(self, progress: Progress) -> Entry:
        if self.is_undoing:
            progress = replace(self.entry.progress, undone=progress)
        return replace(self.entry, progress=progress, outcome="running", error=None)
