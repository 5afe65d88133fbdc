"""Read the sizes of tables of SQLite, which has no estimates of the numbers of rows."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from autodiff.dialects.table_size import TableSize
from autodiff.schema.objects import Name

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["table_sizes"]

# dbstat is compiled into most builds: https://www.sqlite.org/dbstat.html
_SIZE = sa.text("""
SELECT sum(pgsize) FROM dbstat WHERE aggregate = TRUE
AND name IN (SELECT name FROM sqlite_master WHERE lower(tbl_name) = lower(:name))
""")
_SIZES = sa.text("SELECT name, pgsize FROM dbstat WHERE aggregate = TRUE")
_TABLES = sa.text("SELECT name, lower(tbl_name) FROM sqlite_master")
_ONE_BY_ONE = 20
"""Tables that are counted alone: each one reads the list of all tables, but only its own pages."""


def table_sizes(connection: Connection, names: Collection[Name]) -> dict[Name, TableSize]:
    """Return the bytes of the tables; none if this build of SQLite cannot count them."""
    found: dict[Name, TableSize] = {}
    try:
        if len(names) > _ONE_BY_ONE:
            sizes = _all_sizes(connection)
            return {name: TableSize(bytes=sizes.get(name.name.lower())) for name in names}
        for name in names:
            size = connection.execute(_SIZE, {"name": name.name}).scalar()
            found[name] = TableSize(bytes=size)
    except SQLAlchemyError:
        return found
    return found


def _all_sizes(connection: Connection) -> dict[str, int]:
    """Return the bytes of all tables with their indexes, by name in lower case.

    The two queries are joined here, because SQLite has no index on the names of either.
    """
    tables: dict[str, str] = dict(map(tuple, connection.execute(_TABLES)))
    sizes: dict[str, int] = {}
    for name, size in connection.execute(_SIZES):
        table = tables.get(name)
        if table is not None:
            sizes[table] = sizes.get(table, 0) + size
    return sizes
