"""Estimate how many rows tables have, from the statistics of the server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autodiff.schema.objects import Name

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["read_row_counts"]

# The planner scales the density of the last ANALYZE to the current size of the file; n_live_tup
# counts what was written since. A file without pages has no rows. A table that was never analyzed
# has reltuples -1 (0 before PostgreSQL 14). The rows of a table include those of its partitions.
# https://www.postgresql.org/docs/current/row-estimation-examples.html
_QUERY = """
WITH RECURSIVE part (root, oid) AS (
    SELECT c.oid, c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'm') AND n.nspname <> 'information_schema'
      AND n.nspname !~ '^pg_'
  UNION
    SELECT part.root, i.inhrelid FROM part JOIN pg_inherits i ON i.inhparent = part.oid
), size AS (
    SELECT c.oid, CASE
        WHEN c.relkind = 'p' OR pg_relation_size(c.oid) = 0 THEN 0
        WHEN c.relpages > 0 AND c.reltuples >= 0 THEN greatest(
            ceil(c.reltuples / c.relpages
                * (pg_relation_size(c.oid) / current_setting('block_size')::int)),
            s.n_live_tup, 1)
        WHEN s.n_live_tup > 0 THEN s.n_live_tup
    END AS rows
    FROM pg_class c LEFT JOIN pg_stat_all_tables s ON s.relid = c.oid
    WHERE c.oid IN (SELECT oid FROM part)
)
SELECT n.nspname, c.relname, sum(size.rows)::bigint
FROM part JOIN size ON size.oid = part.oid
JOIN pg_class c ON c.oid = part.root JOIN pg_namespace n ON n.oid = c.relnamespace
GROUP BY n.nspname, c.relname
HAVING count(size.rows) = count(*)
"""


def read_row_counts(connection: Connection, default_schema: str) -> dict[Name, int]:
    """Return the estimated number of rows of each table, if the server knows it."""
    return {
        Name(table, None if schema == default_schema else schema): count
        for schema, table, count in connection.exec_driver_sql(_QUERY)
    }
