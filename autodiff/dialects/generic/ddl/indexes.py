"""SQL for indexes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import schema as sa_schema
from sqlalchemy.exc import CompileError

from autodiff.dialects.ddl.indexes import IndexDDL
from autodiff.dialects.generic.ddl.constructs import index_construct
from autodiff.errors import PlanError
from autodiff.schema.objects import Index, Name, Table
from autodiff.schema.operations import CreateIndex, DropIndex, RenameIndex

if TYPE_CHECKING:
    from autodiff.dialects.generic.ddl.statements import GenericDDL

__all__ = ["GenericIndexDDL"]


class GenericIndexDDL(IndexDDL):
    """Creates and drops indexes as SQLAlchemy does."""

    ddl: GenericDDL

    def create(self, operation: CreateIndex, current: Table | None = None) -> list[str]:
        """Return CREATE INDEX. Raises PlanError for a condition on a database without them."""
        index = operation.index
        if index.where is not None and not self.ddl.dialect.abilities.partial_indexes:
            raise self.ddl.impossible(
                f"create index {index.name} with a WHERE clause",
                "declare the index without a condition",
            )
        found = index_construct(operation.table, index, self.dialect.sqlalchemy.name)
        construct = sa_schema.CreateIndex(found, if_not_exists=operation.if_not_exists)
        try:
            return [self.ddl.compile(construct)]
        except CompileError as error:
            raise PlanError(
                f"cannot create index {index.name} on {self.dialect.name}: {error}",
                hint="declare the index in a form that this database supports",
            ) from error

    def drop(self, operation: DropIndex, current: Table | None = None) -> list[str]:
        schema = operation.schema or (operation.table.schema if operation.table else None)
        table = operation.table or Name("t", schema)
        found = index_construct(table, Index(name=operation.name, elements=()), self.dialect.name)
        return [self.ddl.compile(sa_schema.DropIndex(found, if_exists=operation.if_exists))]

    def rename(self, operation: RenameIndex, current: Table | None = None) -> list[str]:
        """Return the statement; without one, drop the index and create it again."""
        text = self.ddl.dialect.abilities.rename_index
        if text is None and operation.table is not None and current is not None:
            return self._recreated(operation, operation.table, current)
        schema = operation.schema or (operation.table.schema if operation.table else None)
        table = "" if operation.table is None else self.quote_name(operation.table)
        return [
            self.ddl.template(
                text,
                f"rename index {operation.before}",
                table=table,
                before=self.quote_name(Name(operation.before, schema)),
                after=self.quote(operation.after),
                after_name=operation.after,
                path=f"{table}.{self.quote(operation.before)}",
            )
        ]

    def _recreated(self, operation: RenameIndex, table: Name, current: Table) -> list[str]:
        index = current.index(operation.before)
        if index is None:
            raise self.ddl.impossible(f"rename index {operation.before}, which is not in {table}")
        return [
            *self.drop(DropIndex(table=table, name=operation.before)),
            *self.create(CreateIndex(table=table, index=replace(index, name=operation.after))),
        ]
