"""Whether the files are those that were applied."""

from __future__ import annotations

from autodiff.errors import EditedMigrationError
from autodiff.history.graph import Graph
from autodiff.run.store import Applied

__all__ = ["verified"]


def verified(graph: Graph, applied: dict[str, Applied]) -> dict[str, Applied]:
    """What was applied, once it is sure that the files are those that were.

    Raises EditedMigrationError for a file that is missing or was changed since.
    """
    missing = sorted(revision for revision in applied if revision not in graph)
    if missing:
        names = ", ".join(f"{r} ({applied[r].name})" for r in missing)
        raise EditedMigrationError(
            f"the database has migrations that the folder lacks: {names}",
            missing,
            hint="restore the files, or check out the branch that has them",
        )
    edited = [graph[r] for r, row in applied.items() if row.checksum != graph[r].checksum]
    if edited:
        names = ", ".join(sorted(migration.path.name for migration in edited))
        raise EditedMigrationError(
            f"migrations were edited after they were applied: {names}",
            [migration.revision for migration in edited],
            hint="restore them from version control and put the change into a new migration",
        )
    return applied
