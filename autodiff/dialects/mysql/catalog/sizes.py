"""Read the sizes of tables of MySQL and MariaDB."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import sqlalchemy as sa

from autodiff.dialects.table_size import TableSize
from autodiff.schema.objects import Name

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["table_sizes"]

# For InnoDB, TABLE_ROWS is an estimate.
# https://dev.mysql.com/doc/refman/en/information-schema-tables-table.html
_SIZE = sa.text("""
SELECT table_rows AS estimate, data_length + index_length AS bytes
FROM information_schema.tables
WHERE table_schema = coalesce(:schema, DATABASE()) AND table_name = :name
""")


def table_sizes(connection: Connection, names: Collection[Name]) -> dict[Name, TableSize]:
    """Return the sizes of the tables that exist."""
    found: dict[Name, TableSize] = {}
    for name in names:
        row = connection.execute(_SIZE, {"schema": name.schema, "name": name.name}).first()
        if row is not None:
            count = int(row.estimate or 0)
            found[name] = TableSize(
                rows=count or None, bytes=None if row.bytes is None else int(row.bytes)
            )
    return found
