"""SQL for operations on PostgreSQL. https://www.postgresql.org/docs/current/sql-commands.html"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from autodiff.dialects.ddl import DDL
from autodiff.dialects.postgresql.ddl.columns import PostgreSQLColumnDDL
from autodiff.dialects.postgresql.ddl.constraints import PostgreSQLConstraintDDL
from autodiff.dialects.postgresql.ddl.do_blocks import combine
from autodiff.dialects.postgresql.ddl.enums import PostgreSQLEnumDDL
from autodiff.dialects.postgresql.ddl.indexes import PostgreSQLIndexDDL
from autodiff.dialects.postgresql.ddl.rows import PostgreSQLRowDDL
from autodiff.dialects.postgresql.ddl.sequences import PostgreSQLSequenceDDL
from autodiff.dialects.postgresql.ddl.tables import PostgreSQLTableDDL
from autodiff.dialects.postgresql.ddl.triggers import PostgreSQLTriggerDDL
from autodiff.dialects.postgresql.ddl.views import PostgreSQLViewDDL
from autodiff.dialects.postgresql.types import key_family, type_family
from autodiff.schema.objects import Index, Name, Table
from autodiff.schema.operations import Operation, SetTableOptions

if TYPE_CHECKING:
    from autodiff.dialects.base import Dialect

__all__ = ["PostgreSQLDDL"]


class PostgreSQLDDL(DDL):
    """SQL for PostgreSQL."""

    def __init__(self, dialect: Dialect) -> None:
        super().__init__(dialect)
        self.triggers = PostgreSQLTriggerDDL(self)
        self.tables = PostgreSQLTableDDL(self)
        self.columns = PostgreSQLColumnDDL(self)
        self.constraints = PostgreSQLConstraintDDL(self)
        self.indexes = PostgreSQLIndexDDL(self)
        self.enums = PostgreSQLEnumDDL(self)
        self.sequences = PostgreSQLSequenceDDL(self)
        self.views = PostgreSQLViewDDL(self)
        self.rows = PostgreSQLRowDDL(self)

    def required_table(self, operation: Operation) -> Name | None:
        """Return the table for SetTableOptions, which resets options that the table has."""
        return operation.table if isinstance(operation, SetTableOptions) else None

    def keeps_default(self, before: str, after: str) -> bool:
        family = type_family(before)
        return family is not None and family == type_family(after)

    def keeps_foreign_keys(self, before: str, after: str) -> bool:
        family = key_family(before)
        return family is not None and family == key_family(after)

    def builds_concurrently(self, index: Index, table: Table) -> bool:
        """Return whether the index can be built concurrently: not on a partitioned table.

        https://www.postgresql.org/docs/current/sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY
        """
        return super().builds_concurrently(index, table) and not _is_partitioned(table)

    def can_defer_checks(self, table: Table) -> bool:
        """Return whether constraints can be NOT VALID: not all of a partitioned table can.

        https://www.postgresql.org/docs/current/sql-altertable.html
        """
        return super().can_defer_checks(table) and not _is_partitioned(table)

    def combine(self, groups: Collection[Collection[str]]) -> str:
        return combine(groups)


def _is_partitioned(table: Table) -> bool:
    return "postgresql_partition_by" in table.options
