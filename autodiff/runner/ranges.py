"""Parse the range of a script: `0003:0005`, of which either end may be left out."""

from __future__ import annotations

from dataclasses import dataclass

from autodiff.errors import HistoryError
from autodiff.migrations.files import Migration
from autodiff.migrations.graph import Graph
from autodiff.runner.events import Direction

__all__ = ["CURRENT", "Range", "find_range", "start_of"]

CURRENT = "current"
"""The start of a range that begins at the database's current revision."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """The migrations between two ends, in the order in which they run.

    `applied` are the revisions that are applied at its start.
    """

    start: str
    target: str
    direction: Direction
    applied: frozenset[str]
    migrations: tuple[Migration, ...]


def start_of(text: str, direction: Direction) -> str:
    """Return the start of a range; `base` for an upgrade that names none.

    Raises HistoryError for a downgrade that names none.
    """
    start = text.rpartition(":")[0]
    if start:
        return start
    if direction == "downgrade":
        target = text.removeprefix(":") or "base"
        raise HistoryError(
            f"a script that downgrades to {target} needs the revision to start from",
            hint=f"autodiff downgrade head:{target} --sql, or {CURRENT}:{target} to start from the "
            "database's current revision",
        )
    return "base"


def find_range(
    graph: Graph, text: str, direction: Direction, applied: frozenset[str] | None = None
) -> Range:
    """Return the range of a text; `applied` are its revisions if it starts at the database.

    Raises HistoryError if its ends are in the wrong order, RevisionNotFoundError for an unknown
    revision.
    """
    if not text.strip():
        raise HistoryError(
            "the target is empty", hint="leave it out for the default, or name a migration"
        )
    start = start_of(text, direction)
    default = "head" if direction == "upgrade" else "-1"
    target = text.rpartition(":")[2] or default
    if applied is None:
        applied = frozenset(graph.reach(start))
    if _is_backwards(graph, target, direction, applied):
        other = "downgrade" if direction == "upgrade" else "upgrade"
        raise HistoryError(
            f"{direction} does not lead from {start} to {target}",
            hint=f"swap the direction: autodiff {other} {start}:{target} --sql",
        )
    find = graph.upgrades if direction == "upgrade" else graph.downgrades
    return Range(
        start=start,
        target=target,
        direction=direction,
        applied=applied,
        migrations=tuple(find(target, applied)),
    )


def _is_backwards(graph: Graph, target: str, direction: Direction, applied: frozenset[str]) -> bool:
    """Return whether a target is in the other direction from the start."""
    if target[:1] in "+-":
        return target.startswith("-") == (direction == "upgrade")
    reached = graph.reach(target, applied)
    return not reached <= applied if direction == "downgrade" else reached < applied
