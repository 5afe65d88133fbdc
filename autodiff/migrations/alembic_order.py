"""Order the revisions of an Alembic history as Alembic runs them on an empty database.

The order of two branches decides how a server names what has no name, such as `t_ibfk_1`. Alembic
walks from the heads to the bases, branch by branch, in the order of the files.
"""

from __future__ import annotations

from collections.abc import Mapping

from autodiff.migrations.ancestry import lineage_of
from autodiff.migrations.files import Migration

__all__ = ["in_alembic_order"]


def in_alembic_order(
    migrations: Mapping[str, Migration], dependencies: Mapping[str, tuple[str, ...]]
) -> list[str]:
    """Return the revisions of Alembic among the migrations, in the order in which it runs them.

    If one revision depends on several others, Alembic's order can differ from run to run.

    Args:
        migrations: The migrations by revision, without cycles.
        dependencies: The revisions that a migration depends on.
    """
    found = [m for m in migrations.values() if m.is_alembic]
    listed = [m.revision for m in sorted(found, key=lambda m: m.place)]
    own = frozenset(listed)
    parents = {r: [p for p in migrations[r].parents if p in own] for r in listed}
    before = dict(parents)
    for revision in listed:
        if revision in dependencies:
            inherited = {
                dependency
                for ancestor in lineage_of(parents[revision], parents.__getitem__)
                for dependency in dependencies.get(ancestor, ())
            }
            added = (d for d in dependencies[revision] if d in own and d not in inherited)
            before[revision] = list(dict.fromkeys((*parents[revision], *added)))
    behind = {each for revision in listed for each in before[revision]}
    order = _walk_down([r for r in listed if r not in behind], before)
    return order[::-1]


def _walk_down(heads: list[str], before: Mapping[str, list[str]]) -> list[str]:
    """Return the revisions from the heads to the bases.

    A branch is followed to a revision that another branch comes after; then that one is.
    """
    order: list[str] = []
    done: set[str] = set()
    lineages = [lineage_of([head], before.__getitem__) for head in heads]
    current = 0
    while heads:
        revision = heads[current]
        awaited = (n for n, found in enumerate(lineages) if n != current and revision in found)
        if (other := next(awaited, None)) is not None:
            current = other
            continue
        order.append(revision)
        done.add(revision)
        following = [r for r in before[revision] if r not in done and r not in heads]
        if not following:
            del heads[current], lineages[current]
            current = max(current - 1, 0)
            continue
        heads[current] = following[0]
        heads += following[1:]
        if len(before[revision]) == 1:
            lineages[current].discard(revision)
        else:
            lineages[current] = lineage_of(following[:1], before.__getitem__)
            lineages += [lineage_of([r], before.__getitem__) for r in following[1:]]
    return order
