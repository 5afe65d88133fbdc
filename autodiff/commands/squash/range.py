"""The range of migrations to squash: a line without branches."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from autodiff.errors import HistoryError
from autodiff.migrations import Graph, Migration

__all__ = ["SquashRange", "parse_squash_range"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SquashRange:
    """Migrations in order, each the only child of the one before it."""

    migrations: tuple[Migration, ...]

    @property
    def parents(self) -> tuple[str, ...]:
        """The parents of the first migration."""
        return self.migrations[0].parents

    @property
    def revisions(self) -> tuple[str, ...]:
        """The revisions, in order."""
        return tuple(migration.revision for migration in self.migrations)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of branches that start in the range."""
        return tuple(label for migration in self.migrations for label in migration.labels)

    @property
    def dialects(self) -> tuple[str, ...]:
        """The kinds of databases that the range is for; empty for all."""
        return self.migrations[0].dialects

    def before(self, graph: Graph) -> tuple[str, ...]:
        """Return what must be applied before: the parents and the dependencies."""
        return (*self.parents, *self.depends_on(graph))

    def depends_on(self, graph: Graph) -> tuple[str, ...]:
        """Return the dependencies outside of the range."""
        wanted = (other for r in self.revisions for other in graph.dependencies.get(r, ()))
        return tuple(dict.fromkeys(other for other in wanted if other not in self.revisions))


def parse_squash_range(graph: Graph, target: str) -> SquashRange:
    """Return the migrations of FROM:TO, both included.

    Without FROM the range starts at the base, without TO it ends at the head.

    Raises HistoryError if the migrations are not a line, or there is nothing to squash.
    """
    start, colon, end = target.partition(":")
    if not colon:
        raise HistoryError(
            f"invalid range {target!r}: expected FROM:TO",
            hint="for example autodiff squash 0002:0007, :0007 or 0002:",
        )
    last = graph.find(end or "head")
    first = graph.find(start) if start not in ("", "base") else None
    found = [last]
    while found[-1].parents and found[-1] != first:
        found.append(_before(graph, found[-1]))
    if first is not None and found[-1] != first:
        raise HistoryError(
            f"{first.name} does not come before {last.name}",
            hint="write the older migration first: autodiff squash 0002:0007",
        )
    line = tuple(reversed(found))
    _refuse(graph, line)
    made = SquashRange(migrations=line)
    _refuse_circle(graph, made)
    return made


def _before(graph: Graph, migration: Migration) -> Migration:
    if len(migration.parents) > 1:
        names = ", ".join(graph[parent].name for parent in migration.parents)
        raise HistoryError(
            f"cannot squash across {migration.path.name}: it joins {names}",
            hint="squash a range that starts with it, or ends before it",
        )
    return graph[migration.parents[0]]


def _refuse(graph: Graph, line: tuple[Migration, ...]) -> None:
    if len(line) < 2:
        raise HistoryError(
            f"nothing to squash: the range contains only {line[0].name}",
            hint="name two or more migrations: autodiff squash FROM:TO",
        )
    if old := [migration for migration in line if migration.is_alembic]:
        raise HistoryError(
            f"cannot squash {old[-1].path.name}: it is a revision of Alembic",
            hint="replace all of Alembic's history by one migration: autodiff baseline --legacy",
        )
    _refuse_kinds(line)
    inner = {m.revision for m in line[:-1]}
    inside = {m.revision for m in line}
    for other in graph.migrations.values():
        if other.revision not in inside and (branch := inner.intersection(other.parents)):
            raise HistoryError(
                f"cannot squash across {graph[branch.pop()].name}: {other.path.name} branches "
                "off there",
                hint="squash a range that ends with it, or starts after it",
            )
    for migration in line:
        if migration.replaces:
            raise HistoryError(
                f"cannot squash {migration.path.name}: it replaces migrations that databases may "
                "still have",
                hint="once it is applied to every database (autodiff status), delete its line "
                "`replaces = ...` and squash again",
            )


def _refuse_kinds(line: tuple[Migration, ...]) -> None:
    """Raise HistoryError if the migrations are for different kinds of databases."""
    for earlier, later in pairwise(line):
        if set(earlier.dialects) != set(later.dialects):
            raise HistoryError(
                f"cannot squash {earlier.path.name}, which is for {_kinds(earlier)}, with "
                f"{later.path.name}, which is for {_kinds(later)}",
                hint="squash the migrations before or after it",
            )


def _kinds(migration: Migration) -> str:
    return " and ".join(migration.dialects) or "every database"


def _refuse_circle(graph: Graph, line: SquashRange) -> None:
    for wanted in line.depends_on(graph):
        within = graph.in_order(graph.lineage([wanted]) & set(line.revisions))
        if within:
            raise HistoryError(
                f"cannot squash across {within[-1].path.name}: {graph[wanted].path.name} comes "
                "after it, and the range depends on that",
                hint="squash a range that ends with it, or starts after it",
            )
