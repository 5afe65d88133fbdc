"""Build the graph of migrations from their parents, dependencies and labels."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from graphlib import CycleError, TopologicalSorter
from heapq import heappop, heappush
from itertools import pairwise
from pathlib import Path

from autodiff.errors import HistoryError, MigrationFileError, SeveralHeadsError
from autodiff.migrations import targets
from autodiff.migrations.alembic_history import AlembicHistory, read_alembic, read_revisions
from autodiff.migrations.alembic_order import in_alembic_order
from autodiff.migrations.ancestry import lineage_of
from autodiff.migrations.drawing import draw_branches
from autodiff.migrations.files import Migration, read_folder

__all__ = ["Graph", "load_graph"]


def load_graph(*folders: Path, problems: list[MigrationFileError] | None = None) -> Graph:
    """Return the graph of the migrations in one or more folders.

    The Alembic history before them is named in the first folder. With a list of problems, files
    that can't be read are added to it, as `read_folder` does.

    Raises HistoryError if revisions are duplicate, parents are unknown or migrations form a cycle,
    if several folders have a file of one name, and MigrationFileError if a file can't be read.
    """
    alembic = read_alembic(folders[0])
    revisions = read_revisions(alembic.folder) if alembic and alembic.folder else []
    found = [migration for folder in folders for migration in read_folder(folder, problems)]
    if len(folders) > 1:
        found.sort(key=lambda migration: migration.path.name)
    graph = Graph.of([*revisions, *found], alembic)
    for first, second in pairwise(found):
        if first.name == second.name:
            raise HistoryError(
                f"two migrations have the name {first.name}: {first.path} and {second.path}",
                hint="rename one of the files",
            )
    return graph


def _distinct_names(*paths: Path) -> list[str]:
    """Return the names of files, or their paths if they are in several folders."""
    if len({path.parent for path in paths}) == 1:
        return [path.name for path in paths]
    return list(map(str, paths))


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """Migrations by revision, each after its parents and dependencies.

    `dependencies` are the revisions that a migration depends on, if there are any. `branches` are
    the revisions of each label, in order: the migration that has the label and its descendants,
    until the branch is merged with another. `replaced` maps each squashed revision to the one
    that replaces it; parents and dependencies already refer to the replacing one. `alembic` is the
    Alembic history that comes before the migrations, if there is one.
    """

    migrations: dict[str, Migration] = field(default_factory=dict)
    dependencies: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    branches: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    replaced: Mapping[str, str] = field(default_factory=dict)
    alembic: AlembicHistory | None = None

    @classmethod
    def of(cls, migrations: Iterable[Migration], alembic: AlembicHistory | None = None) -> Graph:
        """Return the graph of these migrations; raise HistoryError if they don't form one."""
        by_revision: dict[str, Migration] = {}
        for migration in migrations:
            other = by_revision.get(migration.revision)
            if other is not None:
                raise HistoryError(
                    f"two migrations have the revision {migration.revision}: "
                    f"{' and '.join(_distinct_names(other.path, migration.path))}",
                    hint="one is a copy: give it another revision, or delete it",
                )
            by_revision[migration.revision] = migration
        replaced = _replaced(by_revision)
        if replaced:
            by_revision = {r: _after_squashes(m, replaced) for r, m in by_revision.items()}
        _check_parents(by_revision)
        dependencies = _dependencies(by_revision, {**replaced, **_label_owners(by_revision)})
        order = {m.revision: m for m in _ordered(by_revision, dependencies)}
        return cls(
            migrations=order,
            dependencies=dependencies,
            branches=_branches(order),
            replaced=replaced,
            alembic=alembic,
        )

    def __len__(self) -> int:
        return len(self.migrations)

    def __contains__(self, revision: str) -> bool:
        return revision in self.migrations

    def __getitem__(self, revision: str) -> Migration:
        return self.migrations[revision]

    @property
    def heads(self) -> tuple[str, ...]:
        """The revisions that are not a parent; others may depend on them."""
        parents = {parent for m in self.migrations.values() for parent in m.parents}
        return tuple(revision for revision in self.migrations if revision not in parents)

    @property
    def is_line(self) -> bool:
        """Whether each migration has the one before it as its parent."""
        parents = [m.parents for m in self.migrations.values()]
        return parents == [(), *((r,) for r in self.migrations)][: len(parents)]

    @property
    def head(self) -> str | None:
        """The only head, None if there are no migrations.

        Raises SeveralHeadsError if there are several.
        """
        heads = self.heads
        if len(heads) > 1:
            raise self.several_heads_error(heads)
        return heads[0] if heads else None

    def several_heads_error(
        self, heads: Sequence[str], also: str | None = None
    ) -> SeveralHeadsError:
        """Return the error for several heads, with the graph and the ways to continue.

        `also` replaces the advice to use the target `heads`, for commands that don't accept it.
        """
        names = [f"{head} ({self[head].path.name})" for head in heads]
        named = [label for label in self.branches if set(self.heads_of(label)) & set(heads)]
        one = f", or {named[0]}@head for one" if named else ""
        ways = [also or f"use the target heads for all of them{one}"]
        if not self.has_labeled_heads:
            join = "run autodiff merge to join them, or autodiff rebase to reorder them"
            ways.insert(0, self._unread_labels_hint() or join)
        picture = draw_branches(self, heads)
        return SeveralHeadsError(names, picture=picture, hint="; ".join(ways))

    def _unread_labels_hint(self) -> str | None:
        """Return how to make the labels readable that are not; None if all are read."""
        unread = ", ".join(
            f"{label} in {migration.path}"
            for migration in self.migrations.values()
            for label in migration.unread_labels
        )
        if not unread:
            return None
        literal = 'branch_labels = ("billing",)'
        return f"files are read without running them: write the label {unread} like {literal}"

    @property
    def has_labeled_heads(self) -> bool:
        """Whether every head except that of the main line has a label that no other head has.

        If not, the branches are not intended: two people added a migration.
        """
        named = {tops[0] for tops in map(self.heads_of, self.branches) if len(tops) == 1}
        return len(set(self.heads) - named) <= 1

    def check_heads(self) -> None:
        """Raise SeveralHeadsError if there are several heads that labels do not distinguish."""
        if not self.has_labeled_heads:
            also = "add a label to each branch that stays separate"
            raise self.several_heads_error(self.heads, also)

    def heads_of(self, label: str) -> tuple[str, ...]:
        """Return the last revisions of a branch, which are not a parent within it."""
        members = self.branches[label]
        parents = {parent for revision in members for parent in self[revision].parents}
        return tuple(revision for revision in members if revision not in parents)

    def next_number(self) -> int:
        """Return the number for the next file."""
        return max((m.number or 0 for m in self.migrations.values()), default=0) + 1

    def before(self, revision: str) -> tuple[str, ...]:
        """Return the revisions that must be applied first: parents and dependencies."""
        return (*self[revision].parents, *self.dependencies.get(revision, ()))

    def tips(self, revisions: Collection[str]) -> tuple[str, ...]:
        """Return those of the revisions that no other of them comes after or depends on, sorted."""
        behind = {before for revision in revisions for before in self.before(revision)}
        return tuple(sorted(set(revisions) - behind))

    def lineage(self, revisions: Iterable[str]) -> set[str]:
        """Return the revisions and all their ancestors."""
        return lineage_of(revisions, self.before)

    def followers(self, revisions: Collection[str]) -> set[str]:
        """Return the revisions that come after or depend on these, without these."""
        found: set[str] = set()
        for revision in self.migrations:
            if any(r in revisions or r in found for r in self.before(revision)):
                found.add(revision)
        return found - set(revisions)

    def in_order(self, revisions: Collection[str]) -> list[Migration]:
        """Return the migrations of these revisions, parents first."""
        return [m for revision, m in self.migrations.items() if revision in revisions]

    def upgrades(self, target: str, applied: Collection[str]) -> list[Migration]:
        """Return the migrations to apply, in order, to reach the target.

        Raises RevisionNotFoundError if the target is unknown, SeveralHeadsError if it is `head` and
        there are several, and HistoryError if it lies before the applied migrations.
        """
        return targets.upgrades(self, target, applied)

    def downgrades(self, target: str, applied: Collection[str]) -> list[Migration]:
        """Return the migrations to revert, in order: those that come after the target.

        Other branches are kept. Raises the same errors as `upgrades`, and HistoryError if the
        target is not applied.
        """
        return targets.downgrades(self, target, applied)

    def reach(self, target: str, applied: Collection[str] = ()) -> set[str]:
        """Return the revisions that are applied when a database is at the target.

        `applied` are the currently applied ones, for relative targets. If the target has a label,
        the migrations of other branches are not affected.
        """
        return targets.reach(self, target, applied)

    def is_relative(self, target: str) -> bool:
        """Return whether a target counts steps from what is applied, such as +1 or billing@-1."""
        return targets.is_relative(self, target)

    def find(self, target: str) -> Migration:
        """Return the migration that a target names: a revision, its start, a number or a name.

        A squashed revision names the migration that replaces it.

        Raises RevisionNotFoundError if there is none, AmbiguousRevisionError or SeveralHeadsError
        if there are several.
        """
        return targets.find(self, target)


def _replaced(migrations: Mapping[str, Migration]) -> dict[str, str]:
    """Return the squashed revisions, each with the one that replaces it."""
    found: dict[str, str] = {}
    for migration in migrations.values():
        for revision in migration.replaces:
            if revision in migrations:
                raise HistoryError(
                    f"{migration.path.name} replaces {revision}, but its file still exists: "
                    f"{migrations[revision].path.name}",
                    hint=f"delete {migrations[revision].path.name}, or delete "
                    f"{migration.path.name} to keep the separate files",
                )
            if revision in found:
                other = migrations[found[revision]]
                raise HistoryError(
                    f"{migration.path.name} and {other.path.name} both replace {revision}",
                    hint="two branches squashed the same migrations: delete one of the files",
                )
            found[revision] = migration.revision
    return found


def _after_squashes(migration: Migration, replaced: Mapping[str, str]) -> Migration:
    """Return the migration with squashed parents replaced."""
    parents = (replaced.get(parent, parent) for parent in migration.parents)
    return replace(migration, parents=tuple(dict.fromkeys(parents)))


def _label_owners(migrations: Mapping[str, Migration]) -> dict[str, str]:
    """Return the revision that has each label."""
    found: dict[str, str] = {}
    for migration in migrations.values():
        for label in migration.labels:
            other = found.get(label)
            if other is not None or label in migrations:
                owner = migrations[label if other is None else other]
                raise HistoryError(
                    f"the label {label} of {migration.path.name} is already used by "
                    f"{owner.path.name}",
                    hint="choose another label; the first migration of a branch has its label",
                )
            found[label] = migration.revision
    return found


def _dependencies(
    migrations: Mapping[str, Migration], owners: Mapping[str, str]
) -> dict[str, tuple[str, ...]]:
    """Return the dependencies as revisions; a label means the migration that has it."""
    found: dict[str, tuple[str, ...]] = {}
    for migration in migrations.values():
        if migration.depends_on:
            wanted = [owners.get(name, name) for name in migration.depends_on]
            _require_files(migration, wanted, migrations, "depends on")
            found[migration.revision] = tuple(dict.fromkeys(wanted))
    return found


def _branches(migrations: Mapping[str, Migration]) -> dict[str, tuple[str, ...]]:
    """Return the revisions of each label; `migrations` are in order."""
    members: dict[str, dict[str, None]] = {}
    for revision, migration in migrations.items():
        for branch in members.values():
            if migration.parents and all(parent in branch for parent in migration.parents):
                branch[revision] = None
        for label in migration.labels:
            members[label] = {revision: None}
    return {label: tuple(members[label]) for label in sorted(members)}


def _check_parents(migrations: Mapping[str, Migration]) -> None:
    for migration in migrations.values():
        _require_files(migration, migration.parents, migrations, "comes after")


def _require_files(
    migration: Migration, wanted: Iterable[str], migrations: Mapping[str, Migration], how: str
) -> None:
    for revision in wanted:
        if revision not in migrations:
            raise HistoryError(
                f"migration {migration.path.name} {how} {revision}, which has no file",
                hint="restore the file from version control, or correct the "
                + ("parents" if how == "comes after" else "depends_on"),
            )


def _ordered(
    migrations: Mapping[str, Migration], dependencies: Mapping[str, tuple[str, ...]]
) -> Sequence[Migration]:
    """Return the migrations after their parents, otherwise by number and revision.

    Alembic's revisions come first, in Alembic's order.
    """
    sorter = TopologicalSorter(
        {r: (*m.parents, *dependencies.get(r, ())) for r, m in migrations.items()}
    )
    try:
        sorter.prepare()
    except CycleError as error:
        names = " -> ".join(migrations[revision].path.name for revision in error.args[1])
        raise HistoryError(
            f"the migrations form a cycle: {names}", hint="correct the parents of one of them"
        ) from error
    has_revisions = any(m.is_alembic for m in migrations.values())
    revisions = in_alembic_order(migrations, dependencies) if has_revisions else []
    places = {revision: n for n, revision in enumerate(revisions, -len(revisions))}
    order: list[Migration] = []
    ready: list[tuple[int, str]] = []
    while sorter.is_active():
        for revision in sorter.get_ready():
            rank = places.get(revision, migrations[revision].number or 0)
            heappush(ready, (rank, revision))
        _, first = heappop(ready)
        order.append(migrations[first])
        sorter.done(first)
    return order
