"""Count the rows of tables up to a limit: SQLite keeps no statistics without ANALYZE."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autodiff.schema.objects import Name

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from autodiff.dialects.base import Dialect

__all__ = ["read_row_counts"]

_TABLES = """
SELECT name FROM sqlite_master
WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND sql NOT LIKE 'CREATE VIRTUAL%'
"""
_AT_ONCE = 200
"""SQLite allows 500 parts of a UNION. https://www.sqlite.org/limits.html"""


def read_row_counts(connection: Connection, dialect: Dialect, most: int) -> dict[Name, int]:
    """Return the number of rows of each table; a larger number than `most` is `most` + 1."""
    names = [Name(name) for name in connection.exec_driver_sql(_TABLES).scalars()]
    found: dict[Name, int] = {}
    for start in range(0, len(names), _AT_ONCE):
        part = names[start : start + _AT_ONCE]
        query = " UNION ALL ".join(
            f"SELECT {number}, (SELECT count(*) FROM (SELECT 1 FROM {dialect.quote_name(name)} "
            f"LIMIT {most + 1}))"
            for number, name in enumerate(part)
        )
        found.update((part[number], count) for number, count in connection.exec_driver_sql(query))
    return found
