"""The size of a table, as the catalog knows it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["TableSize"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSize:
    """The size of a table with its partitions and indexes; None if the catalog does not know it.

    rows: the server's estimate of the number of rows.
    bytes: the space on disk.
    """

    rows: int | None = None
    bytes: int | None = None
