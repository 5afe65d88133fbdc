"""Conditions that several queries over PostgreSQL's system catalogs share."""

from __future__ import annotations

__all__ = ["HAS_NO_ROWS", "in_no_extension"]

HAS_NO_ROWS = """NOT EXISTS (
    SELECT 1 FROM unnest(p.prorettype || coalesce(p.proallargtypes, p.proargtypes::oid[])) u (oid)
    JOIN pg_type t ON t.oid = u.oid
    LEFT JOIN pg_type i ON i.oid = t.typelem
    JOIN {relations} r ON r.oid = coalesce(nullif(t.typrelid, 0), i.typrelid))"""
"""Whether the function `p` takes and returns no rows of `relations`, a subquery."""


def in_no_extension(catalog: str, oid: str) -> str:
    """Return the condition that an object of a catalog, such as pg_proc, is of no extension."""
    return (
        f"NOT EXISTS (SELECT 1 FROM pg_depend e WHERE e.classid = '{catalog}'::regclass "
        f"AND e.objid = {oid} AND e.deptype = 'e')"
    )
