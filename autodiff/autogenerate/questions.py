"""Questions that the schemas alone do not answer, and who answers them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

from autodiff.compare import Candidate
from autodiff.plan import DataLoss, FillNeeded, MapPossible

__all__ = ["Assume", "NoAnswers", "Questioner"]

Assume = Literal["drop-and-add"] | None
"""What to assume about a possible rename. None asks the questioner."""


class Questioner(Protocol):
    """Answers questions about a difference. None means that there is no answer."""

    def is_rename(self, candidate: Candidate) -> bool | None:
        """Return whether a possible rename is one."""

    def fill(self, needed: FillNeeded) -> str | None:
        """Return a value for the existing rows of a column."""

    def map_value(self, possible: MapPossible) -> str | None:
        """Return the new value of the rows whose enum value is removed."""

    def may_drop(self, tables: Sequence[DataLoss]) -> bool:
        """Return whether a migration that drops these tables may be written."""


class NoAnswers:
    """A questioner without answers, so that an open question ends in an error."""

    def is_rename(self, candidate: Candidate) -> bool | None:
        """Return None."""
        return None

    def fill(self, needed: FillNeeded) -> str | None:
        """Return None."""
        return None

    def map_value(self, possible: MapPossible) -> str | None:
        """Return None."""
        return None

    def may_drop(self, tables: Sequence[DataLoss]) -> bool:
        """Return False."""
        return False
