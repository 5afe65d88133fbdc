"""SQL for tables."""

from __future__ import annotations

from collections.abc import Iterable

from autodiff.dialects.ddl.part import Part
from autodiff.errors import PlanError
from autodiff.schema.objects import (
    Check,
    Constraint,
    Exclusion,
    ForeignKey,
    Name,
    PrimaryKey,
    Table,
    Unique,
)
from autodiff.schema.operations import CreateIndex, DropTable, RenameTable, SetTableOptions

__all__ = ["TableDDL"]

_CONSTRAINT_ORDER = (PrimaryKey, ForeignKey, Unique, Check, Exclusion)


class TableDDL(Part):
    """Creates, drops and renames tables, and changes their options."""

    def create(self, table: Table) -> list[str]:
        """Return CREATE TABLE, then the statements for its indexes and comments."""
        parts = [self.ddl.columns.definition(column, table) for column in table.columns]
        parts += map(self.ddl.constraints.definition, self.inline_constraints(table))
        indexes = [
            sql
            for index in table.indexes
            for sql in self.ddl.indexes.create(CreateIndex(table=table.name, index=index))
        ]
        return [self.create_statement(table, parts), *indexes, *self.ddl.comments.of_table(table)]

    def create_statement(self, table: Table, parts: Iterable[str]) -> str:
        """Return CREATE TABLE with the definitions of its parts."""
        body = ",\n    ".join(parts)
        head = f"CREATE {self.prefix(table)}TABLE {self.quote_name(table.name)}"
        return f"{head} (\n    {body}\n){self.suffix(table)}"

    def inline_constraints(self, table: Table) -> Iterable[Constraint]:
        """Return the constraints that CREATE TABLE defines apart from the columns, in order."""
        return sorted(table.constraints, key=lambda c: _CONSTRAINT_ORDER.index(type(c)))

    def prefix(self, table: Table) -> str:
        """Return the words between CREATE and TABLE, with a space at the end."""
        prefix = table.options.get("prefix")
        return f"{prefix} " if prefix else ""

    def suffix(self, table: Table) -> str:
        """Return the clauses after the closing parenthesis, with a space at the start."""
        return ""

    def drop(self, operation: DropTable) -> list[str]:
        return [f"DROP TABLE {self.quote_name(operation.name)}"]

    def rename(self, operation: RenameTable) -> list[str]:
        """Return RENAME TO.

        Raises PlanError if the table gets another schema, which the database cannot do.
        """
        if operation.before.schema != operation.after.schema:
            raise PlanError(
                f"cannot move table {operation.before} to {operation.after}: {self.dialect.name} "
                "cannot change the schema of a table",
                hint="create the new table, copy the rows, and drop the old table",
            )
        return [self.alter_table(operation.before, f"RENAME TO {self.quote(operation.after.name)}")]

    def used_by(self, name: Name) -> str | None:
        """Return a query for the sessions that use a table or a view now; None if there is none."""
        return None

    def set_options(self, operation: SetTableOptions, current: Table | None = None) -> list[str]:
        """Raise PlanError: most options stay as CREATE TABLE has set them."""
        names = ", ".join(name for name, _, _ in operation.options)
        raise PlanError(
            f"cannot change {names} of table {operation.table} in place",
            hint="create a new table, copy the rows, and swap the names",
        )
