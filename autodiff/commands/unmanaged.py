"""List what is in the database and not compared, each with the reason."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from autodiff.autogenerate.schemas import scope_for
from autodiff.dialects import Dialect, Scope, dialect_of
from autodiff.dialects.scope import Selection, is_excluded, records_migrations
from autodiff.dialects.unmanaged import UnmanagedObject
from autodiff.schema.objects import Exclusion, Name, Schema, Table
from autodiff.utils.connections import open_connection, parse_url

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from autodiff.workspace import Workspace

__all__ = ["left_alone", "left_out_objects"]


def left_alone(project: Workspace, url: str | None = None) -> tuple[UnmanagedObject, ...]:
    """Return what autodiff does not manage in the project's database, or in that of `url`.

    Functions and grants are not listed.
    """
    target = project.url if url is None else parse_url(url, project.config.root)
    with open_connection(target) as connection:
        dialect = dialect_of(connection)
        selection = project.selection()
        desired = project.declare(dialect)
        lock = project.lock()
        declared_before = lock.declared if lock is not None else Schema()
        found = [
            *left_out_objects(connection, dialect, desired, selection),
            *_undeclared(connection, dialect, desired, declared_before, selection),
            *dialect.catalog.unmanaged_objects(connection, scope_for(desired)),
        ]
    return tuple(sorted(found, key=lambda item: (item.kind, item.name, item.reason)))


def left_out_objects(
    connection: Connection, dialect: Dialect, desired: Schema, selection: Selection
) -> Iterator[UnmanagedObject]:
    """Yield what the configuration leaves out, and the tables of autodiff and Alembic.

    The tables in which other projects record their migrations are not listed.
    """
    full = dialect.catalog.reflect(connection, Scope(namespaces=tuple(sorted(desired.namespaces))))
    managed = selection.reflected(full, desired)
    objects_by_kind = {
        "table": (full.tables, managed.tables),
        "view": (full.views, managed.views),
        "sequence": (full.sequences, managed.sequences),
    }
    for kind, (objects, kept) in objects_by_kind.items():
        for name in objects:
            reason = _reason(name, full.tables.get(name), name in kept, selection)
            if reason is not None:
                yield UnmanagedObject(kind=kind, name=str(name), reason=reason)


def _reason(name: Name, table: Table | None, is_kept: bool, selection: Selection) -> str | None:
    """Return why an object is left out, None if it is managed or belongs to another project."""
    if name.name == "alembic_version":
        return "Alembic's"
    if name.name in selection.project_tables:
        return "autodiff's own"
    if name.name in selection.own_tables or (table is not None and records_migrations(table)):
        return None
    if is_excluded(name, selection.exclude):
        return "matches exclude_tables"
    if selection.leaves_out(name):
        return "matches no pattern of include_tables"
    return None if is_kept else "left out by include_object"


def _undeclared(
    connection: Connection,
    dialect: Dialect,
    desired: Schema,
    declared_before: Schema,
    selection: Selection,
) -> Iterator[UnmanagedObject]:
    """Yield objects of kinds that the models do not declare."""
    current = dialect.catalog.reflect(connection, scope_for(desired, selection))
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
