"""Collect the tables that migrations change."""

from __future__ import annotations

from collections.abc import Sequence

from autodiff.schema.objects import Name
from autodiff.schema.operations import AFFECT_ONE_TABLE, DropTable, Operation, Require, tables_of

__all__ = ["ChangedTables"]

_KNOWN = (*AFFECT_ONE_TABLE, DropTable)


class ChangedTables:
    """The tables whose definition or rows were changed since they were taken last.

    What triggers and foreign keys change in other tables is not included.
    """

    def __init__(self) -> None:
        self._names: set[Name] = set()
        self._is_any = False

    def add(self, operations: Sequence[Operation]) -> None:
        """Add the tables that operations change."""
        for operation in operations:
            if isinstance(operation, Require):
                continue
            names = tables_of(operation) if isinstance(operation, _KNOWN) else ()
            self._names.update(names)
            self._is_any |= not names

    def add_all(self) -> None:
        """Note that any table can have changed, and any other object."""
        self._is_any = True

    def take(self) -> frozenset[Name] | None:
        """Return the changed tables, None if all can have changed, and start again."""
        found = None if self._is_any else frozenset(self._names)
        self._names.clear()
        self._is_any = False
        return found
