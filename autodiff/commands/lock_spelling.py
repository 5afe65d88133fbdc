"""Bring the lock file up to date with models that only spell the same schema in another way."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from autodiff.autogenerate.differences import find_difference
from autodiff.autogenerate.schemas import read_schemas
from autodiff.commands.lock_schema import describe_desired
from autodiff.compare import without_partitions
from autodiff.dialects import dialect_of
from autodiff.migrations import write_lock

if TYPE_CHECKING:
    from autodiff.workspace import Workspace

__all__ = ["respell_lock"]


def respell_lock(project: Workspace, *, source: str = "database", format: str = "python") -> None:
    """Write the models to the lock file if a server describes them as the lock file does.

    `check --offline` asks no server, and would report the difference in spelling forever.

    source, format: those of the draft that found nothing to do. Without a database, and in the
    history of Alembic, there is nothing to write.
    """
    if source != "database" or format == "alembic":
        return
    lock = project.lock()
    if lock is None or project.declare(project.dialect_of_lock(lock)) == lock.declared:
        return
    with project.connect() as connection:
        dialect = dialect_of(connection, scratch_url=project.scratch_url)
        if not lock.matches(dialect):
            return
        selection = project.selection()
        current, desired = read_schemas(connection, dialect, project.metadata(), selection)
        difference = find_difference(
            connection,
            dialect,
            lock.described,
            without_partitions(current, desired),
            create_scratch=True,
            declared_before=lock.declared,
        )
        if difference.changes or not difference.settled:
            return
        description = describe_desired(connection, dialect, difference)
    described, settled = description.schema, description.settled
    write_lock(
        project.directory,
        replace(lock, declared=desired, described=described, settled=settled),
    )
