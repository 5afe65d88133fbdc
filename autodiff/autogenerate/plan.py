"""The plan as people read it: as SQL, and as the text of a migration file."""

from __future__ import annotations

from collections.abc import Sequence

from autodiff import plan as planning

__all__ = ["Plan"]


class Plan(planning.Plan):
    """What to do, in order, to get from the current schema to the desired one."""

    __slots__ = ()

    def sql(self) -> list[str]:
        """The statements of the plan, in order."""
        from autodiff.runner.preview import preview_statements

        return preview_statements(self.dialect, self.operations, self.current.tables)

    def reverse_sql(self) -> list[str]:
        """The statements that take the plan back, in order."""
        from autodiff.runner.preview import preview_statements

        tables = self.current.tables
        return preview_statements(self.dialect, self.reverse(), tables, before=self.operations)

    def source(self, message: str, *, revision: str = "0", parents: Sequence[str] = ()) -> str:
        """The text of the migration file."""
        from autodiff.render import render_migration

        return render_migration(self, message=message, revision=revision, parents=tuple(parents))
