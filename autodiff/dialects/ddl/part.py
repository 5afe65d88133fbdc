"""The base of the parts of `DDL`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from autodiff.schema.objects import Name

if TYPE_CHECKING:
    from autodiff.dialects.ddl.statements import DDL

__all__ = ["Part"]


class Part:
    """The statements for one kind of object; `ddl` has the other parts.

    Methods named after an operation (`create`, `drop`, ...) return its statements. `current` is
    the table before the operation, or None if it is unknown.
    """

    def __init__(self, ddl: DDL) -> None:
        self.ddl = ddl
        self.dialect = ddl.dialect
        self.features = ddl.dialect.features
        self.quote = ddl.dialect.quote
        self.quote_name = ddl.dialect.quote_name

    def quote_all(self, names: Iterable[str]) -> str:
        """Return quoted identifiers, with commas."""
        return ", ".join(self.quote(name) for name in names)

    def alter_table(self, table: Name, *changes: str) -> str:
        """Return one ALTER TABLE for all the changes."""
        return f"ALTER TABLE {self.quote_name(table)} {', '.join(changes)}"
