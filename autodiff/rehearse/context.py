"""Where the scratch databases of a rehearsal are created, and what they contain."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from autodiff.autogenerate.schemas import scope_for
from autodiff.dialects import Dialect, Scope, dialect_for, dialect_of
from autodiff.errors import ConfigError, ModelsError
from autodiff.migrations import Graph, LockFile
from autodiff.schema.objects import Schema

if TYPE_CHECKING:
    import sqlalchemy as sa

    from autodiff.workspace import Workspace

__all__ = ["RehearsalContext", "lock_mismatch", "open_rehearsal_context"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RehearsalContext:
    """The server for scratch databases, and the migrations to run on them.

    live: the live database; None if its dialect needs no server, or `scratch_url` is enough.
    scope: what to reflect.
    """

    live: sa.Connection | None
    dialect: Dialect
    graph: Graph
    scope: Scope

    @property
    def namespaces(self) -> tuple[str, ...]:
        """The schemas besides the default one."""
        return self.scope.namespaces


@contextmanager
def open_rehearsal_context(
    project: Workspace, graph: Graph, lock: LockFile | None
) -> Iterator[RehearsalContext]:
    """Connect to the project's database, unless scratch databases can be created without it.

    Raises ConfigError if a database URL is needed and there is none.
    """
    with _connect_if_needed(project, lock) as (live, dialect):
        namespaces = lock.declared.namespaces if lock is not None else frozenset()
        desired = _declared(project, dialect) or Schema()
        known = replace(desired, namespaces=desired.namespaces | namespaces)
        scope = scope_for(known, project.selection())
        yield RehearsalContext(live=live, dialect=dialect, graph=graph, scope=scope)


@contextmanager
def _connect_if_needed(
    project: Workspace, lock: LockFile | None
) -> Iterator[tuple[sa.Connection | None, Dialect]]:
    dialect = None if project.config.url else _dialect_without_server(project, lock)
    if dialect is not None:
        yield None, dialect
        return
    with project.connect() as connection:
        yield connection, dialect_of(connection, scratch_url=project.scratch_url)


def _dialect_without_server(project: Workspace, lock: LockFile | None) -> Dialect | None:
    """Return the dialect of `scratch_url`, or of the lock file if its scratches are in memory."""
    if (scratch_url := project.scratch_url) is not None:
        return dialect_for(scratch_url.get_backend_name(), scratch_url=scratch_url)
    if lock is None:
        return None
    dialect = dialect_for(lock.backend)
    return dialect if dialect.features.scratch_in_memory else None


def _declared(project: Workspace, dialect: Dialect) -> Schema | None:
    """Return the schema of the models, None if they cannot be loaded or are not configured."""
    try:
        return project.declare(dialect)
    except (ModelsError, ConfigError):
        return None


def lock_mismatch(lock: LockFile, graph: Graph, dialect: Dialect) -> str | None:
    """Return why the lock file does not describe these migrations, None if it does."""
    if set(lock.heads) != set(graph.heads):
        return "it is for another head (run autodiff lock to update it)"
    if lock.backend != dialect.backend:
        return f"it was written for {lock.database}"
    return None
