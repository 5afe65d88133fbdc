"""Decide if the rows of a table are copied instead of altering a table.

ALTER TABLE parses the definitions of all tables, several times. In a database of a thousand tables,
that takes longer than copying most tables.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from functools import cached_property
from typing import TYPE_CHECKING

from autodiff.dialects.sqlite.catalog.copied_table import (
    DEFINITIONS,
    alters_columns,
    statements_to_copy,
)

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from autodiff.dialects.base import Dialect
    from autodiff.schema.objects import Name

__all__ = ["SQLiteTableCopies"]

_MANY_TABLES = 50
"""With fewer tables, ALTER TABLE takes less than 5 ms."""
_ROWS_PER_TABLE = 100
"""Rows that are copied in the time in which ALTER TABLE parses one table, about 0.1 ms."""
_VERY_MANY_TABLES = 150
"""With fewer tables, ALTER TABLE adds a column in 4 ms and drops one in 12 ms."""
_ALWAYS_ALTERED = 8
"""Changes of columns that a migration makes by ALTER TABLE before it copies tables."""
_FEW_ROWS_PER_TABLE = 20
"""Rows that are copied in the time in which ALTER TABLE parses one table to add a column."""
_PLAIN_NAME = re.compile(r"\w+", re.ASCII)
"""Names that need no escapes in the texts of SQL."""
_TABLES = "SELECT count(*) FROM sqlite_master WHERE type = 'table'"
_DEPENDENTS = "SELECT lower(sql) FROM {schema}sqlite_master WHERE type IN ('view', 'trigger')"
_ROWS = "SELECT count(*) FROM (SELECT 1 FROM {table} LIMIT {most})"
_STATISTICS = "SELECT count(*) FROM sqlite_master WHERE name = 'sqlite_stat1'"


class SQLiteTableCopies:
    """Knows how many tables there are, and which views and triggers."""

    def __init__(self, connection: Connection, dialect: Dialect) -> None:
        self._connection = connection
        self._dialect = dialect
        self._altered = 0
        self._tables = int(connection.exec_driver_sql(_TABLES).scalar_one())

    @cached_property
    def _dependents(self) -> list[str]:
        """The texts of views and triggers, in lower case."""
        return [
            text
            for schema in ("", "temp.")
            for text in self._connection.exec_driver_sql(
                _DEPENDENTS.format(schema=schema)
            ).scalars()
        ]

    @cached_property
    def _has_statistics(self) -> bool:
        return bool(self._connection.exec_driver_sql(_STATISTICS).scalar_one())

    def copies_back(self, name: Name) -> bool:
        """Return whether a rebuild copies the rows back, instead of renaming the new table.

        The table is small, and no view or trigger can depend on it.
        """
        return self._tables >= _MANY_TABLES and self._is_small(name, _ROWS_PER_TABLE)

    def _is_small(self, name: Name, rows_per_table: int) -> bool:
        """Return whether a table has few rows, and no view or trigger can depend on it."""
        if name.schema is not None or not _PLAIN_NAME.fullmatch(name.name):
            return False
        if any(name.name.lower() in text for text in self._dependents):
            return False
        most = self._tables * rows_per_table
        query = _ROWS.format(table=self._dialect.quote_name(name), most=most + 1)
        return bool(self._connection.exec_driver_sql(query).scalar_one() <= most)

    def replaces(self, name: Name, statements: Sequence[str]) -> bool:
        """Return whether a copy of a table shows the same as statements that alter it.

        SQLite must accept the statements on a table of the same definition.
        """
        return self.copies_back(name) and self._are_accepted(name, statements)

    def without_alter(self, name: Name, statements: Sequence[str]) -> Sequence[str]:
        """Return statements with the same effect as those that alter a table, if they are faster.

        Not if there are statistics of tables, which are lost with a table.
        https://www.sqlite.org/lang_analyze.html
        """
        if self._tables < _VERY_MANY_TABLES or not alters_columns(statements):
            return statements
        self._altered += 1
        if self._altered <= _ALWAYS_ALTERED:
            return statements
        if self._has_statistics or not self._is_small(name, _FEW_ROWS_PER_TABLE):
            return statements
        return statements_to_copy(name.name, self._definitions(name), statements) or statements

    def _definitions(self, name: Name) -> list[str]:
        return list(self._connection.exec_driver_sql(DEFINITIONS, (name.name,)).scalars())

    def _are_accepted(self, name: Name, statements: Sequence[str]) -> bool:
        """Run statements in a database that has no other tables; return whether none fails."""
        try:
            with closing(sqlite3.connect(":memory:")) as database:
                for sql in (*self._definitions(name), *statements):
                    database.execute(sql)
        except sqlite3.Error:  # the scratch database then shows the error, if it has it too
            return False
        return True
