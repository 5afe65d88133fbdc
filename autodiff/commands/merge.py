"""A migration that joins branches, once it is seen whether they contradict each other."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from autodiff.commands.generate import Draft, empty_draft
from autodiff.commands.lock import Relocked, readable_lock, replayed_lock, unproved_lock
from autodiff.commands.new_revision import Spot
from autodiff.errors import HistoryError, MigrationFailedError, RehearsalFailedError
from autodiff.migrations import Graph, Migration
from autodiff.schema.objects import Column

if TYPE_CHECKING:
    from autodiff.dialects import Dialect
    from autodiff.rehearse.stage import Place, Stage
    from autodiff.workspace import Workspace

__all__ = ["Merge", "MergeRequest", "merge_heads"]

_HINT = (
    "set one behind the other, and mend it there: autodiff rebase; --no-rehearse joins them all "
    "the same"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeRequest:
    """What `merge` was asked for; no heads are all of them."""

    message: str | None = None
    heads: tuple[str, ...] = ()
    rehearse: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Merge:
    """The migration that joins the branches, not written yet, and what they both touch."""

    draft: Draft
    notes: tuple[str, ...] = ()
    missing: bool = False


def merge_heads(project: Workspace, request: MergeRequest) -> Merge:
    """The merge of several heads, tried out.

    Raises HistoryError where there are not several, RehearsalFailedError where it matters which
    branch is applied first, DatabaseError where no scratch can be had.
    """
    from autodiff.rehearse.history import open_rehearsal_context

    graph = project.graph()
    heads = _heads(graph, request.heads)
    branches = [_own(graph, head, heads) for head in heads]
    known = readable_lock(project)
    with open_rehearsal_context(project, graph, known) as place:
        notes = _notes(place.dialect, branches)
        if request.rehearse:
            relocked = _tried(project, place, branches)
        else:
            relocked = Relocked(lock=unproved_lock(project, graph, place.dialect, known))
        draft = empty_draft(
            project,
            graph,
            Spot(parents=heads),
            place.dialect,
            request.message or _message(graph, heads),
            relocked.lock,
        )
    return Merge(draft=draft, notes=tuple(notes), missing=relocked.missing)


def _heads(graph: Graph, named: Sequence[str]) -> tuple[str, ...]:
    if not named:
        found = graph.heads
        if len(found) > 1:
            _refuse_named(graph)
    else:
        found = tuple(dict.fromkeys(graph.find(target).revision for target in named))
    if inner := [graph[r].name for r in found if r not in graph.heads]:
        raise HistoryError(
            f"{inner[0]} is no head: others come after it",
            hint=f"the heads are {', '.join(graph[head].name for head in graph.heads)}",
        )
    if len(found) < 2:
        one = f", {graph[found[0]].name}" if found else ""
        raise HistoryError(
            f"there is nothing to merge: {'one head' if found else 'no migrations'}{one}",
            hint="autodiff history draws the branches",
        )
    return found


def _refuse_named(graph: Graph) -> None:
    """Branches that have names are meant to stay apart, until they are named."""
    if not graph.is_told_apart:
        return
    names = {graph.heads_of(label)[0]: f"{label}@head" for label in graph.branches}
    labels = " ".join(names.get(head, graph[head].name) for head in graph.heads)
    raise HistoryError(
        "the heads have labels: these branches are meant to be several",
        hint=f"name those to merge: autodiff merge {labels}",
    )


def _own(graph: Graph, head: str, heads: Sequence[str]) -> list[Migration]:
    """The migrations of one branch alone, in order."""
    others = graph.lineage(other for other in heads if other != head)
    return graph.in_order(graph.lineage([head]) - others)


def _message(graph: Graph, heads: Sequence[str]) -> str:
    names = [graph[head].name for head in heads]
    slugs = [name.partition("_")[2] if name[:1].isdigit() else name for name in names]
    return f"merge {' and '.join(slug or name for slug, name in zip(slugs, names, strict=True))}"


# What both touch


def _notes(dialect: Dialect, branches: Sequence[Sequence[Migration]]) -> Iterator[str]:
    """What more than one branch alters, and which migrations can't be looked into."""
    touched = [{m.name: _touched(dialect, m) for m in branch} for branch in branches]
    for branch in touched:
        for name, things in branch.items():
            if things is None:
                yield f"{name} has SQL or code of its own: what it alters can't be told"
    for one, other in combinations(touched, 2):
        for mine, things in one.items():
            for theirs, others in other.items():
                for thing in _both(things or (), others or ()):
                    yield f"{mine} and {theirs} both alter {thing}"


def _both(things: Collection[str], others: Collection[str]) -> list[str]:
    """What is in both; the columns alone where those are the same."""
    found = sorted(set(things) & set(others))
    columns = [thing for thing in found if thing.startswith("column ")]
    return columns or found


def _touched(dialect: Dialect, migration: Migration) -> set[str] | None:
    """The tables and columns that a migration alters; None where that can't be told."""
    from autodiff.runner.loader import load_step
    from autodiff.runner.undo import Call, Statement, collect
    from autodiff.schema.operations import Execute, tables_of

    if migration.is_sql:
        return None
    try:
        operations = collect(dialect, load_step(migration, "upgrade"))
    except MigrationFailedError:
        return None
    found: set[str] = set()
    for operation in operations:
        if isinstance(operation, Execute | Call | Statement):
            return None
        column = getattr(operation, "column", None) or getattr(operation, "name", None)
        name = column.name if isinstance(column, Column) else column
        kind = type(operation).__name__
        for table in tables_of(operation):
            found.add(f"table {table}")
            if kind.endswith("Column") and isinstance(name, str):
                found.add(f"column {table}.{name}")
            if kind == "RenameColumn":
                found.add(f"column {table}.{getattr(operation, 'before', '')}")
                found.add(f"column {table}.{getattr(operation, 'after', '')}")
    return found


# Both orders


def _tried(project: Workspace, place: Place, branches: Sequence[Sequence[Migration]]) -> Relocked:
    """The lock that the branches lead to, applied in both orders.

    Raises RehearsalFailedError where an order fails, or the two come to different schemas.
    """
    from autodiff.rehearse.stage import Stage

    graph = place.graph
    with Stage(place) as stage:
        _apply(stage, _order(graph, branches))
        there = stage.bench.read()
        relocked = replayed_lock(project, graph, stage)
        back = _order(graph, list(reversed(branches)))
        if back is not None:
            stage.empty()
            _apply(stage, back)
            compared = stage.bench.restored(there)
            if compared.lines and compared.settled:
                raise RehearsalFailedError(
                    [f"in one order, and not in the other: {line}" for line in compared.lines],
                    what="the branches contradict each other: it matters which is applied first",
                    hint=_HINT,
                )
    return relocked


def _order(graph: Graph, branches: Sequence[Sequence[Migration]]) -> list[Migration] | None:
    """All migrations, one branch behind the other; None where one depends on a later one."""
    own = [m.revision for branch in branches for m in branch]
    later = graph.followers(own) - set(own)
    first = set(graph.migrations) - set(own) - later
    order = [*graph.in_order(first), *(graph[r] for r in own), *graph.in_order(later)]
    seen: set[str] = set()
    for migration in order:
        if not seen.issuperset(graph.before(migration.revision)):
            return None
        seen.add(migration.revision)
    return order


def _apply(stage: Stage, order: Sequence[Migration] | None) -> None:
    for migration in order or list(stage.graph.migrations.values()):
        try:
            stage.up(migration)
        except MigrationFailedError as error:
            before = ", ".join(m.name for m in stage.done)
            raise RehearsalFailedError(
                [f"{migration.name}: {error.message.strip()}", f"after {before}"],
                what="the branches contradict each other: one fails after the other",
                hint=_HINT,
            ) from error
