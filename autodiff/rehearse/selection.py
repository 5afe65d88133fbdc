"""Select the migrations to rehearse."""

from __future__ import annotations

from dataclasses import dataclass

from autodiff.errors import HistoryError
from autodiff.migrations import Graph, Migration

__all__ = ["Selection", "select_migrations"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The migrations to run, in order, and the revisions of those to rehearse.

    The others are only applied, because the selected ones build on them.
    """

    order: tuple[Migration, ...]
    revisions: frozenset[str]

    @property
    def is_whole(self) -> bool:
        """Whether every migration is rehearsed, from the base on."""
        return len(self.revisions) == len(self.order)


def select_migrations(
    graph: Graph, target: str | None, applied: frozenset[str] | None
) -> Selection:
    """Return the migrations of a target: one migration, or a range such as `0002:head`.

    target: None is the whole history.
    applied: the revisions that the live database has, if its rows are used. Without a start of the
        range, the pending migrations are selected; the newest one if none is pending.

    Raises HistoryError if there is no such range, or the rows do not fit its migrations.
    """
    if target is not None and not target.strip():
        raise HistoryError(
            "the target is empty",
            hint="run autodiff rehearse without a target to rehearse all migrations",
        )
    start, colon, end = (target or ":").partition(":")
    end = end if colon else start
    lineage = graph.reach(end or "heads")
    order = tuple(graph.in_order(lineage))
    if not order:
        raise HistoryError(
            f"there is nothing to rehearse up to {end}",
            hint="run autodiff rehearse without a target to rehearse all migrations",
        )
    last = order[-1]
    skipped: set[str] = set()
    if start not in ("", "base"):
        skipped = _before(graph, start, lineage, last)
    elif applied is not None:
        skipped = set(applied & lineage)
        if skipped == lineage:
            skipped.remove(last.revision)
    if applied is not None and not applied <= lineage:
        raise HistoryError(
            f"cannot use live rows: the database is ahead of {last.name}",
            hint="rehearse up to the head: autodiff rehearse --from-data",
        )
    if last.is_alembic and start == end != "":
        return Selection(order=order, revisions=frozenset((last.revision,)))
    skipped |= {migration.revision for migration in order if migration.is_alembic}
    return Selection(order=order, revisions=frozenset(lineage - skipped))


def _before(graph: Graph, start: str, lineage: set[str], last: Migration) -> set[str]:
    """Return the revisions before the start of a range."""
    first = graph.find(start)
    if first.revision not in lineage:
        raise HistoryError(
            f"{first.name} does not come before {last.name}",
            hint="write the older migration first: autodiff rehearse 0002:head",
        )
    return graph.lineage([first.revision]) - {first.revision}
