"""Copying rows from a live database into a scratch database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from autodiff.dialects.base import Dialect
    from autodiff.schema.objects import Column, Table

__all__ = ["RowCopy"]


class RowCopy:
    """Writes the SQL that reads a row in one database and inserts it into another."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect

    def select_expression(self, column: Column) -> str:
        """Return SQL for a column's value in the form in which it is copied."""
        return self.dialect.quote(column.name)

    def insert_expression(self, column: Column, placeholder: str) -> str:
        """Return SQL that turns a copied value, bound to `placeholder`, into the column's type."""
        return placeholder

    @contextmanager
    def disable_foreign_keys(
        self, connection: Connection, tables: Sequence[Table]
    ) -> Iterator[None]:
        """Check no foreign key of the tables, so that rows can be inserted in any order."""
        yield

    def advance_sequences(self, connection: Connection, table: Table) -> None:
        """Let generated numbers of a table start after those of the copied rows."""
