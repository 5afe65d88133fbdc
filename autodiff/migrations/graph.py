"""The graph of migrations: who comes after whom, and which branches there are."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from graphlib import CycleError, TopologicalSorter
from heapq import heappop, heappush
from pathlib import Path

from autodiff.errors import HistoryError, SeveralHeadsError
from autodiff.migrations import targets
from autodiff.migrations.drawing import draw_branches
from autodiff.migrations.files import Migration, read_folder

__all__ = ["Graph", "load_graph"]


def load_graph(folder: Path) -> Graph:
    """The graph of a folder's migrations.

    Raises HistoryError for duplicates, unknown parents and circles, MigrationFileError for a
    file that can't be read.
    """
    return Graph.of(read_folder(folder))


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """Migrations by revision, each behind its parents and what it depends on.

    `dependencies` are the revisions that a migration depends on, for those that do. `branches` are
    the revisions of each label, in order: the migration that has it and all that come after it,
    up to where it is joined with another branch. `replaced` leads from each revision that was
    squashed to the one that stands for it; so do the parents and dependencies.
    """

    migrations: dict[str, Migration] = field(default_factory=dict)
    dependencies: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    branches: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    replaced: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, migrations: Iterable[Migration]) -> Graph:
        """The graph of some migrations, checked."""
        by_revision: dict[str, Migration] = {}
        for migration in migrations:
            other = by_revision.get(migration.revision)
            if other is not None:
                raise HistoryError(
                    f"two migrations have the revision {migration.revision}: "
                    f"{other.path.name} and {migration.path.name}",
                    hint="one is a copy: give it a revision of its own, or remove it",
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
        )

    def __len__(self) -> int:
        return len(self.migrations)

    def __contains__(self, revision: str) -> bool:
        return revision in self.migrations

    def __getitem__(self, revision: str) -> Migration:
        return self.migrations[revision]

    @property
    def heads(self) -> tuple[str, ...]:
        """The revisions that are nobody's parent; others may depend on them."""
        parents = {parent for m in self.migrations.values() for parent in m.parents}
        return tuple(revision for revision in self.migrations if revision not in parents)

    @property
    def is_line(self) -> bool:
        """Whether each migration has the one before it as its parent."""
        parents = [m.parents for m in self.migrations.values()]
        return parents == [(), *((r,) for r in self.migrations)][: len(parents)]

    @property
    def head(self) -> str | None:
        """The one head, None where there are no migrations.

        Raises SeveralHeadsError where there are several.
        """
        heads = self.heads
        if len(heads) > 1:
            raise self.several_heads_error(heads)
        return heads[0] if heads else None

    def several_heads_error(
        self, heads: Sequence[str], also: str | None = None
    ) -> SeveralHeadsError:
        """The error that these heads are more than one, with the graph and the ways out.

        `also` is another way than the target `heads`, where that is none.
        """
        names = [f"{head} ({self[head].path.name})" for head in heads]
        named = [label for label in self.branches if set(self.heads_of(label)) & set(heads)]
        one = f", {named[0]}@head one of them" if named else ""
        ways = [also or f"the target `heads` means all of them{one}"]
        if not self.has_labeled_heads:
            ways.insert(0, "autodiff merge joins them, autodiff rebase sets one behind the other")
        picture = draw_branches(self, heads)
        return SeveralHeadsError(names, picture=picture, hint="; ".join(ways))

    @property
    def has_labeled_heads(self) -> bool:
        """Whether each head but one, the main line's, has a label that no other head has.

        Others are no branches on purpose: two people added a migration.
        """
        named = {tops[0] for tops in map(self.heads_of, self.branches) if len(tops) == 1}
        return len(set(self.heads) - named) <= 1

    def check_heads(self) -> None:
        """Nothing, where there is one head, or they are told apart.

        Raises SeveralHeadsError where they are not.
        """
        if not self.has_labeled_heads:
            also = "branches that are meant to be several need a label each"
            raise self.several_heads_error(self.heads, also)

    def heads_of(self, label: str) -> tuple[str, ...]:
        """The last revisions of a branch: nobody's parent within it."""
        members = self.branches[label]
        parents = {parent for revision in members for parent in self[revision].parents}
        return tuple(revision for revision in members if revision not in parents)

    def next_number(self) -> int:
        """The number of the next file."""
        return max((m.number or 0 for m in self.migrations.values()), default=0) + 1

    def before(self, revision: str) -> tuple[str, ...]:
        """What must be applied before a migration: its parents, and what it depends on."""
        return (*self[revision].parents, *self.dependencies.get(revision, ()))

    def lineage(self, revisions: Iterable[str]) -> set[str]:
        """The revisions and all that come before them."""
        found: set[str] = set()
        waiting = list(revisions)
        while waiting:
            revision = waiting.pop()
            if revision not in found:
                found.add(revision)
                waiting += self.before(revision)
        return found

    def followers(self, revisions: Collection[str]) -> set[str]:
        """All that come after the revisions or depend on them; without themselves."""
        found: set[str] = set()
        for revision in self.migrations:
            if any(r in revisions or r in found for r in self.before(revision)):
                found.add(revision)
        return found - set(revisions)

    def in_order(self, revisions: Collection[str]) -> list[Migration]:
        """The migrations of these revisions, parents first."""
        return [m for revision, m in self.migrations.items() if revision in revisions]

    def upgrades(self, target: str, applied: Collection[str]) -> list[Migration]:
        """The migrations to apply, in order, to get to the target.

        Raises RevisionNotFoundError for an unknown target, SeveralHeadsError for `head` with
        several, HistoryError for one that an upgrade does not lead to.
        """
        return targets.upgrades(self, target, applied)

    def downgrades(self, target: str, applied: Collection[str]) -> list[Migration]:
        """The migrations to revert, in order, to get to the target: what came after it.

        Other branches stay. Raises as `upgrades`, and HistoryError where it is not applied.
        """
        return targets.downgrades(self, target, applied)

    def reach(self, target: str, applied: Collection[str] = ()) -> set[str]:
        """What is applied where a database stands at the target and nowhere else.

        `applied` is what it has had, for targets that are relative to that; with a label the
        other branches stay as they are.
        """
        return targets.reach(self, target, applied)

    def find(self, target: str) -> Migration:
        """The migration of a revision, the start of one, a number, a name, or a place near one.

        A revision that was squashed leads to what stands for it.

        Raises RevisionNotFoundError where there is none, or more than one.
        """
        return targets.find(self, target)


def _replaced(migrations: Mapping[str, Migration]) -> dict[str, str]:
    """The revisions that were squashed, each with the one that stands for it."""
    found: dict[str, str] = {}
    for migration in migrations.values():
        for revision in migration.replaces:
            if revision in migrations:
                raise HistoryError(
                    f"{migration.path.name} replaces {revision}, and its file is here too: "
                    f"{migrations[revision].path.name}",
                    hint=f"delete {migrations[revision].path.name}; or, to go back to the single "
                    f"files, delete {migration.path.name}",
                )
            if revision in found:
                other = migrations[found[revision]]
                raise HistoryError(
                    f"{migration.path.name} and {other.path.name} both replace {revision}",
                    hint="two branches squashed the same migrations: keep one of the files",
                )
            found[revision] = migration.revision
    return found


def _after_squashes(migration: Migration, replaced: Mapping[str, str]) -> Migration:
    """The migration behind what stands for its parents."""
    parents = (replaced.get(parent, parent) for parent in migration.parents)
    return replace(migration, parents=tuple(dict.fromkeys(parents)))


def _label_owners(migrations: Mapping[str, Migration]) -> dict[str, str]:
    """The revision that each label stands in."""
    found: dict[str, str] = {}
    for migration in migrations.values():
        for label in migration.labels:
            other = found.get(label)
            if other is not None or label in migrations:
                also = migrations[label if other is None else other]
                raise HistoryError(
                    f"the label {label} of {migration.path.name} is taken by {also.path.name}",
                    hint="a label names one branch, at its first migration: choose another one",
                )
            found[label] = migration.revision
    return found


def _dependencies(
    migrations: Mapping[str, Migration], owners: Mapping[str, str]
) -> dict[str, tuple[str, ...]]:
    """What migrations depend on, as revisions; a label stands for the migration that has it."""
    found: dict[str, tuple[str, ...]] = {}
    for migration in migrations.values():
        if migration.depends_on:
            wanted = [owners.get(name, name) for name in migration.depends_on]
            _require_there(migration, wanted, migrations, "depends on")
            found[migration.revision] = tuple(dict.fromkeys(wanted))
    return found


def _branches(migrations: Mapping[str, Migration]) -> dict[str, tuple[str, ...]]:
    """The revisions of each label; `migrations` stand in order."""
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
        _require_there(migration, migration.parents, migrations, "comes after")


def _require_there(
    migration: Migration, wanted: Iterable[str], migrations: Mapping[str, Migration], how: str
) -> None:
    for revision in wanted:
        if revision not in migrations:
            raise HistoryError(
                f"migration {migration.path.name} {how} {revision}, which is not here",
                hint="restore that file from version control, or correct the "
                + ("parents" if how == "comes after" else "depends_on"),
            )


def _ordered(
    migrations: Mapping[str, Migration], dependencies: Mapping[str, tuple[str, ...]]
) -> Sequence[Migration]:
    """What comes before first; among those that are ready, by number and revision."""
    sorter = TopologicalSorter(
        {r: (*m.parents, *dependencies.get(r, ())) for r, m in migrations.items()}
    )
    try:
        sorter.prepare()
    except CycleError as error:
        names = " -> ".join(migrations[revision].path.name for revision in error.args[1])
        raise HistoryError(
            f"the migrations go in a circle: {names}", hint="correct the parents of one of them"
        ) from error
    order: list[Migration] = []
    ready: list[tuple[int, str]] = []
    while sorter.is_active():
        for revision in sorter.get_ready():
            heappush(ready, (migrations[revision].number or 0, revision))
        _, first = heappop(ready)
        order.append(migrations[first])
        sorter.done(first)
    return order
