"""The catalog of a PostgreSQL database."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from autodiff.dialects.catalog import Catalog
from autodiff.schema.objects import Check, Constraint, Schema, Table
from autodiff.utils.sharing import map_shared, replace_changed

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from autodiff.dialects.scope import Scope
    from autodiff.dialects.unmanaged import DependentView, UnmanagedObject

__all__ = ["PostgreSQLCatalog"]


class PostgreSQLCatalog(Catalog):
    """Reads the system catalogs.

    `queries` has the queries, `rows` runs them, and `reflect` builds a schema from the rows.
    """

    def reflect(self, connection: Connection, scope: Scope) -> Schema:
        from autodiff.dialects.postgresql.catalog.reflect import reflect_schema

        return reflect_schema(connection, scope, self.dialect.default_schema or "public")

    def has_table(self, connection: Connection, name: str, schema: str | None) -> bool:
        """Ask with a query of its own: SQLAlchemy caches one for each engine, and keeps both."""
        from autodiff.dialects.postgresql.catalog.existence import has_table

        return has_table(connection, name, schema)

    def unmanaged_objects(self, connection: Connection, scope: Scope) -> list[UnmanagedObject]:
        from autodiff.dialects.postgresql.catalog.unmanaged import unmanaged_objects

        return unmanaged_objects(connection, scope, self.dialect.default_schema or "public")

    def dependent_views(self, connection: Connection) -> list[DependentView]:
        from autodiff.dialects.postgresql.catalog.unmanaged import find_dependent_views

        return find_dependent_views(connection, self.dialect.default_schema or "public")

    def align(self, current: Table, desired: Table) -> Table:
        """Return the current table without differences that the desired table does not declare.

        These include NO INHERIT of a check, which SQLAlchemy cannot declare.
        """
        aligned = super().align(current, desired)
        constraints = map_shared(aligned.constraints, lambda c: _drop_no_inherit(c, desired))
        return replace_changed(aligned, constraints=constraints)


def _drop_no_inherit(constraint: Constraint, desired: Table) -> Constraint:
    """Return the constraint without NO INHERIT if the desired check does not declare it."""
    if not isinstance(constraint, Check) or not constraint.options:
        return constraint
    other = desired.constraint(constraint.name or "")
    if not isinstance(other, Check):
        return constraint
    kept = {
        key: value
        for key, value in constraint.options.items()
        if key != "postgresql_no_inherit" or key in other.options
    }
    return replace(constraint, options=kept)
