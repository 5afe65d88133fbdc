"""SQL for constraints."""

from __future__ import annotations

from typing import assert_never

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
from autodiff.schema.operations import AddConstraint, DropConstraint, RenameConstraint

__all__ = ["ConstraintDDL"]


class ConstraintDDL(Part):
    """Defines constraints, and adds, drops and renames them."""

    def definition(self, constraint: Constraint) -> str:
        """Return a constraint as CREATE TABLE and ADD CONSTRAINT define it."""
        return self.name_clause(constraint) + self.body(constraint)

    def name_clause(self, constraint: Constraint) -> str:
        """Return CONSTRAINT and the name if it has one, with a space at the end."""
        return f"CONSTRAINT {self.quote(constraint.name)} " if constraint.name else ""

    def body(self, constraint: Constraint) -> str:
        """Return the definition of a constraint without its name."""
        match constraint:
            case PrimaryKey():
                text = f"PRIMARY KEY ({self.quote_all(constraint.columns)})"
            case ForeignKey():
                text = self.foreign_key(constraint)
            case Unique():
                text = f"UNIQUE ({self.quote_all(constraint.columns)})"
            case Check():
                return f"CHECK ({constraint.sql})"
            case Exclusion():
                text = self.exclusion(constraint)
            case _:
                assert_never(constraint)
        return text + self.deferrable(constraint)

    def deferrable(self, constraint: PrimaryKey | ForeignKey | Unique | Exclusion) -> str:
        """Return DEFERRABLE INITIALLY ... if it is, with a space at the start."""
        if not constraint.deferrable:
            return ""
        return " DEFERRABLE" + (" INITIALLY DEFERRED" if constraint.initially_deferred else "")

    def foreign_key(self, key: ForeignKey) -> str:
        """Return FOREIGN KEY ... REFERENCES ... with its actions."""
        columns = self.quote_all(key.columns)
        text = f"FOREIGN KEY ({columns}) REFERENCES {self.quote_name(key.referred)}"
        if key.referred_columns:
            text += f" ({self.quote_all(key.referred_columns)})"
        actions = (
            ("MATCH", key.match),
            ("ON UPDATE", key.on_update),
            ("ON DELETE", key.on_delete),
        )
        return text + "".join(f" {word} {action}" for word, action in actions if action)

    def validation(self, table: Name, before: Constraint, after: Constraint) -> str | None:
        """Return the statement that makes a constraint hold for all rows, if that is all it needs.

        None if the constraint must be dropped and added again.
        """
        return None

    def from_index(self, table: Name, constraint: PrimaryKey | Unique) -> str:
        """Return the statement that makes a constraint of the unique index with its name.

        Raises PlanError if the database has no such statement.
        """
        raise PlanError(f"{self.dialect.name} cannot make a constraint of an index")

    def exclusion(self, constraint: Exclusion) -> str:
        """Return EXCLUDE USING ...; only PostgreSQL has it."""
        raise PlanError(f"{self.dialect.name} has no exclusion constraints")

    def add(self, operation: AddConstraint, current: Table | None = None) -> list[str]:
        """Return ADD CONSTRAINT, and the statement for its comment."""
        constraint = operation.constraint
        statements = [self.alter_table(operation.table, f"ADD {self.definition(constraint)}")]
        if constraint.comment is not None and constraint.name:
            statements += self.ddl.comments.of_constraint(operation.table, constraint)
        return statements

    def drop(self, operation: DropConstraint, current: Table | None = None) -> list[str]:
        name = self.quote(operation.name or "")
        return [self.alter_table(operation.table, f"DROP CONSTRAINT {name}")]

    def rename(self, operation: RenameConstraint, current: Table | None = None) -> list[str]:
        before, after = self.quote(operation.before), self.quote(operation.after)
        return [self.alter_table(operation.table, f"RENAME CONSTRAINT {before} TO {after}")]
