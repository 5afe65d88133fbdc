"""Run statements in a scratch database."""

from __future__ import annotations

from collections.abc import Sequence

from autodiff.runner.sinks import LiveSink
from autodiff.schema.objects import Name

__all__ = ["ScratchSink"]


class ScratchSink(LiveSink):
    """Also copies small tables where an upgrade alters them, if that shows the same."""

    def copies_table(self, name: Name, statements: Sequence[str]) -> bool:
        """Ask the database."""
        if not statements:
            return super().copies_table(name, statements)
        copies = self.table_copies()
        return copies is not None and copies.replaces(name, statements)
