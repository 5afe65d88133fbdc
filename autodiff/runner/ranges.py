"""From where to where a script leads: `0003:0005`, of which either end may be left out."""

from __future__ import annotations

from dataclasses import dataclass

from autodiff.errors import HistoryError
from autodiff.migrations.files import Migration
from autodiff.migrations.graph import Graph
from autodiff.runner.events import Direction

__all__ = ["CURRENT", "Range", "find_range", "start_of"]

CURRENT = "current"
"""As a start: where the database stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """The migrations between two ends, in the order in which they run.

    `applied` are the revisions at its start.
    """

    start: str
    target: str
    direction: Direction
    applied: frozenset[str]
    migrations: tuple[Migration, ...]


def start_of(text: str, direction: Direction) -> str:
    """Where a range begins; `base` for an upgrade that does not say.

    Raises HistoryError for a downgrade that does not say.
    """
    start = text.rpartition(":")[0]
    if start:
        return start
    if direction == "downgrade":
        target = text.removeprefix(":") or "base"
        raise HistoryError(
            f"a script that downgrades to {target} must say from where",
            hint=f"autodiff downgrade head:{target} --sql, or {CURRENT}:{target} from where the "
            "database stands",
        )
    return "base"


def find_range(
    graph: Graph, text: str, direction: Direction, applied: frozenset[str] | None = None
) -> Range:
    """What a range stands for; `applied` is what the database says, where that is its start.

    Raises HistoryError where its ends are the wrong way round, RevisionNotFoundError for an
    unknown one.
    """
    start = start_of(text, direction)
    usual = "head" if direction == "upgrade" else "-1"
    target = text.rpartition(":")[2] or usual
    if applied is None:
        applied = frozenset(graph.reach(start))
    if _is_backwards(graph, target, direction, applied):
        other = "downgrade" if direction == "upgrade" else "upgrade"
        raise HistoryError(
            f"{direction} does not lead from {start} to {target}",
            hint=f"the other way round: autodiff {other} {start}:{target} --sql",
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
    """Whether a target lies on the other side of the start."""
    if target[:1] in "+-":
        return target.startswith("-") == (direction == "upgrade")
    reached = graph.reach(target, applied)
    return not reached <= applied if direction == "downgrade" else reached < applied
