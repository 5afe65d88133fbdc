"""Python source for tables."""

from __future__ import annotations

from autodiff.render.part import Part
from autodiff.schema.objects import (
    Check,
    Constraint,
    Exclusion,
    ForeignKey,
    Option,
    PrimaryKey,
    Table,
    Unique,
)

__all__ = ["TableSource"]

_CONSTRAINT_ORDER = (PrimaryKey, ForeignKey, Unique, Check, Exclusion)


class TableSource(Part):
    """Writes the arguments of op.create_table."""

    def constraints(self, table: Table) -> list[Constraint]:
        """Return the constraints of op.create_table: keys first, then uniques and checks."""
        later = self.late_checks(table)
        inline = (c for c in table.constraints if c not in later)
        return sorted(inline, key=lambda c: _CONSTRAINT_ORDER.index(type(c)))

    def late_checks(self, table: Table) -> list[Check]:
        """Return the checks that SQLAlchemy cannot declare in full, created after the table."""
        checks = (c for c in table.constraints if isinstance(c, Check))
        return [check for check in checks if "postgresql_no_inherit" in check.options]

    def arguments(self, table: Table) -> list[str]:
        """Return the keyword arguments of op.create_table."""
        string = self.py.string
        parts = [f"schema={string(table.name.schema)}"] if table.name.schema else []
        parts += [f"comment={string(table.comment)}"] if table.comment is not None else []
        for name, value in sorted(table.options.items()):
            if name == "prefix":
                parts.append(f"prefixes={self.py.strings(str(value).split())}")
            else:
                parts.append(self.option(name, value))
        return parts

    def option(self, name: str, value: Option | None) -> str:
        """Return an option of a table as a keyword argument."""
        if name == "postgresql_with" and value is not None:
            return f"{name}={self.py.storage_parameters(str(value))}"
        return self.py.argument(name, value)
