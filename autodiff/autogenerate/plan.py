"""The plan that users get: a `MigrationPlan` that can be shown as SQL and as a migration file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Self

from autodiff.plan import MigrationPlan

__all__ = ["Plan"]


class Plan(MigrationPlan):
    """The operations that lead from the current schema to the desired one, in order."""

    __slots__ = ()

    @classmethod
    def of(cls, plan: MigrationPlan) -> Self:
        """Return the same plan with the methods of this class."""
        return cls(**{spec.name: getattr(plan, spec.name) for spec in fields(plan)})

    def sql(self) -> list[str]:
        """Return the SQL statements of the plan, in order."""
        from autodiff.runner.preview import statements

        return statements(self.dialect, self.operations, self.current.tables)

    def reverse_sql(self) -> list[str]:
        """Return the SQL statements of the downgrade, in order."""
        from autodiff.runner.preview import statements

        tables = self.current.tables
        return statements(self.dialect, self.reverse(), tables, before=self.operations)

    def source(self, message: str, *, revision: str = "0", parents: Sequence[str] = ()) -> str:
        """Return the text of the migration file."""
        from autodiff.render import render_migration

        return render_migration(self, message=message, revision=revision, parents=tuple(parents))
