"""The catalog of a PostgreSQL database."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from autodiff.dialects.catalog import Catalog
from autodiff.dialects.postgresql.catalog.columns import SEQUENCE_TYPE
from autodiff.schema.objects import (
    Check,
    Column,
    Constraint,
    Domain,
    Exclusion,
    ForeignKey,
    Index,
    Name,
    PrimaryKey,
    Schema,
    Table,
    Unique,
)
from autodiff.utils.sharing import map_shared, replace_changed

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from autodiff.dialects.records import Records
    from autodiff.dialects.scope import Scope
    from autodiff.dialects.table_size import TableSize
    from autodiff.dialects.unmanaged import (
        DependentObject,
        DependentView,
        IndexUse,
        Prerequisite,
        UnmanagedObject,
    )

__all__ = ["PostgreSQLCatalog"]

_NOT_VALID = "postgresql_not_valid"


class PostgreSQLCatalog(Catalog):
    """Reads the system catalogs.

    `queries` has the queries, `rows` runs them, and `reflect` builds a schema from the rows.
    """

    def read(self, connection: Connection, scope: Scope) -> Schema:
        from autodiff.dialects.postgresql.catalog.reflect import reflect_schema

        schema = reflect_schema(connection, scope, self.dialect.default_schema or "public")
        is_unreachable = connection.dialect.default_schema_name is None
        if is_unreachable and any(name.schema is None for name in schema.tables):
            from autodiff.dialects.postgresql.session.search_path import refuse_without_usage

            refuse_without_usage(connection)
        return schema

    def has_table(self, connection: Connection, name: str, schema: str | None) -> bool:
        """Ask with its own query: SQLAlchemy caches one for each engine, and keeps both."""
        from autodiff.dialects.postgresql.catalog.existence import has_table

        return has_table(connection, name, schema)

    def read_fingerprint(
        self, connection: Connection, schemas: Sequence[str], records: Records
    ) -> str | None:
        from autodiff.dialects.postgresql.catalog.fingerprint import read_fingerprint

        return read_fingerprint(connection, self.dialect, schemas, records)

    def row_counts(self, connection: Connection, most: int) -> Mapping[Name, int]:
        from autodiff.dialects.postgresql.catalog.row_counts import read_row_counts

        return read_row_counts(connection, self.dialect.default_schema or "public")

    def unmanaged_objects(self, connection: Connection, scope: Scope) -> list[UnmanagedObject]:
        from autodiff.dialects.postgresql.catalog.unmanaged import unmanaged_objects

        return unmanaged_objects(connection, scope, self.dialect.default_schema or "public")

    def prerequisites(self, connection: Connection, scope: Scope) -> list[Prerequisite]:
        from autodiff.dialects.postgresql.catalog.prerequisites import find_prerequisites

        return find_prerequisites(connection, scope, self.dialect.default_schema or "public")

    def table_sizes(
        self, connection: Connection, names: Collection[Name]
    ) -> Mapping[Name, TableSize]:
        from autodiff.dialects.postgresql.catalog.sizes import table_sizes

        return table_sizes(connection, names, self.dialect.default_schema or "public")

    def domain_problems(self, connection: Connection, domains: Sequence[Domain]) -> list[str]:
        from autodiff.dialects.postgresql.domains import find_domain_problems

        return find_domain_problems(connection, self.dialect, domains)

    def extension_names(self, connection: Connection) -> dict[str, frozenset[str]]:
        from autodiff.dialects.postgresql.catalog.unmanaged import find_extension_names

        return find_extension_names(connection)

    def extension_objects(self, connection: Connection, names: Collection[Name]) -> frozenset[Name]:
        from autodiff.dialects.postgresql.catalog.unmanaged import find_extension_objects

        return find_extension_objects(connection, names, self.dialect.default_schema or "public")

    def tables_named(self, connection: Connection, names: Sequence[str]) -> list[Name]:
        from autodiff.dialects.postgresql.catalog.unmanaged import find_tables_named

        return find_tables_named(connection, names, self.dialect.default_schema or "public")

    def dependent_views(self, connection: Connection) -> list[DependentView]:
        from autodiff.dialects.postgresql.catalog.unmanaged import find_dependent_views

        return find_dependent_views(connection, self.dialect.default_schema or "public")

    def dependent_objects(self, connection: Connection) -> list[DependentObject]:
        from autodiff.dialects.postgresql.catalog.unmanaged import find_dependent_objects

        return find_dependent_objects(connection, self.dialect.default_schema or "public")

    def index_uses(self, connection: Connection) -> list[IndexUse]:
        """Return the indexes that tables are clustered by or that identify rows to replicas."""
        from autodiff.dialects.postgresql.catalog.unmanaged import find_index_uses

        return find_index_uses(connection, self.dialect.default_schema or "public")

    def align(self, current: Table, desired: Table) -> Table:
        """Return the current table without differences that the desired table does not declare.

        These include NO INHERIT of a check, which SQLAlchemy cannot declare, the validation of a
        constraint that the desired table has as NOT VALID, and the type of the sequence of a column
        that is dropped.
        """
        aligned = super().align(current, desired)
        constraints = map_shared(aligned.constraints, lambda c: _drop_no_inherit(c, desired))
        if any(_NOT_VALID in getattr(c, "options", ()) for c in desired.constraints):
            constraints = map_shared(constraints, lambda c: _validated_as_declared(c, desired))
        columns = map_shared(
            aligned.columns,
            lambda c: c if desired.column(c.name) else _without_sequence_type(c),
        )
        return replace_changed(aligned, constraints=constraints, columns=columns)

    def has_schema_wide_name(self, part: Constraint | Index) -> bool:
        """Return whether the part is an index, or a constraint that has one of the same name."""
        return isinstance(part, Index | PrimaryKey | Unique | Exclusion)

    def without_implied(self, table: Table) -> Table:
        """Return the table without the types of sequences, which no script can set."""
        return replace_changed(table, columns=map_shared(table.columns, _without_sequence_type))


def _without_sequence_type(column: Column) -> Column:
    if SEQUENCE_TYPE not in column.options:
        return column
    kept = {key: value for key, value in column.options.items() if key != SEQUENCE_TYPE}
    return replace(column, options=kept)


def _validated_as_declared(constraint: Constraint, desired: Table) -> Constraint:
    """Return a valid constraint as NOT VALID if the desired one is: valid is more than it asks."""
    other = desired.constraint(constraint.name or "")
    if not isinstance(constraint, Check | ForeignKey) or not isinstance(other, type(constraint)):
        return constraint
    if not other.options.get(_NOT_VALID) or constraint.options.get(_NOT_VALID):
        return constraint
    return replace(constraint, options={**constraint.options, _NOT_VALID: True})


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
