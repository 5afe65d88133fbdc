"""What is in the database and is not compared, each thing with the reason."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from autodiff.autogenerate.schemas import OWN_TABLES, scope_for
from autodiff.dialects import Dialect, Scope, dialect_of
from autodiff.dialects.base import is_excluded
from autodiff.dialects.unmanaged import LeftAlone
from autodiff.models import declare
from autodiff.schema.objects import Exclusion, Name, Schema
from autodiff.utils.connect import open_connection, readable_url

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from autodiff.workspace import Workspace

__all__ = ["left_alone"]


def left_alone(project: Workspace, url: str | None = None) -> tuple[LeftAlone, ...]:
    """All that autodiff knows to be in the project's database, or that of `url`, and leaves alone.

    Functions and grants are not looked for.
    """
    target = project.url if url is None else readable_url(url, project.config.root)
    with open_connection(target) as connection:
        dialect = dialect_of(connection)
        exclude = project.config.exclude_tables
        desired = declare(project.metadata(), dialect, exclude=exclude)
        lock = project.lock()
        said = lock.declared if lock is not None else Schema()
        found = [
            *_left_out(connection, dialect, desired, exclude),
            *_unspoken(connection, dialect, desired, said, exclude),
            *dialect.unread(connection, scope_for(desired)),
        ]
    return tuple(sorted(found, key=lambda item: (item.kind, item.name, item.reason)))


def _left_out(
    connection: Connection, dialect: Dialect, desired: Schema, exclude: tuple[str, ...]
) -> Iterator[LeftAlone]:
    """What the configuration excludes, and what is no application's."""
    full = dialect.reflect(connection, Scope(namespaces=tuple(sorted(desired.namespaces))))
    named = {"table": full.tables, "view": full.views, "sequence": full.sequences}
    for kind, things in named.items():
        for name in things:
            if name.name in OWN_TABLES:
                owner = "Alembic's" if name.name == "alembic_version" else "autodiff's own"
                yield LeftAlone(kind=kind, name=str(name), reason=owner)
            elif is_excluded(name, exclude):
                yield LeftAlone(kind=kind, name=str(name), reason="exclude_tables names it")


def _unspoken(
    connection: Connection,
    dialect: Dialect,
    desired: Schema,
    said: Schema,
    exclude: tuple[str, ...],
) -> Iterator[LeftAlone]:
    """Kinds of things that the models don't speak about."""
    current = dialect.reflect(connection, scope_for(desired, exclude))
    if not desired.views:
        for name in current.views:
            if name not in said.views:
                yield LeftAlone(kind="view", name=str(name), reason="the models have no views")
    spoken = any(_exclusions(schema) for schema in (desired, said))
    for table, constraint in _exclusions(current) if not spoken else ():
        yield LeftAlone(
            kind="exclusion constraint",
            name=f"{constraint.name} on {table}",
            reason="the models have none",
        )
    used = {column.type.enum for table in current.tables.values() for column in table.columns}
    for name in current.enums:
        if name not in used and name not in desired.enums:
            yield LeftAlone(kind="enum", name=str(name), reason="no table uses it")


def _exclusions(schema: Schema) -> list[tuple[Name, Exclusion]]:
    return [
        (name, constraint)
        for name, table in schema.tables.items()
        for constraint in table.constraints
        if isinstance(constraint, Exclusion)
    ]
