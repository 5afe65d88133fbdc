"""Read the sizes of tables of PostgreSQL, with their partitions and child tables."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import sqlalchemy as sa

from autodiff.dialects.table_size import TableSize
from autodiff.schema.objects import Name

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["table_sizes"]

# reltuples is -1, and before PostgreSQL 14 it is 0, until the table is analyzed or vacuumed.
# https://www.postgresql.org/docs/current/catalog-pg-class.html
_SIZES = sa.text("""
WITH RECURSIVE members AS (
  SELECT c.oid AS root, c.oid AS member, n.nspname AS schema, c.relname AS name
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'm') AND n.nspname || '.' || c.relname = ANY(:names)
  UNION
  SELECT m.root, i.inhrelid, m.schema, m.name
  FROM members m JOIN pg_inherits i ON i.inhparent = m.member
)
SELECT m.schema, m.name, sum(greatest(c.reltuples, 0))::bigint AS rows,
       sum(pg_total_relation_size(c.oid))::bigint AS bytes
FROM members m JOIN pg_class c ON c.oid = m.member
GROUP BY m.root, m.schema, m.name
""")


def table_sizes(
    connection: Connection, names: Collection[Name], default_schema: str
) -> dict[Name, TableSize]:
    """Return the sizes of the tables that exist."""
    wanted = {(name.schema or default_schema, name.name): name for name in names}
    texts = [f"{schema}.{name}" for schema, name in wanted]
    rows = connection.execute(_SIZES, {"names": texts}).all()
    return {
        wanted[row.schema, row.name]: TableSize(rows=row.rows or None, bytes=row.bytes)
        for row in rows
        if (row.schema, row.name) in wanted
    }
