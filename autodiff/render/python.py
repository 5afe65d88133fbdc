"""Objects of a schema as the Python that creates them again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeAlias

from autodiff.dialects.base import Dialect
from autodiff.render.columns import ColumnSource
from autodiff.render.constraints import ConstraintSource
from autodiff.render.indexes import IndexSource
from autodiff.render.literals import Literals
from autodiff.render.sequences import SequenceSource
from autodiff.render.tables import TableSource
from autodiff.schema.objects import ColumnType, EnumType, Name

__all__ = ["PythonSource", "RenderType"]

RenderType: TypeAlias = Callable[[ColumnType], tuple[str, tuple[str, ...]] | None]
"""Returns the source of a type and the import statements that it needs, None for the default."""


class PythonSource(Literals):
    """Python source for one dialect; templates have it as `py`.

    Each method returns one expression or argument. A part for each kind of object writes that.
    `enums` are the enum types that columns use. `render_type` spells types in another way; the
    import statements that it asked for are collected in `imports`.
    """

    def __init__(
        self,
        dialect: Dialect,
        enums: Mapping[Name, EnumType] | None = None,
        render_type: RenderType | None = None,
    ) -> None:
        super().__init__(dialect)
        self._enums = enums or {}
        self._render_type = render_type
        self.imports: set[str] = set()
        self.columns = ColumnSource(self)
        self.constraints = ConstraintSource(self)
        self.indexes = IndexSource(self)
        self.sequences = SequenceSource(self)
        self.tables = TableSource(self)

    def type(self, type_: ColumnType) -> str:
        """Return the call that creates a type, such as `sa.String(50)`.

        A type of the lock file has none: it is derived from the SQL of the type.
        """
        spelled = self._spelled(type_)
        if self._render_type is None:
            return spelled
        rendered = self._render_type(replace(type_, python=spelled))
        if rendered is None:
            return spelled
        source, imports = rendered
        self.imports.update(imports)
        return source

    def _spelled(self, type_: ColumnType) -> str:
        """Return the call that creates a type, if no function of the project has another one."""
        if type_.python:
            return type_.python
        enum = self._enums.get(type_.enum) if type_.enum is not None else None
        if enum is None:
            return self.dialect.type_python(type_.sql) if type_.sql else "sa.types.NullType()"
        return self.dialect.enum_python(type_.sql, enum)
