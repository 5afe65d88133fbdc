"""Decide if a scratch database copies a table instead of altering it.

ALTER TABLE parses the definitions of all tables, several times. In a rehearsal of hundreds of
tables, this takes most of the time. Nothing that a person keeps is ever copied this way.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from autodiff.dialects.base import Dialect
    from autodiff.schema.objects import Name

__all__ = ["is_copied_in_scratch"]

_ROWS_PER_TABLE = 100
"""Rows that are copied in the time in which ALTER TABLE parses one table, about 0.1 ms."""
_PLAIN_NAME = re.compile(r"\w+", re.ASCII)
"""Names that need no escapes in the texts of SQL."""
_TABLES = """
SELECT count(*) FROM sqlite_master WHERE type = 'table' AND NOT EXISTS (
    SELECT 1 FROM sqlite_master
    WHERE type IN ('view', 'trigger') AND instr(lower(sql), lower('{name}'))
) AND NOT EXISTS (SELECT 1 FROM temp.sqlite_master)
"""
_ROWS = "SELECT count(*) FROM (SELECT 1 FROM {table} LIMIT {most})"
_DEFINITIONS = """
SELECT sql FROM sqlite_master WHERE lower(tbl_name) = lower('{name}') AND sql IS NOT NULL
ORDER BY type = 'table' DESC
"""


def is_copied_in_scratch(
    connection: Connection, dialect: Dialect, name: Name, statements: Sequence[str]
) -> bool:
    """Return whether a copy of a table shows the same as the statements that alter it.

    The table is small, no view or trigger can depend on it, and SQLite accepts the statements on
    a table of the same definition.
    """
    if name.schema is not None or not _PLAIN_NAME.fullmatch(name.name):
        return False
    tables = connection.exec_driver_sql(_TABLES.format(name=name.name)).scalar_one()
    most = tables * _ROWS_PER_TABLE
    query = _ROWS.format(table=dialect.quote_name(name), most=most + 1)
    if not tables or connection.exec_driver_sql(query).scalar_one() > most:
        return False
    return not statements or _are_accepted(connection, name, statements)


def _are_accepted(connection: Connection, name: Name, statements: Sequence[str]) -> bool:
    """Run statements in a database that has no other tables; return whether none fails."""
    query = _DEFINITIONS.format(name=name.name)
    definitions = connection.exec_driver_sql(query).scalars()
    try:
        with closing(sqlite3.connect(":memory:")) as database:
            for sql in (*definitions, *statements):
                database.execute(sql)
    except sqlite3.Error:  # the scratch database then shows the error, if it has it too
        return False
    return True
