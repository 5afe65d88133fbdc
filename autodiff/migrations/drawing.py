"""Draw the graph of migrations as text: newest first, one branch after another."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from autodiff.migrations.files import Migration
    from autodiff.migrations.graph import Graph

__all__ = ["draw_branches", "draw_graph"]

_LONG = 4
"""A row of up to 4 migrations without a branch is drawn; of a longer one, only both ends."""


def draw_graph(graph: Graph) -> list[str]:
    """Return the lines for all migrations; heads have a star."""
    labels = {revision: _caption(graph, graph[revision]) for revision in graph.migrations}
    parents = {revision: graph[revision].parents for revision in graph.migrations}
    return _lines(parents, labels, graph.heads)


def draw_branches(graph: Graph, heads: Sequence[str]) -> list[str]:
    """Return the lines for the branches of these heads, with long rows shortened."""
    lineages = [graph.lineage([head]) for head in heads]
    # keep a head that another head depends on, although it is in the lineage of that head
    shared = set.intersection(*lineages) - set(heads) if lineages else set()
    shown = set.union(*lineages) - shared if lineages else set()
    shown |= {p for revision in shown for p in graph[revision].parents}
    captions = {revision: _caption(graph, graph[revision]) for revision in shown}
    parents = {
        revision: tuple(p for p in graph[revision].parents if p in shown)
        if revision not in shared
        else ()
        for revision in graph.migrations
        if revision in shown
    }
    return _lines(*_shortened(parents, captions), heads)


def _caption(graph: Graph, migration: Migration) -> str:
    notes = [f"[{', '.join(migration.labels)}]"] if migration.labels else []
    if needed := graph.dependencies.get(migration.revision):
        notes.append(f"depends on {', '.join(graph[r].name for r in needed)}")
    return "  ".join((migration.name, migration.revision, *notes))


def _shortened(
    parents: Mapping[str, tuple[str, ...]], captions: Mapping[str, str]
) -> tuple[dict[str, tuple[str, ...]], dict[str, str]]:
    """Replace the inner migrations of each long row by one line; `parents` are in order."""
    kept, shown = dict(parents), dict(captions)
    for row in _rows(parents):
        within = row[1:-1]
        if len(row) > _LONG:
            for revision in within[1:]:
                del kept[revision], shown[revision]
            shown[within[0]] = f"... {len(within)} more"
            kept[row[-1]] = (within[0],)
    return kept, shown


def _rows(parents: Mapping[str, tuple[str, ...]]) -> list[list[str]]:
    """Return rows of migrations that follow each other without a branch, oldest first."""
    children = _children(parents)
    rows: dict[str, list[str]] = {}
    for revision, before in parents.items():
        if len(before) == 1 and len(children[before[0]]) == 1 and before[0] in rows:
            row = rows.pop(before[0])
        else:
            row = []
        rows[revision] = [*row, revision]
    return list(rows.values())


def _children(parents: Mapping[str, tuple[str, ...]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {revision: [] for revision in parents}
    for revision, before in parents.items():
        for parent in before:
            found[parent].append(revision)
    return found


def _lines(
    parents: Mapping[str, tuple[str, ...]], captions: Mapping[str, str], heads: Collection[str]
) -> list[str]:
    """Return a line for each migration, and lines for the points where branches split or join."""
    found: list[str] = []
    lanes: list[str] = []
    for revision in _branch_by_branch(parents):
        if revision not in lanes:
            found += [""] if found and not lanes else []
            lanes.append(revision)
        at = lanes.index(revision)
        for place in reversed([i for i, lane in enumerate(lanes) if lane == revision and i > at]):
            found.append(_sign_row(len(lanes), place, at, "/"))
            del lanes[place]
        sign = "*" if revision in heads else "o"
        row = " ".join(sign if i == at else "|" for i in range(len(lanes)))
        found.append(f"{row}  {captions[revision]}")
        lanes[at : at + 1] = parents[revision][:1]
        for parent in parents[revision][1:]:
            lanes.append(parent)
            found.append(_sign_row(len(lanes), len(lanes) - 1, at, "\\"))
    return found


def _sign_row(count: int, place: int, at: int, sign: str) -> str:
    """Return the line between two migrations that connects lane `place` with lane `at`."""
    signs = ["|" if lane != place else " " for lane in range(count)]
    row = list(" ".join(signs).ljust(2 * count))
    row[2 * place - 1] = sign
    for between in range(2 * at + 1, 2 * place - 1):
        if row[between] == " ":
            row[between] = "_"
    return "".join(row).rstrip()


def _branch_by_branch(parents: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    """Yield revisions newest first, each after its followers, one branch after another."""
    children = {revision: len(found) for revision, found in _children(parents).items()}
    place = {revision: at for at, revision in enumerate(parents)}
    ready = _sorted([r for r, count in children.items() if not count], place)
    while ready:
        revision = ready.pop()
        yield revision
        for parent in parents[revision]:
            children[parent] -= 1
        ready += _sorted([p for p in parents[revision] if not children[p]], place)


def _sorted(revisions: Iterable[str], place: Mapping[str, int]) -> list[str]:
    return sorted(revisions, key=place.__getitem__)
