"""SQL for the triggers that keep two columns of a table equal."""

from __future__ import annotations

from autodiff.dialects.ddl.part import Part
from autodiff.errors import PlanError
from autodiff.schema.operations import SyncColumns, UnsyncColumns
from autodiff.utils.object_names import name_of_several

__all__ = ["TriggerDDL"]


class TriggerDDL(Part):
    """Creates and drops triggers; a database without them refuses."""

    def sync(self, operation: SyncColumns) -> list[str]:
        """Return the statements that create the trigger, also if an earlier one is there."""
        raise self._refusal()

    def unsync(self, operation: UnsyncColumns) -> list[str]:
        """Return the statements that drop the trigger, if it is there."""
        raise self._refusal()

    def differs(self, one: str, other: str) -> str:
        """Return a condition that is true if two values differ; either of them can be NULL.

        Values that are equal only by the rules of their type or collation, such as 'a' and 'A',
        differ.
        """
        raise self._refusal()

    def _refusal(self) -> PlanError:
        return PlanError(
            f"columns cannot be kept equal by a trigger on {self.dialect.name}",
            hint="rename the column in one step: pass --no-online",
        )

    def trigger_name(self, operation: SyncColumns | UnsyncColumns, *parts: str) -> str:
        """Return the name of a trigger or a function; no other table or column has the same."""
        limit = self.features.max_name_length - len("zz_")
        return name_of_several("sync", operation.table.name, operation.after, *parts, limit=limit)
