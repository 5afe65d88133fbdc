"""Copy rows between MySQL or MariaDB databases."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from autodiff.dialects.row_copy import RowCopy

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from autodiff.schema.objects import Table

__all__ = ["MySQLRowCopy"]


class MySQLRowCopy(RowCopy):
    """Copies values as the driver returns them."""

    @contextmanager
    def disable_foreign_keys(
        self, connection: Connection, tables: Sequence[Table]
    ) -> Iterator[None]:
        connection.exec_driver_sql("SET foreign_key_checks = 0")
        try:
            yield
        finally:
            connection.exec_driver_sql("SET foreign_key_checks = 1")
