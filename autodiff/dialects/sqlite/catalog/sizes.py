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
_SIZES = sa.text("""
SELECT lower(tbl_name), sum(pgsize) FROM dbstat JOIN sqlite_master USING (name)
WHERE aggregate = TRUE GROUP BY lower(tbl_name)
""")
_ONE_BY_ONE = 20
"""Tables that are counted alone: each one reads the list of all tables, but only its own pages."""


def table_sizes(connection: Connection, names: Collection[Name]) -> dict[Name, TableSize]:
    """Return the bytes of the tables; none if this build of SQLite cannot count them."""
    found: dict[Name, TableSize] = {}
    try:
        if len(names) > _ONE_BY_ONE:
            sizes = dict(map(tuple, connection.execute(_SIZES)))
            return {name: TableSize(bytes=sizes.get(name.name.lower())) for name in names}
        for name in names:
            size = connection.execute(_SIZE, {"name": name.name}).scalar()
            found[name] = TableSize(bytes=size)
    except SQLAlchemyError:
        return found
    return found
