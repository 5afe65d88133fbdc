"""The graph of migrations: who comes after whom, and what a target means."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from autodiff.errors import (
    AmbiguousRevisionError,
    HistoryError,
    RevisionNotFoundError,
    SeveralHeadsError,
)
from autodiff.history.files import Migration, read_folder

__all__ = ["Graph", "load_graph"]


def load_graph(folder: Path) -> Graph:
    """The graph of a folder's migrations.

    Raises HistoryError for duplicates, unknown parents and circles, MigrationFileError for a
    file that can't be read.
    """
    return Graph.of(read_folder(folder))


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """Migrations by revision, each behind its parents."""

    migrations: dict[str, Migration] = field(default_factory=dict)

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
        _check_parents(by_revision)
        return cls(migrations={m.revision: m for m in _ordered(by_revision)})

    def __len__(self) -> int:
        return len(self.migrations)

    def __contains__(self, revision: str) -> bool:
        return revision in self.migrations

    def __getitem__(self, revision: str) -> Migration:
        return self.migrations[revision]

    @property
    def heads(self) -> tuple[str, ...]:
        """The revisions that are nobody's parent."""
        parents = {parent for m in self.migrations.values() for parent in m.parents}
        return tuple(revision for revision in self.migrations if revision not in parents)

    @property
    def head(self) -> str | None:
        """The one head, None where there are no migrations.

        Raises SeveralHeadsError where there are several.
        """
        heads = self.heads
        if len(heads) > 1:
            names = [f"{head} ({self[head].path.name})" for head in heads]
            raise SeveralHeadsError(
                names,
                hint="two branches added a migration: set the parents of one to the other's "
                'revision, or join them: autodiff generate --empty -m "join"',
            )
        return heads[0] if heads else None

    def next_number(self) -> int:
        """The number of the next file."""
        return max((m.number or 0 for m in self.migrations.values()), default=0) + 1

    def lineage(self, revisions: Iterable[str]) -> set[str]:
        """The revisions and all that come before them."""
        found: set[str] = set()
        waiting = list(revisions)
        while waiting:
            revision = waiting.pop()
            if revision not in found:
                found.add(revision)
                waiting += self[revision].parents
        return found

    def in_order(self, revisions: Collection[str]) -> list[Migration]:
        """The migrations of these revisions, parents first."""
        return [m for revision, m in self.migrations.items() if revision in revisions]

    def upgrades(self, target: str, applied: Collection[str]) -> list[Migration]:
        """The migrations to apply, in order, to get to the target: head, +N, or a migration.

        Raises RevisionNotFoundError for an unknown target, SeveralHeadsError for `head` with
        several.
        """
        if target == "head":
            wanted = self.lineage([self.head]) if self.head else set()
        elif re.fullmatch(r"\+\d+", target):
            pending = self.in_order(set(self.migrations) - set(applied))
            return pending[: int(target[1:])]
        else:
            wanted = self.lineage([self.find(target).revision])
        return self.in_order(wanted - set(applied))

    def downgrades(self, target: str, applied: Collection[str]) -> list[Migration]:
        """The migrations to revert, in order, to get to the target: base, -N, or a migration."""
        done = self.in_order(set(applied))
        if target == "base":
            kept: set[str] = set()
        elif re.fullmatch(r"-\d+", target):
            return list(reversed(done))[: int(target[1:])]
        else:
            migration = self.find(target)
            if migration.revision not in applied:
                raise HistoryError(
                    f"cannot downgrade to {migration.name}: it is not applied",
                    hint="autodiff status lists what is",
                )
            kept = self.lineage([migration.revision])
        return [m for m in reversed(done) if m.revision not in kept]

    def find(self, target: str) -> Migration:
        """The migration of a revision, the start of one, a number, or a name.

        Raises RevisionNotFoundError where there is none, or more than one.
        """
        if target == "head" and self.head is not None:
            return self[self.head]
        if target in self.migrations:
            return self[target]
        found = [m for m in self.migrations.values() if _answers_to(m, target)]
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(f"{m.revision} ({m.path.name})" for m in found)
            raise AmbiguousRevisionError(target, hint=f"it could be any of: {names}")
        if ":" in target:
            raise RevisionNotFoundError(target, hint="FROM:TARGET is for a script: --sql")
        known = list(self.migrations.values())[-3:]
        names = ", ".join(f"{m.revision} ({m.path.name})" for m in known)
        raise RevisionNotFoundError(target, hint=f"the last ones are: {names or 'none at all'}")


def _answers_to(migration: Migration, target: str) -> bool:
    if target.isdecimal() and migration.number == int(target):
        return True
    slug = migration.name.partition("_")[2]
    return target in (migration.name, slug) or (
        len(target) >= 4 and migration.revision.startswith(target)
    )


def _check_parents(migrations: dict[str, Migration]) -> None:
    for migration in migrations.values():
        for parent in migration.parents:
            if parent not in migrations:
                raise HistoryError(
                    f"migration {migration.path.name} comes after {parent}, which is not here",
                    hint="restore that file from version control, or correct the parents",
                )


def _ordered(migrations: dict[str, Migration]) -> Sequence[Migration]:
    """Parents first; among those that are ready, by number and revision."""
    sorter = TopologicalSorter({r: m.parents for r, m in migrations.items()})
    try:
        sorter.prepare()
    except CycleError as error:
        names = " -> ".join(migrations[revision].path.name for revision in error.args[1])
        raise HistoryError(
            f"the migrations go in a circle: {names}", hint="correct the parents of one of them"
        ) from error
    order: list[Migration] = []
    while sorter.is_active():
        ready = sorted(
            (migrations[r] for r in sorter.get_ready()), key=lambda m: (m.number or 0, m.revision)
        )
        order += ready
        sorter.done(*(m.revision for m in ready))
    return order
