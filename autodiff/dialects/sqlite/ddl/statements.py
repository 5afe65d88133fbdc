"""SQL for operations on SQLite.

SQLite's ALTER TABLE supports few changes. All others rebuild the table.

https://www.sqlite.org/lang_altertable.html
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from autodiff.dialects.base import Dialect
from autodiff.dialects.ddl import DDL
from autodiff.dialects.ddl.constraints import ConstraintDDL
from autodiff.dialects.ddl.indexes import IndexDDL
from autodiff.dialects.ddl.rows import RowDDL
from autodiff.dialects.ddl.views import ViewDDL
from autodiff.dialects.sqlite.ddl.columns import (
    SQLiteColumnDDL,
    can_be_added,
    can_be_dropped,
    on_conflict,
)
from autodiff.dialects.sqlite.ddl.rebuild import RebuildDDL, evolved
from autodiff.dialects.sqlite.ddl.tables import SQLiteTableDDL
from autodiff.errors import PlanError
from autodiff.schema.objects import Column, Constraint, Name, Table
from autodiff.schema.operations import (
    AddColumn,
    AddConstraint,
    AlterColumn,
    CreateIndex,
    CreateView,
    DropColumn,
    DropConstraint,
    DropIndex,
    Operation,
    RenameConstraint,
    RenameIndex,
    SetTableOptions,
)

__all__ = ["SQLiteDDL"]

_STRICT_TYPES = ("INT", "INTEGER", "REAL", "TEXT", "BLOB", "ANY")
"""The types of a STRICT table: https://www.sqlite.org/stricttables.html. A column of another type
is added in the rebuild that also removes STRICT."""
_SHARE_REBUILD = (
    AddColumn,
    DropColumn,
    AlterColumn,
    AddConstraint,
    DropConstraint,
    RenameConstraint,
    CreateIndex,
    DropIndex,
    RenameIndex,
    SetTableOptions,
)
"""Operations on one table that one rebuild can apply together."""


class SQLiteDDL(DDL):
    """SQL for SQLite."""

    constraints: SQLiteConstraintDDL

    def __init__(self, dialect: Dialect) -> None:
        super().__init__(dialect)
        self.tables = SQLiteTableDDL(self)
        self.columns = SQLiteColumnDDL(self)
        self.constraints = SQLiteConstraintDDL(self)
        self.indexes = SQLiteIndexDDL(self)
        self.views = SQLiteViewDDL(self)
        self.rows = SQLiteRowDDL(self)
        self.rebuilds = RebuildDDL(self)

    def required_table(self, operation: Operation) -> Name | None:
        """Return the table of an operation that may need a rebuild, or be part of one."""
        return operation.table if isinstance(operation, _SHARE_REBUILD) else None

    def can_share_rebuild(self, operation: Operation) -> bool:
        """Return whether one rebuild of a table can apply the operation together with others.

        Renames of tables and columns cannot: they need ALTER TABLE, which also rewrites the
        triggers, views and checks that use the name.
        """
        return isinstance(operation, _SHARE_REBUILD)

    def alters_table(self, operation: Operation) -> bool:
        return isinstance(operation, AddColumn | DropColumn)

    def needs_rebuild(self, operation: Operation, current: Table) -> bool:
        """Return whether ALTER TABLE does not support the operation on this table."""
        match operation:
            case AddColumn(column=column):
                strict = bool(current.options.get("sqlite_strict"))
                other_type = strict and column.type.sql not in _STRICT_TYPES
                return other_type or not can_be_added(column)
            case DropColumn(name=name):
                return not can_be_dropped(name, current)
            case AlterColumn(after=patch):
                return patch.fields != ("comment",)
            case AddConstraint() | DropConstraint() | RenameConstraint() | SetTableOptions():
                return True
            case _:
                return False

    def statements(self, operation: Operation, current: Table | None = None) -> list[str]:
        if current is not None and self.needs_rebuild(operation, current):
            return self.rebuild([operation], current)
        return super().statements(operation, current)

    def rebuild(
        self, operations: Collection[Operation], current: Table, *, copies_back: bool = False
    ) -> list[str]:
        return self.rebuilds.rebuild(operations, current, copies_back=copies_back)

    def unknown_table_error(self, table: Name) -> PlanError:
        """Return the error for an operation whose rebuild needs the table."""
        return PlanError(
            f"cannot write the SQL for table {table} without its current definition: SQLite needs "
            "to rebuild the table",
            hint="run the command against a database, so that autodiff can read the table",
        )


class SQLiteConstraintDDL(ConstraintDDL):
    """Defines constraints; only a rebuild adds, drops and renames them."""

    ddl: SQLiteDDL

    def name_clause(self, constraint: Constraint) -> str:
        """Return an empty string for a constraint that has no name in the database."""
        return "" if constraint.implicit else super().name_clause(constraint)

    def body(self, constraint: Constraint) -> str:
        conflict = getattr(constraint, "options", {}).get("sqlite_on_conflict")
        return super().body(constraint) + on_conflict(conflict)

    def add(self, operation: AddConstraint, current: Table | None = None) -> list[str]:
        raise self.ddl.unknown_table_error(operation.table)

    def drop(self, operation: DropConstraint, current: Table | None = None) -> list[str]:
        raise self.ddl.unknown_table_error(operation.table)

    def rename(self, operation: RenameConstraint, current: Table | None = None) -> list[str]:
        raise self.ddl.unknown_table_error(operation.table)


class SQLiteIndexDDL(IndexDDL):
    """Creates, drops and renames indexes."""

    ddl: SQLiteDDL

    def create(self, operation: CreateIndex, current: Table | None = None) -> list[str]:
        """Return CREATE INDEX; SQLite expects the schema before the index, not before the table.

        https://www.sqlite.org/lang_createindex.html
        """
        schema = operation.table.schema
        if schema is None:
            return super().create(operation)
        bare = replace(operation, table=Name(operation.table.name))
        name = self.quote(operation.index.name or "")
        return [
            sql.replace(name, f"{self.quote(schema)}.{name}", 1) for sql in super().create(bare)
        ]

    def rename(self, operation: RenameIndex, current: Table | None = None) -> list[str]:
        """Return statements that drop the index and create it under its new name.

        SQLite has no statement that renames an index.
        """
        if operation.table is None:
            raise PlanError(
                f"cannot rename index {operation.before} without its table",
                hint="pass table_name=...: SQLite cannot rename an index, so it is created again",
            )
        if current is None:
            raise self.ddl.unknown_table_error(operation.table)
        index = evolved(current, operation).index(operation.after)
        assert index is not None
        return [
            *self.drop(DropIndex(table=operation.table, name=operation.before)),
            *self.create(CreateIndex(table=operation.table, index=index)),
        ]


class SQLiteViewDDL(ViewDDL):
    """Creates and drops views; a materialized view becomes a plain view."""

    def create(self, operation: CreateView) -> list[str]:
        return super().create(CreateView(view=replace(operation.view, materialized=False)))


class SQLiteRowDDL(RowDDL):
    """Updates rows."""

    def fill_nulls(self, column: Column, value: str, *, is_new: bool) -> str | None:
        return f"coalesce({self.quote(column.name)}, {value})"
