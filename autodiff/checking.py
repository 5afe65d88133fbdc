"""Three-way drift: models, migrations and database, each against the others."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from autodiff.changes import Change, reverse_change
from autodiff.drift import Drift
from autodiff.errors import EditedMigrationError
from autodiff.history import Graph, Lock, write_lock

if TYPE_CHECKING:
    import sqlalchemy as sa

    from autodiff.dialects import Dialect
    from autodiff.project import Project
    from autodiff.schema import Schema

__all__ = ["check", "check_offline", "relock"]


def check_offline(project: Project) -> Drift:
    """Models against migrations, by the lock file; no database is asked."""
    from autodiff.dialects import dialect_for

    graph = project.graph()
    _ = graph.head
    lock = project.lock()
    if lock is None:
        return _without_lock(project, graph)
    dialect = dialect_for(lock.database.split()[0])
    return Drift(
        models=_missing_migration(project, lock, dialect),
        edited=_edited_since_lock(graph, lock),
    )


def _without_lock(project: Project, graph: Graph) -> Drift:
    tables = [table for metadata in project.metadata() for table in metadata.tables]
    if len(graph) or not tables:
        notes = (f"there is no lock file in {project.directory}: autodiff lock writes it",)
        return Drift(notes=notes if len(graph) else ())
    return Drift(models=tuple(f"+ table {name}" for name in sorted(tables)))


def _edited_since_lock(graph: Graph, lock: Lock) -> tuple[str, ...]:
    lines = [
        f"{migration.path.name} is "
        + ("not what the lock file knows" if revision in lock.checksums else "not in the lock file")
        for revision, migration in graph.migrations.items()
        if lock.checksums.get(revision) != migration.checksum
    ]
    lines += [f"{r} is in the lock file alone" for r in lock.checksums if r not in graph]
    return tuple(lines)


def _missing_migration(project: Project, lock: Lock, dialect: Dialect) -> tuple[str, ...]:
    from autodiff.declare import declare

    desired = declare(project.metadata(), dialect, exclude=project.config.exclude_tables)
    if desired == lock.declared:
        return ()
    return _lines(_changes(None, dialect, lock.described, desired, lock))


def _changes(
    connection: sa.Connection | None,
    dialect: Dialect,
    current: Schema,
    desired: Schema,
    lock: Lock | None,
) -> tuple[Change, ...]:
    from autodiff.diffing import difference

    found = difference(
        connection,
        dialect,
        current,
        desired,
        create_scratch=False,
        managed_views=lock.declared.views if lock else (),
    )
    return found.changes


def _lines(changes: Iterable[Change]) -> tuple[str, ...]:
    from autodiff.describe import describe_change

    return tuple(describe_change(change) for change in changes)


def check(project: Project) -> Drift:
    """All three kinds of drift.

    Raises what `Project.connect` and `Project.metadata` raise.
    """
    from autodiff.declare import declare
    from autodiff.dialects import dialect_of
    from autodiff.diffing import scope_for

    graph = project.graph()
    _ = graph.head
    lock = project.lock()
    metadata = project.metadata()
    with project.connect() as connection:
        pending, edited = _against_database(project, graph, connection)
        dialect = dialect_of(connection)
        desired = declare(metadata, dialect, exclude=project.config.exclude_tables)
        current = dialect.reflect(connection, scope_for(desired, project.config.exclude_tables))
        same_kind = lock is not None and _same_kind(lock.database, dialect.kind)
        if lock is not None and same_kind and desired == lock.declared:
            wanted = lock.described
        else:
            wanted = desired
        differing = _changes(connection, dialect, current, wanted, lock)
        by_hand: tuple[str, ...] = ()
        models: tuple[str, ...] = ()
        if lock is not None and same_kind:
            models = (
                ()
                if desired == lock.declared
                else _lines(_changes(connection, dialect, lock.described, desired, lock))
            )
            if not pending:
                back = _changes(connection, dialect, current, lock.described, lock)
                by_hand = _lines(reverse_change(change) for change in back)
        elif lock is None and not len(graph):
            models = _lines(differing)
    if lock is not None:
        edited = (*edited, *_edited_since_lock(graph, lock))
    return Drift(
        models=models,
        pending=pending,
        edited=tuple(dict.fromkeys(edited)),
        by_hand=by_hand,
        database=_lines(differing),
        notes=_notes(graph, lock, dialect),
    )


def _same_kind(locked: str, live: str) -> bool:
    """Whether two servers are of one kind and major version."""

    def major(text: str) -> tuple[str, str]:
        name, _, version = text.partition(" ")
        return name, version.split(".")[0]

    return major(locked) == major(live)


def _notes(graph: Graph, lock: Lock | None, dialect: Dialect) -> tuple[str, ...]:
    if lock is None:
        return ("there is no lock file: autodiff lock writes it",) if len(graph) else ()
    if not _same_kind(lock.database, dialect.kind):
        return (f"the lock file was written for {lock.database}, this is {dialect.kind}",)
    return ()


def _against_database(
    project: Project, graph: Graph, connection: sa.Connection
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Files that were not applied, and files that are not what was applied."""
    from autodiff.run.runner import Runner

    runner = Runner(connection, graph, schema=project.config.history_schema)
    try:
        applied = runner.verify()
        edited: tuple[str, ...] = ()
    except EditedMigrationError as error:
        applied = runner.applied()
        edited = (error.message,)
    pending = graph.in_order(set(graph.migrations) - set(applied))
    return tuple(migration.path.name for migration in pending), edited


def relock(project: Project) -> Path:
    """Writes the lock file anew and returns its path.

    The described side is what the database has, where a database is at the head; else what a
    scratch says of the models.
    """
    from autodiff.declare import declare
    from autodiff.dialects import dialect_of
    from autodiff.diffing import difference, scope_for
    from autodiff.drafting import checksums, described_schema

    graph = project.graph()
    _ = graph.head
    with project.connect() as connection:
        dialect = dialect_of(connection)
        desired = declare(project.metadata(), dialect, exclude=project.config.exclude_tables)
        current = dialect.reflect(connection, scope_for(desired, project.config.exclude_tables))
        found = difference(connection, dialect, current, desired, create_scratch=True)
        lock = Lock(
            heads=graph.heads,
            checksums=checksums(graph),
            database=dialect.kind,
            declared=desired,
            described=described_schema(connection, dialect, found),
        )
    return write_lock(project.directory, lock)
