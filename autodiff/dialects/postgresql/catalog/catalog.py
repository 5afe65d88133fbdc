"""The catalog of a PostgreSQL database."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from autodiff.dialects.catalog import Catalog
from autodiff.schema.objects import Check, Constraint, Schema, Table
from autodiff.utils.sharing import altered, mapped

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from autodiff.dialects.scope import Scope
    from autodiff.dialects.unmanaged import DependentView, UnmanagedObject

__all__ = ["PostgreSQLCatalog"]


class PostgreSQLCatalog(Catalog):
    """Reads pg_catalog."""

    def reflect(self, connection: Connection, scope: Scope) -> Schema:
        from autodiff.dialects.postgresql.catalog.reflect import reflect

        return reflect(connection, scope, self.dialect.default_schema or "public")

    def unmanaged_objects(self, connection: Connection, scope: Scope) -> list[UnmanagedObject]:
        from autodiff.dialects.postgresql.catalog.unmanaged import unmanaged_objects

        return unmanaged_objects(connection, scope, self.dialect.default_schema or "public")

    def dependent_views(self, connection: Connection) -> list[DependentView]:
        from autodiff.dialects.postgresql.catalog.unmanaged import dependent_views

        return dependent_views(connection, self.dialect.default_schema or "public")

    def align(self, current: Table, desired: Table) -> Table:
        """Drop NO INHERIT if the desired check has none: SQLAlchemy cannot declare it."""
        aligned = super().align(current, desired)
        constraints = mapped(aligned.constraints, lambda c: _drop_no_inherit(c, desired))
        return altered(aligned, constraints=constraints)


def _drop_no_inherit(constraint: Constraint, desired: Table) -> Constraint:
    """Return a check without NO INHERIT if the desired table has it without that option."""
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
