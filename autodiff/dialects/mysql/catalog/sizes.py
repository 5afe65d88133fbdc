"""Read the sizes of tables of MySQL and MariaDB."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from autodiff.dialects.table_size import TableSize
from autodiff.schema.objects import Name

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["table_sizes"]

# For InnoDB, TABLE_ROWS is an estimate.
# https://dev.mysql.com/doc/refman/en/information-schema-tables-table.html
_SIZES = """
SELECT table_name AS name, table_rows AS estimate, data_length + index_length AS bytes
FROM information_schema.tables
WHERE table_schema = coalesce(:schema, DATABASE()) AND table_name {named}
"""
_ONE = sa.text(_SIZES.format(named="= :names"))
_MANY = sa.text(_SIZES.format(named="IN :names")).bindparams(sa.bindparam("names", expanding=True))
_ONE_BY_ONE = 8
"""Tables that are read alone: MariaDB opens all tables of the database if there are several names.
https://mariadb.com/kb/en/optimizing-information_schema-queries/"""


def table_sizes(connection: Connection, names: Collection[Name]) -> dict[Name, TableSize]:
    """Return the sizes of the tables that exist."""
    found: dict[Name, TableSize] = {}
    for schema in dict.fromkeys(name.schema for name in names):
        by_name = {name.name: name for name in names if name.schema == schema}
        for row in _size_rows(connection, schema, list(by_name)):
            count = int(row.estimate or 0)
            found[by_name[row.name]] = TableSize(
                rows=count or None, bytes=None if row.bytes is None else int(row.bytes)
            )
    return found


def _size_rows(
    connection: Connection, schema: str | None, names: list[str]
) -> Iterator[sa.Row[Any]]:
    query, parts = (_MANY, [names]) if len(names) > _ONE_BY_ONE else (_ONE, names)
    for part in parts:
        for row in connection.execute(query, {"schema": schema, "names": part}):
            if row.name in names:
                yield row
