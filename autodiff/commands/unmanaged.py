"""What is in the database and is not compared, each thing with the reason."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from autodiff.autogenerate.schemas import OWN_TABLES, scope_for
from autodiff.dialects import Dialect, Scope, dialect_of
from autodiff.dialects.scope import is_excluded
from autodiff.dialects.unmanaged import UnmanagedObject
from autodiff.schema.objects import Exclusion, Name, Schema
from autodiff.utils.connections import open_connection, parse_url

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from autodiff.workspace import Workspace

__all__ = ["left_alone"]


def left_alone(project: Workspace, url: str | None = None) -> tuple[UnmanagedObject, ...]:
    """All that autodiff knows to be in the project's database, or that of `url`, and leaves alone.

    Functions and grants are not looked for.
    """
    target = project.url if url is None else parse_url(url, project.config.root)
    with open_connection(target) as connection:
        dialect = dialect_of(connection)
        exclude = project.config.exclude_tables
        desired = project.declare(dialect)
        lock = project.lock()
        said = lock.declared if lock is not None else Schema()
        found = [
            *_left_out(connection, dialect, desired, exclude),
            *_unspoken(connection, dialect, desired, said, exclude),
            *dialect.catalog.unmanaged_objects(connection, scope_for(desired)),
        ]
    return tuple(sorted(found, key=lambda item: (item.kind, item.name, item.reason)))


def _left_out(
    connection: Connection, dialect: Dialect, desired: Schema, exclude: tuple[str, ...]
) -> Iterator[UnmanagedObject]:
    """What the configuration excludes, and what is no application's."""
    full = dialect.catalog.reflect(connection, Scope(namespaces=tuple(sorted(desired.namespaces))))
    named = {"table": full.tables, "view": full.views, "sequence": full.sequences}
    for kind, things in named.items():
        for name in things:
            if name.name in OWN_TABLES:
                owner = "Alembic's" if name.name == "alembic_version" else "autodiff's own"
                yield UnmanagedObject(kind=kind, name=str(name), reason=owner)
            elif is_excluded(name, exclude):
                yield UnmanagedObject(kind=kind, name=str(name), reason="exclude_tables names it")


def _unspoken(
    connection: Connection,
    dialect: Dialect,
    desired: Schema,
    said: Schema,
    exclude: tuple[str, ...],
) -> Iterator[UnmanagedObject]:
    """Kinds of things that the models don't speak about."""
    current = dialect.catalog.reflect(connection, scope_for(desired, exclude))
    if not desired.views:
        for name in current.views:
            if name not in said.views:
                yield UnmanagedObject(
                    kind="view", name=str(name), reason="the models have no views"
                )
    spoken = any(_exclusions(schema) for schema in (desired, said))
    for table, constraint in _exclusions(current) if not spoken else ():
        yield UnmanagedObject(
            kind="exclusion constraint",
            name=f"{constraint.name} on {table}",
            reason="the models have none",
        )
    used = {column.type.enum for table in current.tables.values() for column in table.columns}
    for name in current.enums:
        if name not in used and name not in desired.enums:
            yield UnmanagedObject(kind="enum", name=str(name), reason="no table uses it")


def _exclusions(schema: Schema) -> list[tuple[Name, Exclusion]]:
    return [
        (name, constraint)
        for name, table in schema.tables.items()
        for constraint in table.constraints
        if isinstance(constraint, Exclusion)
    ]
