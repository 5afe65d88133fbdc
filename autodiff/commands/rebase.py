"""One branch of migrations behind another: new parents and numbers, proved before it is written."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from autodiff.commands.lock import Relocked, readable_lock, replayed_lock, unproved_lock
from autodiff.errors import HistoryError, RehearsalFailedError, RevisionNotFoundError
from autodiff.migrations import LOCK_NAME, Graph, Lock, Migration, lock_text
from autodiff.migrations.rewrite import Moved, moved
from autodiff.utils.files import write_all
from autodiff.utils.git import names_at, trunks

if TYPE_CHECKING:
    from autodiff.rehearse.stage import Place
    from autodiff.workspace import Workspace

__all__ = ["Rebase", "RebaseRequest", "rebase_branch"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RebaseRequest:
    """What `rebase` was asked for.

    onto: what stays: a git branch that has it, or one of its migrations; None is the main branch.
    mine: migrations of the branch that moves; then git is not asked.
    """

    onto: str | None = None
    mine: tuple[str, ...] = ()
    rehearse: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebase:
    """What will be moved, in order, and the lock file that goes along; nothing is written yet.

    `graph` is the one that the moves lead to. `lock` is None where nothing has to be done.
    `missing` says that the models want more than the migrations do; `rehearsed` that they were
    run on a scratch. `had` are those that the database has had, in their old order.
    """

    directory: Path
    graph: Graph
    moves: tuple[Moved, ...] = ()
    lock: Lock | None = None
    missing: bool = False
    rehearsed: bool = False
    had: tuple[Migration, ...] = ()

    @property
    def way_back(self) -> str | None:
        """The target to downgrade the database to before it is upgraded; None without need."""
        if not self.had:
            return None
        before = next(
            move.before for move in self.moves if move.before.revision == self.had[0].revision
        )
        return self.graph[before.parents[0]].name if before.parents else "base"

    def write(self) -> None:
        """Writes the files under their new names, and the lock file; all of it or nothing."""
        if self.lock is None:
            return
        files = {path: data for move in self.moves for path, data in move.files.items()}
        gone = [path for move in self.moves for path in move.removed]
        write_all({**files, self.directory / LOCK_NAME: lock_text(self.lock)}, removed=gone)


def rebase_branch(project: Workspace, request: RebaseRequest) -> Rebase:
    """The rebase, proved: the migrations that move were run up and down behind the others.

    Raises HistoryError where it is not clear which branch is to move, RehearsalFailedError where
    it does not work there, DatabaseError where no scratch can be had.
    """
    graph = project.graph()
    known = readable_lock(project)
    moves = _moves(graph, _mine(project.directory, graph, request))
    if not moves and known is not None and _is_of(known, graph):
        return Rebase(directory=project.directory, graph=graph)
    by_revision = {move.after.revision: move.after for move in moves}
    after = Graph.of([by_revision.get(r, m) for r, m in graph.migrations.items()])
    after.check_heads()
    _refuse_to_overwrite(moves)
    relocked, applied = _proved(project, after, by_revision, known, request.rehearse)
    return Rebase(
        directory=project.directory,
        graph=after,
        moves=tuple(moves),
        lock=relocked.lock,
        missing=relocked.missing,
        rehearsed=request.rehearse,
        had=_out_of_order(after, applied, by_revision),
    )


def _is_of(lock: Lock, graph: Graph) -> bool:
    return lock.heads == graph.heads and list(lock.checksums) == list(graph.migrations)


def _out_of_order(
    graph: Graph, applied: Collection[str], moved: Collection[str]
) -> tuple[Migration, ...]:
    """Those that moved and were applied, where something that now comes before them was not."""
    done = set(applied)
    had = [m for m in graph.in_order(done) if m.revision in moved]
    return tuple(m for m in had if not done >= graph.lineage([m.revision]))


# Which ones move


def _mine(folder: Path, graph: Graph, request: RebaseRequest) -> set[str]:
    """The revisions of the branch that moves; none where there is nothing to move.

    Raises HistoryError where that is not clear.
    """
    if request.mine:
        tops = _tops(graph, request.mine)
        return graph.lineage(tops) - graph.lineage(set(graph.heads) - tops)
    if request.onto is not None:
        return _not_in(folder, graph, request.onto)
    if len(graph.heads) < 2 or graph.is_told_apart:
        return set()
    for ref in trunks(folder):
        found = _beyond(folder, graph, ref)
        if found is not None:
            return found
    raise _unclear(graph, "which branch is to move")


def _tops(graph: Graph, targets: Iterable[str]) -> set[str]:
    """The heads that these migrations lead to, or are."""
    named = {graph.find(target).revision for target in targets}
    return (named | graph.followers(named)) & set(graph.heads)


def _not_in(folder: Path, graph: Graph, onto: str) -> set[str]:
    """What is not in a git branch, or not in the branch of a migration."""
    try:
        staying = _tops(graph, [onto])
    except RevisionNotFoundError as error:
        if names_at(folder, onto) is None:
            raise HistoryError(
                f"there is no migration and no git branch {onto!r}",
                hint="autodiff history shows the migrations, git branch -a the branches",
            ) from error
    else:
        return set(graph.migrations) - graph.lineage(staying)
    found = _beyond(folder, graph, onto)
    if found is None and len(graph.heads) > 1:
        raise _unclear(graph, f"what to move behind {onto}: its files are not a branch of these")
    return found or set()


def _beyond(folder: Path, graph: Graph, ref: str) -> set[str] | None:
    """What a git branch has not; None where that is not one side of a fork."""
    names = names_at(folder, ref)
    if names is None:
        return None
    mine = {r for r, m in graph.migrations.items() if m.path.name not in names}
    rest = set(graph.migrations) - mine
    heads = set(graph.heads)
    whole = graph.lineage(rest) == rest
    return mine if whole and heads & mine and heads & rest else None


def _unclear(graph: Graph, what: str) -> HistoryError:
    several = graph.several(graph.heads)
    names = "; or: ".join(f"autodiff rebase --mine {graph[head].name}" for head in graph.heads)
    return HistoryError(
        "\n".join([f"cannot tell {what}", *(f"  {line}" for line in several.picture)]),
        hint=f"say it: {names}",
    )


# Where they go


def _moves(graph: Graph, mine: Collection[str]) -> list[Moved]:
    """The migrations that get other parents or another number, in order."""
    rest = Graph.of([m for revision, m in graph.migrations.items() if revision not in mine])
    parents = {m.revision: _parents(m, mine, rest) for m in graph.in_order(mine)}
    if all(graph[revision].parents == found for revision, found in parents.items()):
        return []
    number = rest.next_number() - 1
    moves: list[Moved] = []
    for migration in graph.in_order(mine):
        if migration.number is not None:
            number = max(number + 1, migration.number)
        wanted = number if migration.number is not None else None
        if parents[migration.revision] != migration.parents or wanted != migration.number:
            moves.append(moved(migration, parents[migration.revision], wanted))
    return moves


def _parents(migration: Migration, mine: Collection[str], rest: Graph) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for parent in migration.parents:
        found[parent if parent in mine else _head_behind(rest, parent)] = None
    if not migration.parents and not migration.labels and rest.head is not None:
        found[rest.head] = None
    return tuple(found)


def _head_behind(rest: Graph, revision: str) -> str:
    """The head of those that stay that comes after one of them, or is it."""
    after = {revision}
    for migration in rest.migrations.values():
        if after.intersection(migration.parents):
            after.add(migration.revision)
    heads = [head for head in rest.heads if head in after]
    if len(heads) > 1:
        raise rest.several(heads, "autodiff rebase --mine NAME moves one branch at a time")
    return heads[0]


def _refuse_to_overwrite(moves: Sequence[Moved]) -> None:
    gone = {path for move in moves for path in move.removed}
    for path in (path for move in moves for path in move.files):
        if path not in gone and path.exists():
            raise HistoryError(
                f"cannot rename a migration to {path.name}: there is such a file",
                hint="give one of the two another number",
            )


# The proof


def _proved(
    project: Workspace,
    graph: Graph,
    chosen: Collection[str],
    known: Lock | None,
    rehearse: bool,
) -> tuple[Relocked, set[str]]:
    """The lock that belongs to the new graph, once the migrations have shown that they work there;
    and what the database has had.

    Raises RehearsalFailedError with what they showed.
    """
    from autodiff.rehearse.history import open_rehearsal_context, rehearse_revisions
    from autodiff.rehearse.stage import Stage

    with open_rehearsal_context(project, graph, known) as place:
        applied = _applied(project, place)
        if not rehearse:
            lock = unproved_lock(project, graph, place.dialect, known)
            return Relocked(lock=lock), applied
        with Stage(place) as stage:
            shown = rehearse_revisions(project, place, stage, chosen, known)
            problems = [
                f"{step.name}: {problem}" for step in shown.steps for problem in step.problems
            ]
            if problems or shown.not_reached:
                raise RehearsalFailedError(
                    problems,
                    what="the migrations do not work behind the other branch, and nothing was "
                    "changed",
                    hint="mend yours so that it builds on the other branch, or write it anew: "
                    "delete it, and autodiff generate; --no-rehearse moves it all the same",
                )
            return replayed_lock(project, graph, stage), applied


def _applied(project: Workspace, place: Place) -> set[str]:
    from autodiff.runner.runner import Runner

    if place.live is None:
        return set()
    return set(Runner(place.live, place.graph, schema=project.config.history_schema).applied())
