"""Estimate if copying a table takes less time than an ALTER TABLE, which parses all tables."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from autodiff.dialects.base import Dialect
    from autodiff.schema.objects import Name

__all__ = ["is_copied_quickly"]

_ROWS_PER_TABLE = 100
"""Rows that are copied in the time in which ALTER TABLE parses one table, about 0.1 ms."""
_PLAIN_NAME = re.compile(r"\w+", re.ASCII)
"""Names that an SQL text contains as they are, without quotes to double."""
_TABLES = """
SELECT count(*) FROM {schema}.sqlite_master WHERE type = 'table' AND NOT EXISTS (
    SELECT 1 FROM {schema}.sqlite_master
    WHERE type IN ('view', 'trigger') AND instr(lower(sql), lower('{name}'))
) AND NOT EXISTS (SELECT 1 FROM temp.sqlite_master)
"""
_ROWS = "SELECT count(*) FROM (SELECT 1 FROM {table} LIMIT {most})"


def is_copied_quickly(connection: Connection, dialect: Dialect, name: Name) -> bool:
    """Return whether a table is small, and no view or trigger can depend on it.

    ALTER TABLE refuses to break a view or trigger. Copying a table would not notice it.
    """
    if not _PLAIN_NAME.fullmatch(name.name):
        return False
    schema = dialect.quote(name.schema) if name.schema else "main"
    tables = connection.exec_driver_sql(_TABLES.format(schema=schema, name=name.name)).scalar_one()
    most = tables * _ROWS_PER_TABLE
    query = _ROWS.format(table=dialect.quote_name(name), most=most + 1)
    return bool(tables and connection.exec_driver_sql(query).scalar_one() <= most)
