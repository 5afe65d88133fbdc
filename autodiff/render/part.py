"""The base of the parts of `PythonSource`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from autodiff.render.python import PythonSource

__all__ = ["Part"]


class Part:
    """The Python source for one kind of object; `py` has the literals and the other parts."""

    def __init__(self, py: PythonSource) -> None:
        self.py = py
        self.dialect = py.dialect
