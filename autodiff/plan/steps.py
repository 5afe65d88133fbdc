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
    FREE_ENUMS = 5
    ALTER_ENUMS = 6
    DROP_COMPUTED = 7
    CREATE_TABLES = 8
    COLUMNS = 9
    ADD_COMPUTED = 10
    CONSTRAINTS = 11
    KEYS = 12
    DROP_COLUMNS = 13
    DROP_TABLES = 14
    CREATE_VIEWS = 15
    CLEAR_AWAY = 16


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
