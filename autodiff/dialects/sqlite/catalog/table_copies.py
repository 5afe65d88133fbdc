"""Decide if the rows of a table are copied instead of altering a table.

ALTER TABLE parses the definitions of all tables, several times. In a database of a thousand tables,
that takes longer than copying most tables.
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

__all__ = ["SQLiteTableCopies"]

_MANY_TABLES = 50
"""With fewer tables, ALTER TABLE takes less than 5 ms."""
_ROWS_PER_TABLE = 100
"""Rows that are copied in the time in which ALTER TABLE parses one table, about 0.1 ms."""
_PLAIN_NAME = re.compile(r"\w+", re.ASCII)
"""Names that need no escapes in the texts of SQL."""
_TABLES = "SELECT count(*) FROM sqlite_master WHERE type = 'table'"
_DEPENDENTS = "SELECT lower(sql) FROM {schema}sqlite_master WHERE type IN ('view', 'trigger')"
_ROWS = "SELECT count(*) FROM (SELECT 1 FROM {table} LIMIT {most})"
_DEFINITIONS = """
SELECT sql FROM sqlite_master WHERE tbl_name = '{name}' COLLATE NOCASE AND sql IS NOT NULL
ORDER BY type = 'table' DESC
"""


class SQLiteTableCopies:
    """Knows how many tables there are, and which views and triggers."""

    def __init__(self, connection: Connection, dialect: Dialect) -> None:
        self._connection = connection
        self._dialect = dialect
        self._tables = int(connection.exec_driver_sql(_TABLES).scalar_one())
        self._dependents = [
            text
            for schema in ("", "temp.")
            for text in connection.exec_driver_sql(_DEPENDENTS.format(schema=schema)).scalars()
        ]

    def copies_back(self, name: Name) -> bool:
        """Return whether a rebuild copies the rows back, instead of renaming the new table.

        The table is small, and no view or trigger can depend on it.
        """
        if self._tables < _MANY_TABLES or name.schema is not None:
            return False
        if not _PLAIN_NAME.fullmatch(name.name):
            return False
        if any(name.name.lower() in text for text in self._dependents):
            return False
        most = self._tables * _ROWS_PER_TABLE
        query = _ROWS.format(table=self._dialect.quote_name(name), most=most + 1)
        return bool(self._connection.exec_driver_sql(query).scalar_one() <= most)

    def replaces(self, name: Name, statements: Sequence[str]) -> bool:
        """Return whether a copy of a table shows the same as statements that alter it.

        SQLite must accept the statements on a table of the same definition.
        """
        return self.copies_back(name) and self._are_accepted(name, statements)

    def _are_accepted(self, name: Name, statements: Sequence[str]) -> bool:
        """Run statements in a database that has no other tables; return whether none fails."""
        query = _DEFINITIONS.format(name=name.name)
        definitions = self._connection.exec_driver_sql(query).scalars()
        try:
            with closing(sqlite3.connect(":memory:")) as database:
                for sql in (*definitions, *statements):
                    database.execute(sql)
        except sqlite3.Error:  # the scratch database then shows the error, if it has it too
            return False
        return True
