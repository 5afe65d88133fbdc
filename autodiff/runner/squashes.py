"""Count the parts of a squashed migration that a database has as the squashed one."""

from __future__ import annotations

from collections.abc import Mapping

from autodiff.migrations.files import Migration
from autodiff.migrations.graph import Graph
from autodiff.runner.history_table import Applied
from autodiff.runner.session import Session

__all__ = ["fold", "folded"]


def folded(graph: Graph, applied: Mapping[str, Applied]) -> dict[str, Applied]:
    """Return what was applied, with a squashed migration in place of all its parts."""
    found = dict(applied)
    for squash in _whole(graph, applied):
        parts = [found.pop(revision) for revision in squash.replaces]
        found[squash.revision] = Applied(
            revision=squash.revision,
            name=squash.name,
            checksum=squash.checksum,
            applied_at=max((p.applied_at for p in parts if p.applied_at), default=None),
            digest=squash.digest,
        )
    return found


def fold(session: Session, graph: Graph) -> None:
    """Replace the records of all parts by one of the squashed migration, and journal it."""
    if not any(_whole(graph, session.applied())):
        return
    session.create_tables()
    with session.transaction():
        before = session.history.read(session.connection)
        after = folded(graph, before)
        for squash in _whole(graph, before):
            session.history.remove(session.connection, squash.replaces)
            session.history.add(session.connection, [after[squash.revision]])
            entry = session.ended_entry(squash, "squash", "done")
            session.journal.write(session.connection, entry)


def _whole(graph: Graph, applied: Mapping[str, Applied]) -> list[Migration]:
    """Return the squashed migrations whose parts were all applied under their old names."""
    return [
        migration
        for revision, migration in graph.migrations.items()
        if migration.replaces
        and revision not in applied
        and all(part in applied for part in migration.replaces)
    ]
