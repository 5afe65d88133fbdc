"""SQL for columns."""

from __future__ import annotations

from autodiff.dialects.ddl.part import Part
from autodiff.schema.objects import Column, ColumnType, Identity, Table
from autodiff.schema.operations import (
    AddColumn,
    AlterColumn,
    DropColumn,
    RenameColumn,
    SwapColumns,
)
from autodiff.utils.object_names import name_between

__all__ = ["ColumnDDL"]


class ColumnDDL(Part):
    """Defines columns, and adds, drops, renames and alters them."""

    def definition(self, column: Column, table: Table | None = None) -> str:
        """Return a column as CREATE TABLE and ADD COLUMN define it."""
        parts = [self.quote(column.name), column.type.sql]
        if column.default is not None:
            parts.append(f"DEFAULT {self.default(column.default)}")
        if column.computed is not None:
            kind = "STORED" if column.computed.persisted else "VIRTUAL"
            parts.append(f"GENERATED ALWAYS AS ({column.computed.sql}) {kind}")
        if column.identity is not None:
            parts.append(self.identity(column.identity))
        if not column.nullable:
            parts.append("NOT NULL")
        return " ".join(parts)

    def default(self, default: str) -> str:
        """Return a default as it follows the word DEFAULT."""
        return default

    def identity(self, identity: Identity) -> str:
        """Return GENERATED ... AS IDENTITY with its options."""
        options = self.ddl.sequences.options(identity)
        kind = "ALWAYS" if identity.always else "BY DEFAULT"
        return f"GENERATED {kind} AS IDENTITY" + (f" ({options})" if options else "")

    def add(self, operation: AddColumn, current: Table | None = None) -> list[str]:
        """Return ADD COLUMN, and the statement for its comment."""
        column = operation.column
        statements = [self.alter_table(operation.table, f"ADD COLUMN {self.definition(column)}")]
        if column.comment is not None and self.features.comments:
            statements += self.ddl.comments.set_on_column(
                operation.table, column.name, column.comment
            )
        return statements

    def drop(self, operation: DropColumn, current: Table | None = None) -> list[str]:
        return [self.alter_table(operation.table, f"DROP COLUMN {self.quote(operation.name)}")]

    def rename(self, operation: RenameColumn, current: Table | None = None) -> list[str]:
        before, after = self.quote(operation.before), self.quote(operation.after)
        return [self.alter_table(operation.table, f"RENAME COLUMN {before} TO {after}")]

    def swap(self, operation: SwapColumns) -> list[str]:
        """Return the statements that exchange the names of two columns."""
        between = name_between(operation.one)
        names = ((operation.one, between), (operation.other, operation.one))
        return [
            statement
            for before, after in (*names, (between, operation.other))
            for statement in self.rename(
                RenameColumn(table=operation.table, before=before, after=after)
            )
        ]

    def conversion(self, name: str, before: str, after: str) -> str | None:
        """Return the expression that converts a column to a type in the same way for each session.

        None if the database's own conversion does not depend on the session.
        """
        return None

    def alter(self, operation: AlterColumn, current: Table | None = None) -> list[str]:
        raise NotImplementedError

    def using(self, operation: AlterColumn) -> str | None:
        """Return the expression by which an operation converts values to the new type.

        None if they are converted as in an assignment.
        """
        return None

    def rewrites(self, before: ColumnType, after: ColumnType) -> bool:
        """Return whether a new type rewrites the table while nobody can use it.

        False if that is not known without trying it.
        """
        return False
