"""Run statements in a scratch database."""

from __future__ import annotations

from collections.abc import Sequence

from autodiff.runner.sinks import LiveSink
from autodiff.schema.objects import Name

__all__ = ["ScratchSink"]


class ScratchSink(LiveSink):
    """Copies small tables instead of altering hundreds of them, if that shows the same."""

    def copies_table(self, name: Name, statements: Sequence[str]) -> bool:
        """Ask the database."""
        return self._dialect.catalog.is_copied_in_scratch(self._connection, name, statements)
