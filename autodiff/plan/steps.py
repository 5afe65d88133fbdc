"""Operations collected by the phase in which they are done."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

from autodiff.operations import Operation

__all__ = ["Phase", "Steps"]


class Phase(IntEnum):
    """When an operation is done; within a phase the order of the changes holds."""

    MAKE_ROOM = 0
    RENAME = 1
    DROP_VIEWS = 2
    DROP_KEYS = 3
    DROP_CONSTRAINTS = 4
    RENAME_PARTS = 5
    FREE_ENUMS = 6
    ALTER_ENUMS = 7
    DROP_COMPUTED = 8
    CREATE_TABLES = 9
    COLUMNS = 10
    ADD_COMPUTED = 11
    CONSTRAINTS = 12
    KEYS = 13
    DROP_COLUMNS = 14
    DROP_TABLES = 15
    CREATE_VIEWS = 16
    CLEAR_AWAY = 17


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
