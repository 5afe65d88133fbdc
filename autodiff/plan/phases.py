"""Operations collected by the phase in which they are done."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

from autodiff.schema.operations import Operation

__all__ = ["Phase", "Steps"]


class Phase(IntEnum):
    """When an operation is done; within a phase the order of the changes holds."""

    MAKE_ROOM = 0
    DROP_VIEWS = 1
    RENAME = 2
    DROP_KEYS = 3
    STOP_COUNTING = 4
    DROP_CONSTRAINTS = 5
    RENAME_PARTS = 6
    DROP_COMPUTED = 7
    DROP_COUNTED = 8
    FREE_ENUMS = 9
    ALTER_ENUMS = 10
    CREATE_TABLES = 11
    COLUMNS = 12
    ADD_COUNTED = 13
    ADD_COMPUTED = 14
    CONSTRAINTS = 15
    START_COUNTING = 16
    KEYS = 17
    DROP_COLUMNS = 18
    DROP_TABLES = 19
    CREATE_VIEWS = 20
    CLEAR_AWAY = 21


@dataclass(slots=True)
class Steps:
    """Operations collected by phase."""

    by_phase: dict[Phase, list[Operation]] = field(default_factory=dict)

    def add(self, phase: Phase, *operations: Operation) -> None:
        """Puts operations at the end of a phase."""
        self.by_phase.setdefault(phase, []).extend(operations)

    def ordered(self) -> tuple[Operation, ...]:
        """All operations, phase by phase."""
        return tuple(step for phase in sorted(self.by_phase) for step in self.by_phase[phase])
