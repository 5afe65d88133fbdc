"""What a database tells about besides its schema: facts for people, which nothing compares."""

from __future__ import annotations

from dataclasses import dataclass

from autodiff.schema.objects import Name

__all__ = ["LeftAlone", "Reader"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftAlone:
    """A thing in the database that is not compared, and why, in a few words."""

    kind: str
    name: str
    reason: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name} ({self.reason})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """A view, and a table that it reads; a column of it, or None where none is known."""

    view: Name
    table: Name
    column: str | None = None
