"""Ask whether a table exists."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["has_table"]

_HAS_TABLE = sa.text("""
SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relname = :name AND n.nspname = coalesce(CAST(:schema AS text), current_schema())
  AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
""")


def has_table(connection: Connection, name: str, schema: str | None) -> bool:
    """Return whether a schema (None: the default one) has a table or view of that name."""
    return connection.execute(_HAS_TABLE, {"name": name, "schema": schema}).first() is not None
