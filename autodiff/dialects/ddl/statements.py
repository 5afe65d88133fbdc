"""The statements of each operation, and what an operation needs and affects."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, assert_never

from autodiff.dialects.ddl.columns import ColumnDDL
from autodiff.dialects.ddl.comments import CommentDDL
from autodiff.dialects.ddl.constraints import ConstraintDDL
from autodiff.dialects.ddl.enums import EnumDDL
from autodiff.dialects.ddl.indexes import IndexDDL
from autodiff.dialects.ddl.rows import RowDDL
from autodiff.dialects.ddl.sequences import SequenceDDL
from autodiff.dialects.ddl.tables import TableDDL
from autodiff.dialects.ddl.triggers import TriggerDDL
from autodiff.dialects.ddl.views import ViewDDL
from autodiff.errors import PlanError
from autodiff.schema.objects import Index, Name, Option, Table
from autodiff.schema.operations import (
    AddColumn,
    AddConstraint,
    AlterColumn,
    AlterEnum,
    AlterSequence,
    Backfill,
    CreateEnum,
    CreateIndex,
    CreateNamespace,
    CreateSequence,
    CreateTable,
    CreateView,
    DropColumn,
    DropConstraint,
    DropEnum,
    DropIndex,
    DropNamespace,
    DropSequence,
    DropTable,
    DropView,
    Execute,
    Operation,
    RenameColumn,
    RenameConstraint,
    RenameEnum,
    RenameEnumValue,
    RenameIndex,
    RenameTable,
    Require,
    SetComment,
    SetTableOptions,
    SwapColumns,
    SyncColumns,
    UnsyncColumns,
)

if TYPE_CHECKING:
    from autodiff.dialects.base import Dialect

__all__ = ["DDL"]


class DDL:
    """Writes the SQL of operations, and knows what each of them needs and affects.

    A part for each kind of object writes its statements; a dialect overrides the parts.
    """

    tables: TableDDL
    columns: ColumnDDL
    constraints: ConstraintDDL
    indexes: IndexDDL
    comments: CommentDDL
    enums: EnumDDL
    sequences: SequenceDDL
    views: ViewDDL
    rows: RowDDL
    triggers: TriggerDDL

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.features = dialect.features
        self.tables = TableDDL(self)
        self.columns = ColumnDDL(self)
        self.constraints = ConstraintDDL(self)
        self.indexes = IndexDDL(self)
        self.comments = CommentDDL(self)
        self.enums = EnumDDL(self)
        self.sequences = SequenceDDL(self)
        self.views = ViewDDL(self)
        self.rows = RowDDL(self)
        self.triggers = TriggerDDL(self)

    # What operations need and affect

    def required_table(self, operation: Operation) -> Name | None:
        """Return the table that `statements` needs as `current` for this operation, if any."""
        return None

    def required_columns(self, operation: Operation) -> tuple[str, ...] | None:
        """Return the columns whose definitions `statements` needs; None for the whole table.

        The constraints and indexes that use these columns count as part of them.
        """
        return None

    def can_share_rebuild(self, operation: Operation) -> bool:
        """Return whether one rebuild of a table can do the operation along with others."""
        return False

    def needs_rebuild(self, operation: Operation, current: Table) -> bool:
        """Return whether only a rebuild of the table can do the operation."""
        return False

    def alters_table(self, operation: Operation) -> bool:
        """Return whether ALTER TABLE does the operation, and a rebuild can do it as well."""
        return False

    def rebuild(
        self, operations: Collection[Operation], current: Table, *, copies_back: bool = False
    ) -> list[str]:
        """Return the statements of one rebuild of a table for several operations."""
        raise NotImplementedError

    def keeps_default(self, before: str, after: str) -> bool:
        """Return whether a column keeps its default when its type changes."""
        return True

    def keeps_foreign_keys(self, before: str, after: str) -> bool:
        """Return whether foreign keys can stay when the type of a column of theirs changes."""
        return False

    def reports_limit(self, statement: str) -> bool:
        """Return whether a statement only fails because the database cannot do an operation."""
        return False

    def with_implied_indexes(
        self, current: Table | None, after: Table, statements: Iterable[str]
    ) -> Table:
        """Return a table after an operation with the indexes that its statements add or drop.

        `current` is the table before the operation, None if it is new; `after` is what the
        operation says.
        """
        return after

    def with_followed_names(self, before: Name, after: Table) -> Table:
        """Return a renamed table with the names that the database changes along with its own."""
        return after

    def spare_indexes(self, before: Table, after: Table) -> list[str]:
        """Return new indexes of foreign keys that the table does not need."""
        return []

    def columns_changed_by_options(
        self, options: Iterable[tuple[str, Option | None, Option | None]], table: Table
    ) -> tuple[str, ...]:
        """Return the columns that change when options (name, before, after) of a table do."""
        return ()

    def builds_concurrently(self, index: Index, table: Table) -> bool:
        """Return whether a new index of an existing table is built without blocking writes."""
        return index.concurrently and self.features.concurrent_indexes

    def can_defer_checks(self, table: Table) -> bool:
        """Return whether constraints of a table can be added first and checked later."""
        return self.features.deferred_checks

    def with_algorithm(self, sql: str, algorithm: str) -> str:
        """Return a statement that fails if it cannot use the algorithm, or must block writes.

        A statement for which no algorithm can be chosen is returned unchanged.
        """
        return sql

    # Statements

    def statements(self, operation: Operation, current: Table | None = None) -> list[str]:
        """Return the statements of an operation, in order, without semicolons.

        `current` is the table before the operation; `required_table` returns whether it is needed.
        """
        match operation:
            case CreateNamespace() | DropNamespace():
                return self.namespace(operation) if self.features.namespaces else []
            case CreateTable(table=table):
                return self.tables.create(table)
            case DropTable():
                return self.tables.drop(operation)
            case RenameTable(leaves_view=True) | RenameTable(replaces_view=True) if (
                not self.features.writable_views
            ):
                raise PlanError(
                    f"cannot rename table {operation.before} and keep the old name as a view: "
                    f"{self.dialect.name} cannot write rows through a view",
                    hint="rename it while the application is stopped, without a view",
                )
            case RenameTable():
                return self.tables.rename(operation)
            case SetTableOptions():
                return self.tables.set_options(operation, current)
            case SetComment():
                return self.comments.set(operation, current) if self.features.comments else []
            case AddColumn():
                return self.columns.add(operation, current)
            case DropColumn():
                return self.columns.drop(operation, current)
            case RenameColumn():
                return self.columns.rename(operation, current)
            case AlterColumn():
                return self.columns.alter(operation, current)
            case AddConstraint():
                return self.constraints.add(operation, current)
            case DropConstraint():
                return self.constraints.drop(operation, current)
            case RenameConstraint():
                return self.constraints.rename(operation, current)
            case CreateIndex():
                return self.indexes.create(operation, current)
            case DropIndex():
                return self.indexes.drop(operation, current)
            case RenameIndex():
                return self.indexes.rename(operation, current)
            case CreateEnum() | DropEnum() | AlterEnum() | RenameEnum() | RenameEnumValue():
                return self.enums.statements(operation) if self.features.enum_types else []
            case CreateSequence():
                return self.sequences.create(operation) if self.features.sequences else []
            case DropSequence():
                return self.sequences.drop(operation) if self.features.sequences else []
            case AlterSequence():
                return self.sequences.alter(operation) if self.features.sequences else []
            case CreateView():
                return self.views.create(operation)
            case DropView():
                return self.views.drop(operation)
            case Backfill():
                return self.rows.backfill(operation, current)
            case SyncColumns():
                return self.triggers.sync(operation)
            case UnsyncColumns():
                return self.triggers.unsync(operation)
            case SwapColumns():
                return self.columns.swap(operation)
            case Require():
                return self.rows.require(operation)
            case Execute(sql=sql):
                return [sql]
            case _:
                assert_never(operation)

    def namespace(self, operation: CreateNamespace | DropNamespace) -> list[str]:
        """Return CREATE SCHEMA or DROP SCHEMA."""
        verb = "CREATE" if isinstance(operation, CreateNamespace) else "DROP"
        return [f"{verb} SCHEMA {self.dialect.quote(operation.name)}"]

    def combine(self, groups: Collection[Collection[str]]) -> str | None:
        """Return one statement that runs groups of statements, of each group all or none.

        None if the database has no such statement.
        """
        return None
