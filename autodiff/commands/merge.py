"""Write a migration that joins branches, after checking that their order does not matter."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from autodiff.commands.generate import UNWANTED, Draft, draft_empty, refuse_unrehearsed
from autodiff.commands.lock import (
    LockResult,
    carry_unrehearsed,
    read_lock_if_valid,
    replayed_lock,
    unrehearsed_lock,
)
from autodiff.commands.new_revision import GraphPosition
from autodiff.errors import HistoryError, MigrationFailedError, RehearsalFailedError
from autodiff.migrations import Graph, Migration
from autodiff.schema.objects import Column

if TYPE_CHECKING:
    from autodiff.dialects import Dialect
    from autodiff.rehearse.context import RehearsalContext
    from autodiff.rehearse.rehearsal_database import RehearsalDatabase
    from autodiff.workspace import Workspace

__all__ = ["Merge", "MergeRequest", "merge_heads"]

_HINT = (
    "run autodiff rebase and fix the branch that moves; or pass --no-rehearse to merge without "
    "checking"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeRequest:
    """The arguments of `merge`. Without `heads` all heads are merged."""

    message: str | None = None
    heads: tuple[str, ...] = ()
    rehearse: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Merge:
    """The migration that joins the branches, not written yet.

    notes: what more than one branch alters, and what could not be examined.
    missing: whether the models have changes that no migration covers.
    """

    draft: Draft
    notes: tuple[str, ...] = ()
    missing: bool = False


def merge_heads(project: Workspace, request: MergeRequest) -> Merge:
    """Return the merge of several heads, tried on a scratch database in both orders.

    Raises HistoryError if there is only one head, RehearsalFailedError if the order of the branches
    matters, DatabaseError if no scratch database can be created.
    """
    from autodiff.rehearse.context import open_rehearsal_context

    graph = project.graph()
    heads = _heads(graph, request.heads)
    branches = [_own_migrations(graph, head, heads) for head in heads]
    known = read_lock_if_valid(project)
    with open_rehearsal_context(project, graph, known) as context:
        notes = _notes(context.dialect, branches)
        if request.rehearse:
            relocked = _try_both_orders(project, context, branches)
        else:
            refuse_unrehearsed(UNWANTED, required=project.config.require_rehearsal)
            relocked = unrehearsed_lock(project, context, known)
        draft = draft_empty(
            project,
            graph,
            GraphPosition(parents=heads),
            context.dialect,
            request.message or _message(graph, heads),
            carry_unrehearsed(relocked.lock, known, (), rehearsed=request.rehearse),
            proof=None if request.rehearse else UNWANTED,
        )
    return Merge(draft=draft, notes=(*notes, *relocked.notes), missing=relocked.missing)


def _heads(graph: Graph, named: Sequence[str]) -> tuple[str, ...]:
    if not named:
        found = graph.heads
        if len(found) > 1:
            _refuse_named(graph)
    else:
        found = tuple(dict.fromkeys(graph.find(target).revision for target in named))
    if inner := [graph[r].name for r in found if r not in graph.heads]:
        raise HistoryError(
            f"cannot merge {inner[0]}: it is not a head, other migrations come after it",
            hint=f"the heads: {', '.join(graph[head].name for head in graph.heads)}",
        )
    if len(found) < 2:
        one = f", {graph[found[0]].name}" if found else ""
        raise HistoryError(
            f"there is nothing to merge: {'one head' if found else 'no migrations'}{one}",
            hint="run autodiff history to see the branches",
        )
    return found


def _refuse_named(graph: Graph) -> None:
    """Raise HistoryError for labeled branches: they are separate on purpose."""
    if not graph.has_labeled_heads:
        return
    names = {graph.heads_of(label)[0]: f"{label}@head" for label in graph.branches}
    labels = " ".join(names.get(head, graph[head].name) for head in graph.heads)
    raise HistoryError(
        "cannot merge all heads: labeled branches are kept apart",
        hint=f"name the heads to merge: autodiff merge {labels}",
    )


def _own_migrations(graph: Graph, head: str, heads: Sequence[str]) -> list[Migration]:
    """Return the migrations of one branch only, in order."""
    others = graph.lineage(other for other in heads if other != head)
    return graph.in_order(graph.lineage([head]) - others)


def _message(graph: Graph, heads: Sequence[str]) -> str:
    names = [graph[head].name for head in heads]
    slugs = [name.partition("_")[2] if name[:1].isdigit() else name for name in names]
    return f"merge {' and '.join(slug or name for slug, name in zip(slugs, names, strict=True))}"


# What both touch


def _notes(dialect: Dialect, branches: Sequence[Sequence[Migration]]) -> Iterator[str]:
    """Yield what more than one branch alters, and which migrations cannot be examined."""
    altered = [{m.name: _altered_objects(dialect, m) for m in branch} for branch in branches]
    for branch in altered:
        for name, objects in branch.items():
            if objects is None:
                yield f"{name} contains SQL or code, so it is not known what it alters"
    for one, other in combinations(altered, 2):
        for mine, objects in one.items():
            for theirs, others in other.items():
                for shared in _both(objects or (), others or ()):
                    yield f"{mine} and {theirs} both alter {shared}"


def _both(objects: Collection[str], others: Collection[str]) -> list[str]:
    """Return what is in both; the columns only, if columns of the same tables are."""
    found = sorted(set(objects) & set(others))
    columns = [shared for shared in found if shared.startswith("column ")]
    return columns or found


def _altered_objects(dialect: Dialect, migration: Migration) -> set[str] | None:
    """Return the tables and columns that a migration alters, None if that is not known."""
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


def _try_both_orders(
    project: Workspace, context: RehearsalContext, branches: Sequence[Sequence[Migration]]
) -> LockResult:
    """Return the lock file after the branches, which are applied in both orders.

    Raises RehearsalFailedError if an order fails, or the two orders give different schemas.
    """
    from autodiff.rehearse.rehearsal_database import RehearsalDatabase

    graph = context.graph
    with RehearsalDatabase(context) as database:
        _apply(database, _order(graph, branches))
        first_schema = database.read()
        relocked = replayed_lock(project, graph, database)
        other_order = _order(graph, list(reversed(branches)))
        if other_order is not None:
            database.reset()
            _apply(database, other_order)
            comparison = database.compare_with_earlier(first_schema)
            if comparison.lines and comparison.settled:
                raise RehearsalFailedError(
                    [f"in one order only: {line}" for line in comparison.lines],
                    what="the branches conflict: the result depends on which is applied first",
                    hint=_HINT,
                )
    return relocked


def _order(graph: Graph, branches: Sequence[Sequence[Migration]]) -> list[Migration] | None:
    """Return all migrations, branch after branch; None if one depends on a later one."""
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


def _apply(database: RehearsalDatabase, order: Sequence[Migration] | None) -> None:
    for migration in order or list(database.graph.migrations.values()):
        try:
            database.upgrade(migration)
        except MigrationFailedError as error:
            before = ", ".join(m.name for m in database.applied)
            raise RehearsalFailedError(
                [f"{migration.name}: {error.line}", f"after {before}"],
                what="the branches conflict: one fails after the other",
                hint=_HINT,
            ) from error
