"""Move one branch of migrations after another, with new parents and numbers, and rehearse it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from autodiff.commands.generate import UNWANTED, refuse_unrehearsed
from autodiff.commands.lock import (
    LockResult,
    carry_unrehearsed,
    read_lock_if_valid,
    replayed_lock,
    unrehearsed_lock,
)
from autodiff.errors import HistoryError, RehearsalFailedError, RevisionNotFoundError
from autodiff.migrations import LOCK_NAME, Graph, LockFile, Migration, lock_text
from autodiff.migrations.rewrite import MovedMigration, move_migration
from autodiff.utils.files import write_all
from autodiff.utils.git import file_names_at, upstream_refs

if TYPE_CHECKING:
    from autodiff.rehearse.context import RehearsalContext
    from autodiff.workspace import Workspace

__all__ = ["Rebase", "RebaseRequest", "rebase_branch"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RebaseRequest:
    """The arguments of `rebase`.

    onto: the branch that stays: a git branch, or one of its migrations. None is the main git
        branch.
    mine: migrations of the branch that moves; git is not used then.
    """

    onto: str | None = None
    mine: tuple[str, ...] = ()
    rehearse: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebase:
    """A rebase that is not written yet.

    graph: the graph after it.
    moves: the migrations that change, in order.
    lock: the lock file to write; None if there is nothing to do.
    missing: whether the models have changes that no migration covers.
    notes: why nothing was rehearsed, and what the lock file may lack.
    rehearsed: whether the migrations were run on a scratch database.
    had: the moved migrations that are applied to the database in their old order.
    """

    directory: Path
    graph: Graph
    moves: tuple[MovedMigration, ...] = ()
    lock: LockFile | None = None
    missing: bool = False
    notes: tuple[str, ...] = ()
    rehearsed: bool = False
    had: tuple[Migration, ...] = ()

    @property
    def way_back(self) -> str | None:
        """The target to downgrade the database to before it is upgraded; None if not needed."""
        if not self.had:
            return None
        before = next(
            move.before for move in self.moves if move.before.revision == self.had[0].revision
        )
        return self.graph[before.parents[0]].name if before.parents else "base"

    def write(self) -> None:
        """Write the files under their new names and the lock file, all of it or nothing."""
        if self.lock is None:
            return
        files = {path: data for move in self.moves for path, data in move.files.items()}
        removed = [path for move in self.moves for path in move.removed]
        write_all({**files, self.directory / LOCK_NAME: lock_text(self.lock)}, removed=removed)


def rebase_branch(project: Workspace, request: RebaseRequest) -> Rebase:
    """Return the rebase; the moved migrations were run up and down after the others.

    Raises HistoryError if it is not clear which branch moves, RehearsalFailedError if the rehearsal
    failed, DatabaseError if no scratch database can be created.
    """
    graph = project.graph()
    known = read_lock_if_valid(project)
    moves = _moves(graph, _mine(project.folders, graph, request))
    if not moves and known is not None and _is_of(known, graph):
        return Rebase(directory=project.directory, graph=graph)
    by_revision = {move.after.revision: move.after for move in moves}
    after = Graph.of([by_revision.get(r, m) for r, m in graph.migrations.items()], graph.alembic)
    after.check_heads()
    _refuse_to_overwrite(moves)
    skipped: tuple[str, ...] = ()
    if moves and not request.rehearse:
        refuse_unrehearsed(UNWANTED, required=project.config.require_rehearsal)
        skipped = (f"not rehearsed, because {UNWANTED.skipped}",)
    relocked, applied = _rehearse(project, after, by_revision, known, request.rehearse)
    lock = carry_unrehearsed(relocked.lock, known, by_revision, rehearsed=request.rehearse)
    return Rebase(
        directory=project.directory,
        graph=after,
        moves=tuple(moves),
        lock=lock,
        missing=relocked.missing,
        notes=(*skipped, *relocked.notes),
        rehearsed=request.rehearse,
        had=_out_of_order(after, applied, by_revision),
    )


def _is_of(lock: LockFile, graph: Graph) -> bool:
    return lock.heads == graph.heads and list(lock.checksums) == list(graph.migrations)


def _out_of_order(
    graph: Graph, applied: Collection[str], moved: Collection[str]
) -> tuple[Migration, ...]:
    """Return the moved, applied migrations that now come after one that is not applied."""
    done = set(applied)
    had = [m for m in graph.in_order(done) if m.revision in moved]
    return tuple(m for m in had if not done >= graph.lineage([m.revision]))


# The branch that moves


def _mine(folders: Sequence[Path], graph: Graph, request: RebaseRequest) -> set[str]:
    """Return the revisions of the branch that moves; empty if there is nothing to move.

    Raises HistoryError if that is not clear.
    """
    if request.mine:
        tops = _heads_after(graph, request.mine)
        others = set(graph.heads) - tops
        return graph.lineage(tops) - graph.lineage(others) if others else set()
    if request.onto is not None:
        return _not_in(folders, graph, request.onto)
    if len(graph.heads) < 2:
        return _misnumbered(folders, graph)
    if graph.has_labeled_heads:
        return set()
    for ref in upstream_refs(folders[0]):
        found = _missing_in(folders, graph, ref)
        if found is not None:
            return found
    raise _unclear(graph, "which branch moves")


def _misnumbered(folders: Sequence[Path], graph: Graph) -> set[str]:
    """Return what the main git branch lacks, if a number of it occurs twice; else nothing.

    git rebase can leave that: it moves the commits one by one, and each may be renumbered alone.
    """
    numbers = Counter(migration.number for migration in graph.migrations.values())
    for ref in upstream_refs(folders[0]):
        if (names := _names_at(folders, ref)) is not None:
            mine = _not_among(names, graph)
            rest = set(graph.migrations) - mine
            repeated = any(numbers[graph[revision].number] > 1 for revision in mine)
            return mine if repeated and graph.lineage(rest) == rest else set()
    return set()


def _not_among(names: Collection[str], graph: Graph) -> set[str]:
    """Return the migrations of autodiff whose files have other names."""
    return {
        revision
        for revision, migration in graph.migrations.items()
        if migration.path.name not in names and not migration.is_alembic
    }


def _heads_after(graph: Graph, targets: Iterable[str]) -> set[str]:
    """Return the heads that come after these migrations."""
    named = {graph.find(target).revision for target in targets}
    return (named | graph.followers(named)) & set(graph.heads)


def _not_in(folders: Sequence[Path], graph: Graph, onto: str) -> set[str]:
    """Return what is not in a git branch, or not in the branch of a migration."""
    try:
        staying = _heads_after(graph, [onto])
    except RevisionNotFoundError as error:
        if _names_at(folders, onto) is None:
            raise HistoryError(
                f"unknown migration or git branch {onto!r}",
                hint="autodiff history lists the migrations, git branch -a the branches",
            ) from error
    else:
        return set(graph.migrations) - graph.lineage(staying)
    found = _missing_in(folders, graph, onto)
    if found is None and len(graph.heads) > 1:
        raise _unclear(graph, f"what to move after {onto}: its files are not one of the branches")
    return found or set()


def _missing_in(folders: Sequence[Path], graph: Graph, ref: str) -> set[str] | None:
    """Return what a git branch lacks; None if the git branch is not one side of a fork."""
    names = _names_at(folders, ref)
    if names is None:
        return None
    mine = _not_among(names, graph)
    rest = set(graph.migrations) - mine
    heads = set(graph.heads)
    whole = graph.lineage(rest) == rest
    return mine if whole and heads & mine and heads & rest else None


def _names_at(folders: Sequence[Path], ref: str) -> set[str] | None:
    """Return the names of the files that a git branch has in the folders; None if it has none."""
    found = [names for folder in folders if (names := file_names_at(folder, ref)) is not None]
    return {name for names in found for name in names} if found else None


def _unclear(graph: Graph, what: str) -> HistoryError:
    several = graph.several_heads_error(graph.heads)
    names = ", or ".join(f"autodiff rebase --mine {graph[head].name}" for head in graph.heads)
    return HistoryError(
        [f"cannot tell {what}", *(f"  {line}" for line in several.picture)],
        hint=f"name the branch: {names}",
    )


# New parents and numbers


def _moves(graph: Graph, mine: Collection[str]) -> list[MovedMigration]:
    """Return the migrations that get other parents or another number, in order."""
    if old := [m for m in graph.in_order(mine) if m.is_alembic]:
        raise HistoryError(
            f"cannot move {old[0].path.name}: it is a revision of Alembic, and its file does "
            "not change",
            hint="run autodiff merge to join the branches, or move the other branch",
        )
    rest = Graph.of(
        [m for revision, m in graph.migrations.items() if revision not in mine], graph.alembic
    )
    parents = {m.revision: _parents(m, mine, rest) for m in graph.in_order(mine)}
    in_place = all(graph[revision].parents == found for revision, found in parents.items())
    if in_place and len(graph.heads) > 1:
        return []
    number = rest.next_number() - 1
    moves: list[MovedMigration] = []
    for migration in graph.in_order(mine):
        if migration.number is not None:
            number = max(number + 1, migration.number)
        wanted = number if migration.number is not None else None
        if parents[migration.revision] != migration.parents or wanted != migration.number:
            moves.append(move_migration(migration, parents[migration.revision], wanted))
    return moves


def _parents(migration: Migration, mine: Collection[str], rest: Graph) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for parent in migration.parents:
        found[parent if parent in mine else _head_after(rest, parent)] = None
    if not migration.parents and not migration.labels and rest.head is not None:
        found[rest.head] = None
    return tuple(found)


def _head_after(rest: Graph, revision: str) -> str:
    """Return the head that comes after a migration that stays."""
    after = {revision}
    for migration in rest.migrations.values():
        if after.intersection(migration.parents):
            after.add(migration.revision)
    heads = [head for head in rest.heads if head in after]
    if len(heads) > 1:
        raise rest.several_heads_error(
            heads, "run autodiff rebase --mine NAME to move one branch at a time"
        )
    return heads[0]


def _refuse_to_overwrite(moves: Sequence[MovedMigration]) -> None:
    removed = {path for move in moves for path in move.removed}
    for path in (path for move in moves for path in move.files):
        if path not in removed and path.exists():
            raise HistoryError(
                f"cannot rename a migration to {path.name}: the file exists",
                hint="change the number of one of the two files",
            )


# The rehearsal


def _rehearse(
    project: Workspace,
    graph: Graph,
    chosen: Collection[str],
    known: LockFile | None,
    rehearse: bool,
) -> tuple[LockResult, set[str]]:
    """Return the lock file of the new graph, and the revisions that the database has.

    Raises RehearsalFailedError if the migrations do not work in the new order.
    """
    from autodiff.rehearse.context import open_rehearsal_context
    from autodiff.rehearse.history import rehearse_revisions
    from autodiff.rehearse.rehearsal_database import RehearsalDatabase

    with open_rehearsal_context(project, graph, known) as context:
        applied = _applied(project, context)
        if not rehearse:
            return unrehearsed_lock(project, context, known), applied
        with RehearsalDatabase(context) as database:
            history = rehearse_revisions(project, context, database, chosen, known)
            problems = [
                f"{step.name}: {problem}" for step in history.steps for problem in step.problems
            ]
            if problems or history.not_reached:
                raise RehearsalFailedError(
                    problems,
                    what="the migrations do not work after the other branch, and nothing was "
                    "changed",
                    hint="fix your migration so that it builds on the other branch, or delete it "
                    "and run autodiff generate; pass --no-rehearse to move it without checking",
                )
            return replayed_lock(project, graph, database), applied


def _applied(project: Workspace, context: RehearsalContext) -> set[str]:

    if context.live is None:
        return set()
    return set(project.runner(context.live, context.graph).applied())
