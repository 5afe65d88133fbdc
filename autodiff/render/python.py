"""Objects of a schema as the Python that creates them again."""

from __future__ import annotations

from autodiff.dialects.base import Dialect
from autodiff.render.columns import ColumnSource
from autodiff.render.constraints import ConstraintSource
from autodiff.render.indexes import IndexSource
from autodiff.render.literals import Literals
from autodiff.render.sequences import SequenceSource
from autodiff.render.tables import TableSource

__all__ = ["PythonSource"]


class PythonSource(Literals):
    """Python source for one dialect; templates have it as `py`.

    Each method returns one expression or argument. A part for each kind of object writes that.
    """

    def __init__(self, dialect: Dialect) -> None:
        super().__init__(dialect)
        self.columns = ColumnSource(self)
        self.constraints = ConstraintSource(self)
        self.indexes = IndexSource(self)
        self.sequences = SequenceSource(self)
        self.tables = TableSource(self)
