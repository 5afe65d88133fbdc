"""List what is in the database and not compared, each with the reason."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from autodiff.autogenerate.schemas import scope_for
from autodiff.dialects import Dialect, Scope, dialect_of
from autodiff.dialects.scope import OWN_TABLES, is_excluded
from autodiff.dialects.unmanaged import UnmanagedObject
from autodiff.schema.objects import Exclusion, Name, Schema
from autodiff.utils.connections import open_connection, parse_url

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from autodiff.workspace import Workspace

__all__ = ["left_alone"]


def left_alone(project: Workspace, url: str | None = None) -> tuple[UnmanagedObject, ...]:
    """Return what autodiff does not manage in the project's database, or in that of `url`.

    Functions and grants are not listed.
    """
    target = project.url if url is None else parse_url(url, project.config.root)
    with open_connection(target) as connection:
        dialect = dialect_of(connection)
        exclude = project.config.exclude_tables
        desired = project.declare(dialect)
        lock = project.lock()
        declared_before = lock.declared if lock is not None else Schema()
        found = [
            *_left_out(connection, dialect, desired, exclude),
            *_undeclared(connection, dialect, desired, declared_before, exclude),
            *dialect.catalog.unmanaged_objects(connection, scope_for(desired)),
        ]
    return tuple(sorted(found, key=lambda item: (item.kind, item.name, item.reason)))


def _left_out(
    connection: Connection, dialect: Dialect, desired: Schema, exclude: tuple[str, ...]
) -> Iterator[UnmanagedObject]:
    """Yield what the configuration excludes, and the tables of autodiff and Alembic."""
    full = dialect.catalog.reflect(connection, Scope(namespaces=tuple(sorted(desired.namespaces))))
    objects_by_kind = {"table": full.tables, "view": full.views, "sequence": full.sequences}
    for kind, objects in objects_by_kind.items():
        for name in objects:
            if name.name in OWN_TABLES:
                owner = "Alembic's" if name.name == "alembic_version" else "autodiff's own"
                yield UnmanagedObject(kind=kind, name=str(name), reason=owner)
            elif is_excluded(name, exclude):
                yield UnmanagedObject(kind=kind, name=str(name), reason="matches exclude_tables")


def _undeclared(
    connection: Connection,
    dialect: Dialect,
    desired: Schema,
    declared_before: Schema,
    exclude: tuple[str, ...],
) -> Iterator[UnmanagedObject]:
    """Yield objects of kinds that the models do not declare."""
    current = dialect.catalog.reflect(connection, scope_for(desired, exclude))
    if not desired.views:
        for name in current.views:
            if name not in declared_before.views:
                yield UnmanagedObject(
                    kind="view", name=str(name), reason="the models declare no views"
                )
    declared = any(_exclusions(schema) for schema in (desired, declared_before))
    for table, constraint in _exclusions(current) if not declared else ():
        yield UnmanagedObject(
            kind="exclusion constraint",
            name=f"{constraint.name} on {table}",
            reason="the models declare none",
        )
    for name in current.sequences:
        if name not in desired.sequences and name not in declared_before.sequences:
            yield UnmanagedObject(kind="sequence", name=str(name), reason="no model names it")
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
