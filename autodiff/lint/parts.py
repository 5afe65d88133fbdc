"""Name constraints and indexes in findings, also those without a name."""

from __future__ import annotations

from autodiff.schema.objects import Name

__all__ = ["index_words", "part_place", "part_words"]


def part_words(name: str | None, table: Name) -> str:
    """Return the name of a part of a table, such as an index; `of users` if it has none."""
    return name or f"of {table}"


def part_place(name: str | None, table: Name) -> str:
    """Return the object of a finding about a part of a table: the table if it has no name."""
    return f"{table}.{name}" if name else str(table)


def index_words(name: str | None, table: Name) -> str:
    """Return an index with its table: `index ix on users`, or `index on users`."""
    return f"index {name} on {table}" if name else f"index on {table}"
