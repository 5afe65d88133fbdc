"""SQL for constraints of PostgreSQL.

https://www.postgresql.org/docs/current/sql-altertable.html
"""

from __future__ import annotations

from autodiff.dialects.ddl.constraints import ConstraintDDL
from autodiff.schema.objects import (
    Check,
    Constraint,
    Exclusion,
    ForeignKey,
    Name,
    PrimaryKey,
    Unique,
)

__all__ = ["PostgreSQLConstraintDDL"]

NOT_VALID = "postgresql_not_valid"


class PostgreSQLConstraintDDL(ConstraintDDL):
    """Defines constraints with INCLUDE, NO INHERIT and NOT VALID, and exclusion constraints."""

    def body(self, constraint: Constraint) -> str:
        match constraint:
            case Unique(nulls_not_distinct=distinct, columns=columns):
                words = "UNIQUE NULLS NOT DISTINCT" if distinct else "UNIQUE"
                text = f"{words} ({self.quote_all(columns)}){_include(constraint)}"
                return text + self.deferrable(constraint)
            case PrimaryKey(columns=columns):
                text = f"PRIMARY KEY ({self.quote_all(columns)}){_include(constraint)}"
                return text + self.deferrable(constraint)
            case Check(options=options):
                text = super().body(constraint)
                text += " NO INHERIT" if options.get("postgresql_no_inherit") else ""
                return text + (" NOT VALID" if options.get(NOT_VALID) else "")
            case Exclusion():
                return super().body(constraint)
            case _:
                text = super().body(constraint)
                invalid = constraint.options.get(NOT_VALID)
                return text + (" NOT VALID" if invalid else "")

    def validation(self, table: Name, before: Constraint, after: Constraint) -> str | None:
        """Return VALIDATE CONSTRAINT if `before` is NOT VALID and that is the only difference.

        It takes a weaker lock than adding the constraint again, and blocks no writes.
        https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-DESC-VALIDATE-CONSTRAINT
        """
        if not isinstance(before, Check | ForeignKey) or not isinstance(after, type(before)):
            return None
        if (
            not before.options.get(NOT_VALID)
            or {**after.options, NOT_VALID: True} != before.options
        ):
            return None
        return self.alter_table(table, f"VALIDATE CONSTRAINT {self.quote(before.name or '')}")

    def from_index(self, table: Name, constraint: PrimaryKey | Unique) -> str:
        """Return ADD CONSTRAINT ... USING INDEX, which only changes the catalog."""
        name = self.quote(constraint.name or "")
        kind = "PRIMARY KEY" if isinstance(constraint, PrimaryKey) else "UNIQUE"
        text = f"ADD CONSTRAINT {name} {kind} USING INDEX {name}{self.deferrable(constraint)}"
        return self.alter_table(table, text)

    def exclusion(self, constraint: Exclusion) -> str:
        elements = ", ".join(f"{text} WITH {operator}" for text, operator in constraint.elements)
        text = f"EXCLUDE USING {constraint.using} ({elements})"
        return text + (f" WHERE ({constraint.where})" if constraint.where else "")


def _include(constraint: Unique | PrimaryKey) -> str:
    included = constraint.options.get("postgresql_include")
    return f" INCLUDE ({included})" if included else ""
