"""Estimate how many rows tables have, from the statistics of the server."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from autodiff.schema.objects import Name

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from autodiff.dialects.base import Dialect

__all__ = ["read_row_counts"]

# MySQL caches these values for up to a day, so the hint makes them expire immediately. MariaDB
# ignores the hint. https://dev.mysql.com/doc/refman/en/information-schema-optimization.html
_QUERY = """
SELECT /*+ SET_VAR(information_schema_stats_expiry = 0) */ table_schema, table_name, table_rows
FROM information_schema.tables
WHERE table_type IN ('BASE TABLE', 'SYSTEM VERSIONED') AND table_rows IS NOT NULL
  AND table_schema NOT IN ('information_schema', 'mysql', 'performance_schema', 'sys')
"""
_AT_ONCE = 200


def read_row_counts(connection: Connection, dialect: Dialect) -> dict[Name, int]:
    """Return the estimated number of rows of each table.

    A table is empty only if it was looked at: statistics of 0 can be from before the first rows.
    """
    found = {
        Name(table, None if schema == dialect.default_schema else schema): int(count)
        for schema, table, count in connection.exec_driver_sql(_QUERY)
    }
    doubtful = [name for name, count in found.items() if count == 0]
    filled = set(_with_rows(connection, dialect, doubtful))
    return {name: 1 if name in filled else count for name, count in found.items()}


def _with_rows(connection: Connection, dialect: Dialect, names: list[Name]) -> Iterable[Name]:
    """Yield the tables that have a row."""
    for start in range(0, len(names), _AT_ONCE):
        part = names[start : start + _AT_ONCE]
        query = " UNION ALL ".join(
            f"SELECT {number}, EXISTS (SELECT 1 FROM {dialect.quote_name(name)})"
            for number, name in enumerate(part)
        )
        options = {"no_parameters": True}
        for number, has_rows in connection.exec_driver_sql(query, execution_options=options):
            if has_rows:
                yield part[number]
