"""How a database decides if the rows of a table are copied instead of altering a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from autodiff.schema.objects import Name

__all__ = ["TableCopies"]


class TableCopies(Protocol):
    """Decides about the tables of a connection, until other kinds of objects are changed."""

    def copies_back(self, name: Name) -> bool:
        """Return whether a rebuild copies the rows back, instead of renaming the new table."""

    def without_alter(self, name: Name, statements: Sequence[str]) -> Sequence[str]:
        """Return statements with the same effect as those that alter a table, if they are faster.

        They need a transaction with foreign keys off.
        """

    def replaces(self, name: Name, statements: Sequence[str]) -> bool:
        """Return whether a copy of a table shows the same as statements that alter it."""
