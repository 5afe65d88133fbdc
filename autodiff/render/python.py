"""Objects of a schema as the Python that creates them again."""

from __future__ import annotations

from collections.abc import Mapping

from autodiff.dialects.base import Dialect
from autodiff.render.columns import ColumnSource
from autodiff.render.constraints import ConstraintSource
from autodiff.render.indexes import IndexSource
from autodiff.render.literals import Literals
from autodiff.render.sequences import SequenceSource
from autodiff.render.tables import TableSource
from autodiff.schema.objects import ColumnType, EnumType, Name

__all__ = ["PythonSource"]


class PythonSource(Literals):
    """Python source for one dialect; templates have it as `py`.

    Each method returns one expression or argument. A part for each kind of object writes that.
    `enums` are the enum types that columns use.
    """

    def __init__(self, dialect: Dialect, enums: Mapping[Name, EnumType] | None = None) -> None:
        super().__init__(dialect)
        self._enums = enums or {}
        self.columns = ColumnSource(self)
        self.constraints = ConstraintSource(self)
        self.indexes = IndexSource(self)
        self.sequences = SequenceSource(self)
        self.tables = TableSource(self)

    def type(self, type_: ColumnType) -> str:
        """Return the call that creates a type, such as `sa.String(50)`.

        A type of the lock file has none: it is derived from the SQL of the type.
        """
        if type_.python:
            return type_.python
        enum = self._enums.get(type_.enum) if type_.enum is not None else None
        if enum is None:
            return self.dialect.type_python(type_.sql) if type_.sql else "sa.types.NullType()"
        return self.dialect.enum_python(type_.sql, enum)
