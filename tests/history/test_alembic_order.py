"""Test that the revisions of Alembic are in the order in which Alembic runs them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from alembic.script.revision import Revision, RevisionMap

from autodiff.migrations import Graph, Migration


def random_history(seed: int) -> list[Migration]:
    """Return revisions in the order of their files, with branches, merges and dependencies."""
    choose = random.Random(seed)
    names = [f"r{number}" for number in range(choose.randint(1, 12))]
    found: list[Migration] = []
    for position, name in enumerate(names):
        earlier = names[:position]
        parents = choose.sample(earlier, min(position, choose.choice((0, 1, 1, 1, 1, 2))))
        depends_on = choose.sample(earlier, min(position, choose.choice((0, 0, 0, 1))))
        if related(found, parents):
            parents = parents[:1]
        found.append(
            Migration(
                revision=name,
                parents=tuple(parents),
                message=name,
                path=Path(f"{name}.py"),
                depends_on=tuple(depends_on),
                is_alembic=True,
            )
        )
    choose.shuffle(found)
    return [replace(migration, place=place) for place, migration in enumerate(found)]


def related(migrations: Sequence[Migration], parents: Sequence[str]) -> bool:
    """Return whether one of the parents comes after another, which is no merge."""
    graph = Graph.of(migrations)
    return any(p in graph.lineage([o]) for p in parents for o in parents if o != p)


def alembic_runs(migrations: Sequence[Migration]) -> list[str]:
    """Return the order in which Alembic runs the revisions on an empty database."""
    revisions = [
        Revision(m.revision, m.parents or None, dependencies=m.depends_on or None)
        for m in migrations
    ]
    found = RevisionMap(lambda: revisions).iterate_revisions("heads", "base")
    return [revision.revision for revision in found][::-1]


def test_order_is_that_of_alembic() -> None:
    """Branches, merges and dependencies, for files in any order."""
    for seed in range(500):
        history = random_history(seed)
        graph = Graph.of(history)
        assert list(graph.migrations) == alembic_runs(history), history
        assert list(Graph.of(graph.migrations.values()).migrations) == list(graph.migrations)


def test_own_migrations_come_after_all_revisions() -> None:
    """A migration without a number that follows an early revision waits for the others."""
    history = random_history(7)
    first = Graph.of(history).migrations
    own = [
        Migration(revision=name, parents=(history[0].revision,), message=name, path=Path("a.py"))
        for name in ("a1", "zz")
    ]
    assert list(Graph.of([*own, *history]).migrations) == [*first, "a1", "zz"]
