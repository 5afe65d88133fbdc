"""Collect the operations of a plan by the phase in which they run.

The order of the phases is the order of `Phase`. Each entry needs what the entries before it made,
or prevents an entry after it:

- Names come early: a rename that runs first lets all later operations use the new names.
- Whatever refers to a column or table is dropped before that changes and added again afterwards:
  views around everything, foreign keys around the keys they reference, constraints and indexes
  around columns, computed columns around the columns they read.
- Columns and tables are dropped late, so that a migration that fails has lost no data yet.

The downgrade runs the reversed operations from last to first, so a phase must also be right when
it is read backwards: `DROP_COLUMNS` becomes "add the columns", before constraints use them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

from autodiff.schema.operations import Operation

__all__ = ["Phase", "PhasedOperations"]


class Phase(IntEnum):
    """When an operation runs. Within a phase, operations keep the order of the changes.

    AUTOINCREMENT phases exist because MySQL allows one auto-increment column per table, and only
    as the column of a key (https://dev.mysql.com/doc/refman/8.4/en/create-table.html): the old
    column stops counting before its key is dropped, the new one starts after its key was added.
    """

    PREPARE = 0
    DROP_VIEWS = 1
    RENAME = 2
    DROP_FOREIGN_KEYS = 3
    DISABLE_AUTOINCREMENT = 4
    DROP_CONSTRAINTS = 5
    RENAME_CONSTRAINTS = 6
    DROP_COMPUTED = 7
    DROP_AUTOINCREMENT = 8
    BEFORE_ENUMS = 9
    ALTER_ENUMS = 10
    CREATE_TABLES = 11
    ALTER_COLUMNS = 12
    ADD_AUTOINCREMENT = 13
    ADD_COMPUTED = 14
    ADD_CONSTRAINTS = 15
    ENABLE_AUTOINCREMENT = 16
    ADD_FOREIGN_KEYS = 17
    DROP_COLUMNS = 18
    DROP_TABLES = 19
    CREATE_VIEWS = 20
    DROP_UNUSED = 21


@dataclass(slots=True)
class PhasedOperations:
    """Operations by phase."""

    by_phase: dict[Phase, list[Operation]] = field(default_factory=dict)

    def add(self, phase: Phase, *operations: Operation) -> None:
        """Append operations to a phase."""
        self.by_phase.setdefault(phase, []).extend(operations)

    def ordered(self) -> tuple[Operation, ...]:
        """Return all operations, phase by phase."""
        return tuple(
            operation for phase in sorted(self.by_phase) for operation in self.by_phase[phase]
        )
