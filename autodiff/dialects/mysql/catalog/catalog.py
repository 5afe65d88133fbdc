"""The catalog of a MySQL or MariaDB database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autodiff.dialects.catalog import Catalog
from autodiff.dialects.mysql.catalog import align, implicit_indexes
from autodiff.dialects.mysql.column_checks import is_in_column
from autodiff.schema.objects import Check, Constraint, ForeignKey, Index, Name, Schema, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from sqlalchemy.engine import Connection

    from autodiff.dialects.mysql import MySQL
    from autodiff.dialects.records import Records
    from autodiff.dialects.scope import Scope
    from autodiff.dialects.table_size import TableSize
    from autodiff.dialects.unmanaged import DependentObject, DependentView, UnmanagedObject

__all__ = ["MySQLCatalog"]


class MySQLCatalog(Catalog):
    """Reads information_schema, and aligns what it read with the models.

    Modules are imported in the methods, so that a program that never reads a schema does not load
    them.
    """

    dialect: MySQL

    def read(self, connection: Connection, scope: Scope) -> Schema:
        from autodiff.dialects.mysql.catalog.reflect import reflect_schema

        return reflect_schema(connection, scope, self.dialect.default_schema or "")

    def definitions(self, connection: Connection, names: Sequence[Name]) -> str | None:
        if not self.dialect.is_mariadb:
            return None
        from autodiff.dialects.mysql.catalog.definitions import read_definitions

        return read_definitions(connection, names)

    def read_fingerprint(
        self, connection: Connection, schemas: Sequence[str], records: Records
    ) -> str | None:
        from autodiff.dialects.mysql.catalog.fingerprint import read_fingerprint

        return read_fingerprint(connection, self.dialect, schemas, records)

    def row_counts(self, connection: Connection, most: int) -> Mapping[Name, int]:
        from autodiff.dialects.mysql.catalog.row_counts import read_row_counts

        return read_row_counts(connection, self.dialect)

    def unmanaged_objects(self, connection: Connection, scope: Scope) -> list[UnmanagedObject]:
        from autodiff.dialects.mysql.catalog.unmanaged import unmanaged_objects

        return unmanaged_objects(connection, scope, self.dialect.default_schema or "")

    def dependent_views(self, connection: Connection) -> list[DependentView]:
        from autodiff.dialects.mysql.catalog.unmanaged import find_dependent_views

        return find_dependent_views(connection, self.dialect.default_schema or "")

    def dependent_objects(self, connection: Connection) -> list[DependentObject]:
        from autodiff.dialects.mysql.catalog.unmanaged import find_dependent_objects

        return find_dependent_objects(connection, self.dialect.default_schema or "")

    def table_sizes(
        self, connection: Connection, names: Collection[Name]
    ) -> Mapping[Name, TableSize]:
        from autodiff.dialects.mysql.catalog.sizes import table_sizes

        return table_sizes(connection, names)

    def stored_programs(self, connection: Connection, scope: Scope) -> list[tuple[Any, ...]]:
        from autodiff.dialects.mysql.catalog.programs import stored_programs

        return stored_programs(connection, scope, self.dialect.default_schema or "")

    def align(self, current: Table, desired: Table) -> Table:
        return align.align_table(current, desired, json_is_text=self.dialect.is_mariadb)

    def without_implied(self, table: Table) -> Table:
        return align.without_implied(table)

    def omitted_by_sqlalchemy(self, constraint: Constraint) -> bool:
        """Return whether the constraint is a check in the definition of a column, as on MariaDB.

        SQLAlchemy reflects only the checks of tables.
        """
        return isinstance(constraint, Check) and is_in_column(constraint)

    def with_server_names(self, table: Table) -> Table | None:
        from autodiff.dialects.mysql.catalog.generated_names import with_generated_names

        return with_generated_names(table, mariadb=self.dialect.is_mariadb)

    def server_name(
        self,
        constraint: Constraint,
        find: Callable[[], Table | None],
        ask: Callable[[Callable[[], bool]], bool],
    ) -> str | None:
        from autodiff.dialects.mysql.catalog.generated_names import generated_name

        return generated_name(constraint, find, ask, mariadb=self.dialect.is_mariadb)

    def has_schema_wide_name(self, part: Constraint | Index) -> bool:
        """Return whether the part is a foreign key or, on MySQL, a check.

        https://dev.mysql.com/doc/refman/8.4/en/create-table-check-constraints.html
        """
        if isinstance(part, Check):
            return self.dialect.backend == "mysql"
        return isinstance(part, ForeignKey)

    def is_implicit_index(self, index: Index, key: ForeignKey) -> bool:
        return implicit_indexes.is_generated_for(index, key)

    def renamed_index(self, old: str, new: str, table: Table) -> tuple[str, str] | None:
        return implicit_indexes.renamed_index(old, new, table)
