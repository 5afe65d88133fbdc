"""Python source for constraints."""

from __future__ import annotations

import re
from typing import assert_never

from autodiff.render.part import Part
from autodiff.schema.objects import (
    Check,
    Constraint,
    Exclusion,
    ForeignKey,
    PrimaryKey,
    Unique,
)

__all__ = ["ConstraintSource"]

_PLAIN_NAME = re.compile(r"[a-z_][a-z0-9_]*")


class ConstraintSource(Part):
    """Writes sa.ForeignKeyConstraint and the like, and their arguments."""

    def definition(self, constraint: Constraint) -> str:
        """Return sa.ForeignKeyConstraint(...) or the like, as an argument of op.create_table."""
        string, strings = self.py.string, self.py.strings
        named = [f"name={string(constraint.name)}"] if constraint.name else []
        match constraint:
            case PrimaryKey(columns=columns):
                call, parts = "sa.PrimaryKeyConstraint", [*map(string, columns), *named]
            case Unique(columns=columns):
                call, parts = "sa.UniqueConstraint", [*map(string, columns), *named]
            case Check(sql=sql):
                call, parts = "sa.CheckConstraint", [self.py.sql_string(sql), *named]
            case Exclusion():
                call = "postgresql.ExcludeConstraint"
                parts = [*self.exclusion_elements(constraint), *named]
            case ForeignKey():
                call = "sa.ForeignKeyConstraint"
                targets = [f"{constraint.referred}.{c}" for c in constraint.referred_columns]
                parts = [strings(constraint.columns), strings(targets), *named]
            case _:
                assert_never(constraint)
        return f"{call}({', '.join([*parts, *self.options(constraint)])})"

    def options(self, constraint: Constraint) -> list[str]:
        """Return the keyword arguments of a constraint besides its name."""
        comment = constraint.comment
        parts = [] if comment is None else [f"comment={self.py.string(comment)}"]
        if isinstance(constraint, ForeignKey):
            for keyword in ("on_update", "on_delete"):
                action = getattr(constraint, keyword)
                word = keyword.replace("_", "")
                parts += [f"{word}={self.py.string(action)}"] if action else []
        if not isinstance(constraint, Check) and constraint.deferrable:
            parts.append("deferrable=True")
            parts += ['initially="DEFERRED"'] if constraint.initially_deferred else []
        if isinstance(constraint, ForeignKey) and constraint.match:
            parts.append(f"match={self.py.string(constraint.match)}")
        if isinstance(constraint, Unique) and constraint.nulls_not_distinct:
            parts.append("postgresql_nulls_not_distinct=True")
        if isinstance(constraint, Exclusion):
            default = constraint.using == "gist"
            parts += [] if default else [f"using={self.py.string(constraint.using)}"]
            parts += [f"where={self.py.text(constraint.where)}"] if constraint.where else []
            return parts
        for name, value in sorted(constraint.options.items()):
            if name == "postgresql_include":
                parts.append(f"{name}={self.py.strings(str(value).split(', '))}")
            else:
                parts.append(self.py.argument(name, value))
        return parts

    def exclusion_elements(self, constraint: Exclusion) -> list[str]:
        """Return ("room", "=") for a column, (sa.text("lower(room)"), "=") for an expression."""
        return [
            f"({self._column_or_text(text)}, {self.py.string(operator)})"
            for text, operator in constraint.elements
        ]

    def _column_or_text(self, text: str) -> str:
        return self.py.string(text) if _PLAIN_NAME.fullmatch(text) else self.py.text(text)
