"""SQL for constraints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import schema as sa_schema

from autodiff.dialects.ddl.constraints import ConstraintDDL
from autodiff.dialects.generic.ddl.constructs import table_with
from autodiff.schema.objects import Check, Constraint, ForeignKey, PrimaryKey, Table, Unique
from autodiff.schema.operations import AddConstraint, DropConstraint, RenameConstraint

if TYPE_CHECKING:
    from autodiff.dialects.generic.ddl.statements import GenericDDL

__all__ = ["GenericConstraintDDL"]

_WORDS: dict[type[Constraint], str] = {
    PrimaryKey: "primary key",
    ForeignKey: "foreign key",
    Unique: "unique constraint",
    Check: "check constraint",
}
_UNIQUE_INDEX = "declare a unique index instead: sa.Index(name, columns, unique=True)"
_WITH_TABLE = (
    "declare it in the table's first migration; for an existing table, create a new one with "
    "op.execute(), copy the rows, and swap the names"
)


class GenericConstraintDDL(ConstraintDDL):
    """Adds constraints as SQLAlchemy does; drops and renames those that have a name."""

    ddl: GenericDDL

    def add(self, operation: AddConstraint, current: Table | None = None) -> list[str]:
        """Return ADD CONSTRAINT. Raises PlanError if the database cannot add that kind."""
        constraint = operation.constraint
        if type(constraint) not in self.ddl.dialect.abilities.added_constraints:
            word = _WORDS.get(type(constraint), "exclusion constraint")
            hint = _UNIQUE_INDEX if isinstance(constraint, Unique) else _WITH_TABLE
            raise self.ddl.impossible(f"add a {word} to table {operation.table}", hint)
        table = table_with(operation.table, constraints=(constraint,))
        kind = type(constraint).__name__
        found = next(c for c in table.constraints if type(c).__name__.startswith(kind))
        statements = [self.ddl.compile(sa_schema.AddConstraint(found))]
        if constraint.comment is not None and constraint.name and self.features.comments:
            statements += self.ddl.comments.of_constraint(operation.table, constraint)
        return statements

    def drop(self, operation: DropConstraint, current: Table | None = None) -> list[str]:
        what = f"drop constraint {operation.name or ''}".rstrip() + f" of table {operation.table}"
        if not (self.ddl.dialect.abilities.drops_constraints and operation.name):
            raise self.ddl.impossible(what)
        return super().drop(operation, current)

    def rename(self, operation: RenameConstraint, current: Table | None = None) -> list[str]:
        quoted = self.quote_name(operation.table)
        schema = operation.table.schema
        prefix = f"{self.quote(schema)}." if schema else ""
        return [
            self.ddl.template(
                self.ddl.dialect.abilities.rename_constraint,
                f"rename constraint {operation.before} of table {operation.table}",
                table=quoted,
                before=f"{prefix}{self.quote(operation.before)}",
                after=self.quote(operation.after),
                after_name=operation.after,
            )
        ]
