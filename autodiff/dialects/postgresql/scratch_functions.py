"""Write the statements that create functions and collations of a database in a scratch."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import sqlalchemy as sa

from autodiff.dialects.postgresql.catalog.conditions import HAS_NO_ROWS, in_no_extension
from autodiff.schema.sqltext import names_in

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["creatable_names", "creating_statements"]

_RELATIONS = f"""(
    SELECT c.oid, c.relname FROM pg_class c WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
    AND {in_no_extension("pg_class", "c.oid")})"""
_OWN_FUNCTIONS = f"""
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE p.prokind <> 'a' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND {in_no_extension("pg_proc", "p.oid")}
  AND (NOT EXISTS (SELECT 1 FROM {_RELATIONS} c WHERE c.relname = p.proname)
       OR {HAS_NO_ROWS.format(relations=_RELATIONS)})
"""
_OWN_COLLATIONS = f"""
FROM pg_collation c JOIN pg_namespace n ON n.oid = c.collnamespace
WHERE n.nspname !~ '^pg_' AND {in_no_extension("pg_collation", "c.oid")}
"""
_NAMES = f"SELECT p.proname || '()' {_OWN_FUNCTIONS} UNION SELECT c.collname {_OWN_COLLATIONS}"
_FUNCTIONS = sa.text(f"""
SELECT p.oid, n.nspname AS schema, pg_get_functiondef(p.oid) AS definition, p.prosrc AS body
{_OWN_FUNCTIONS} AND p.proname || '()' = ANY(:names)
""")
# The column of the locale has another name in each version, so the row is read as JSON.
_COLLATIONS = sa.text(f"""
SELECT c.oid, n.nspname AS schema, format(
         'CREATE COLLATION %I.%I (PROVIDER = %s, %s%s%s)', n.nspname, c.collname,
         CASE c.collprovider WHEN 'c' THEN 'libc' WHEN 'i' THEN 'icu' ELSE 'builtin' END,
         CASE c.collprovider
           WHEN 'c' THEN format('LC_COLLATE = %L, LC_CTYPE = %L', c.collcollate, c.collctype)
           ELSE format('LOCALE = %L', coalesce(to_jsonb(c) ->> 'colllocale',
                                               to_jsonb(c) ->> 'colliculocale', c.collcollate)) END,
         CASE WHEN c.collisdeterministic THEN '' ELSE ', DETERMINISTIC = false' END,
         coalesce(', RULES = ' || quote_literal(to_jsonb(c) ->> 'collicurules'), '')) AS definition,
       '' AS body
{_OWN_COLLATIONS} AND c.collname = ANY(:names)
""")
_WITHOUT_BODIES = "SET check_function_bodies = off"
"""What a function calls, and the tables that it reads, need not exist yet."""


def creatable_names(connection: Connection) -> frozenset[str]:
    """Return the names of the functions, with `()`, and collations that can be created.

    Those of extensions are left out, and so are aggregates, and functions of rows with the name of
    a table: they cannot come before the tables, and `posts (` in SQL is mostly the table.
    """
    return frozenset(connection.exec_driver_sql(_NAMES).scalars())


def creating_statements(connection: Connection, names: Collection[str]) -> list[str]:
    """Return the statements for the functions and collations with the names, in order.

    Functions have `()` after their name. What a function names is created before it. The same is
    left out as in `creatable_names`.
    """
    found: dict[int, str] = {}
    schemas: set[str] = set()
    seen: set[str] = set()
    new = set(names)
    while new:
        seen |= new
        rows = [
            row
            for query in (_COLLATIONS, _FUNCTIONS)
            for row in connection.execute(query, {"names": sorted(new)})
        ]
        found.update({row.oid: row.definition for row in rows})
        schemas |= {row.schema for row in rows}
        texts = [text for row in rows for text in (row.definition, row.body)]
        new = {name for text in texts for name in names_in(text)} - seen
    if not found:
        return []
    quote = connection.dialect.identifier_preparer.quote_identifier
    return [
        *(f"CREATE SCHEMA IF NOT EXISTS {quote(schema)}" for schema in sorted(schemas)),
        _WITHOUT_BODIES,
        # objects were mostly created before those that name them
        *(found[oid] for oid in sorted(found)),
        "RESET check_function_bodies",
    ]
