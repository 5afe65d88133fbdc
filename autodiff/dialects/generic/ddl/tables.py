"""SQL for tables."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy.schema import CreateTable

from autodiff.dialects.ddl.tables import TableDDL
from autodiff.dialects.generic.ddl.constructs import table_construct
from autodiff.schema.objects import Exclusion, Name, Table
from autodiff.schema.operations import CreateIndex, DropTable, RenameTable

if TYPE_CHECKING:
    from autodiff.dialects.generic.ddl.statements import GenericDDL

__all__ = ["GenericTableDDL"]


class GenericTableDDL(TableDDL):
    """Creates, drops and renames tables."""

    ddl: GenericDDL

    def create(self, table: Table) -> list[str]:
        """Return CREATE TABLE by SQLAlchemy, and the statements for what is not in it."""
        constraints = tuple(c for c in table.constraints if not isinstance(c, Exclusion))
        plain = replace(table, constraints=constraints)
        statements = [
            f"CREATE SEQUENCE IF NOT EXISTS {name}" for name in self._counting_sequences(table)
        ]
        statements.append(self.ddl.compile(CreateTable(table_construct(plain))))
        for index in table.indexes:
            statements += self.ddl.indexes.create(CreateIndex(table=table.name, index=index))
        return [*statements, *self.ddl.comments.of_table(table)]

    def drop(self, operation: DropTable) -> list[str]:
        dropped = super().drop(operation)
        if operation.table is None:
            return dropped
        names = self._counting_sequences(operation.table)
        return [*dropped, *(f"DROP SEQUENCE IF EXISTS {name}" for name in names)]

    def rename(self, operation: RenameTable) -> list[str]:
        before, after = operation.before, operation.after
        if before.schema != after.schema:
            return super().rename(operation)
        return [
            self.ddl.template(
                self.ddl.dialect.abilities.rename_table,
                f"rename table {before}",
                before=self.quote_name(Name(old, before.schema)),
                after=self.quote(new),
                after_name=new,
            )
            for old, new in self.ddl.rename_steps(before.name, after.name)
        ]

    def _counting_sequences(self, table: Table) -> list[str]:
        """Return the quoted names of the sequences that number the rows of a table."""
        template = self.ddl.dialect.abilities.counting_sequence
        if template is None:
            return []
        return [
            self.quote_name(
                Name(template.format(table=table.name.name, column=c.name), table.name.schema)
            )
            for c in table.columns
            if c.autoincrement
        ]
