"""SQL for enum types."""

from __future__ import annotations

from autodiff.dialects.ddl.part import Part
from autodiff.schema.operations import (
    AlterEnum,
    CreateEnum,
    DropEnum,
    RenameEnum,
    RenameEnumValue,
)

__all__ = ["EnumDDL", "EnumOperation"]

EnumOperation = CreateEnum | DropEnum | AlterEnum | RenameEnum | RenameEnumValue


class EnumDDL(Part):
    """Has no statements: most databases have no enum types."""

    def statements(self, operation: EnumOperation) -> list[str]:
        """Return the statements of an operation on an enum type."""
        return []
