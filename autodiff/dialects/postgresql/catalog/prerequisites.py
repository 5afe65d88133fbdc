"""Find the unmanaged objects of PostgreSQL that tables and views need, with the SQL for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from autodiff.dialects.postgresql.catalog.conditions import HAS_NO_ROWS, in_no_extension
from autodiff.dialects.scope import Scope
from autodiff.dialects.unmanaged import Prerequisite, shown_name

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["DOMAIN_DEFINITION", "find_prerequisites"]

DOMAIN_DEFINITION = """concat_ws(' ', format_type(t.typbasetype, t.typtypmod),
       (SELECT format('COLLATE %I', l.collname) FROM pg_collation l
        JOIN pg_type b ON b.oid = t.typbasetype
        WHERE l.oid = t.typcollation AND t.typcollation <> b.typcollation),
       'DEFAULT ' || t.typdefault, CASE WHEN t.typnotnull THEN 'NOT NULL' END,
       (SELECT string_agg({constraint}, ' ' ORDER BY 1)
        FROM pg_constraint c WHERE c.contypid = t.oid AND c.contype = 'c'))"""
"""The definition of the domain `t`, after CREATE DOMAIN ... AS."""

_NAMED = "format('CONSTRAINT %I %s', c.conname, pg_get_constraintdef(c.oid, true))"

_PREREQUISITES = f"""
WITH RECURSIVE relations AS (
  SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = ANY(:schemas) AND c.relkind IN ('r', 'p', 'v', 'm')
    AND {in_no_extension("pg_class", "c.oid")}
), edges AS (
  SELECT classid, objid, refclassid, refobjid FROM pg_depend WHERE refobjid >= 16384
  UNION ALL
  SELECT refclassid, refobjid, classid, objid FROM pg_depend
  WHERE refobjid >= 16384 AND deptype IN ('a', 'i')
    AND (classid IN ('pg_attrdef'::regclass, 'pg_constraint'::regclass)
         OR classid = 'pg_class'::regclass
            AND (SELECT relkind IN ('i', 'I') FROM pg_class WHERE oid = objid)
         OR classid = 'pg_rewrite'::regclass
            AND (SELECT rulename = '_RETURN' FROM pg_rewrite WHERE oid = objid))
), needed (classid, objid) AS (
  SELECT 'pg_class'::regclass::oid, oid FROM relations
  UNION
  SELECT e.refclassid, e.refobjid FROM edges e JOIN needed USING (classid, objid)
), owned AS (
  SELECT classid, objid FROM pg_depend
  WHERE deptype = 'e' OR (classid = 'pg_proc'::regclass AND deptype = 'i')
), wanted AS (
  SELECT * FROM needed EXCEPT SELECT * FROM owned
)
SELECT DISTINCT 0 AS place, n.oid, 'schema' AS kind, NULL AS nspname, n.nspname AS name,
       format('CREATE SCHEMA IF NOT EXISTS %I', n.nspname) AS sql, '' AS reverse_sql
FROM wanted JOIN pg_extension x ON x.oid = objid AND classid = 'pg_extension'::regclass
JOIN pg_namespace n ON n.oid = x.extnamespace
WHERE n.nspname NOT IN ('pg_catalog', 'public') AND NOT n.nspname = ANY(:schemas)
UNION ALL
SELECT 1, x.oid, 'extension', NULL, x.extname,
       format('CREATE EXTENSION IF NOT EXISTS %I SCHEMA %I', x.extname, n.nspname), ''
FROM wanted JOIN pg_extension x ON x.oid = objid AND classid = 'pg_extension'::regclass
JOIN pg_namespace n ON n.oid = x.extnamespace
WHERE x.extname <> 'plpgsql'
UNION ALL
SELECT 2, t.oid, 'domain', n.nspname, t.typname,
       format('CREATE DOMAIN %s AS %s', t.oid::regtype,
              {DOMAIN_DEFINITION.format(constraint=_NAMED)}),
       format('DROP DOMAIN %s', t.oid::regtype)
FROM wanted JOIN pg_type t ON t.oid = objid AND classid = 'pg_type'::regclass
JOIN pg_namespace n ON n.oid = t.typnamespace
WHERE t.typtype = 'd'
UNION ALL
SELECT 2, t.oid, 'composite type', n.nspname, t.typname,
       format('CREATE TYPE %s AS (%s)', t.oid::regtype,
              (SELECT string_agg(concat_ws(' ', quote_ident(a.attname),
                                 format_type(a.atttypid, a.atttypmod),
                                 (SELECT format('COLLATE %s', l.oid::regcollation)
                                  FROM pg_collation l JOIN pg_type b ON b.oid = a.atttypid
                                  WHERE l.oid = a.attcollation
                                    AND a.attcollation <> b.typcollation)),
                                 ', ' ORDER BY a.attnum)
               FROM pg_attribute a
               WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)),
       format('DROP TYPE %s', t.oid::regtype)
FROM wanted JOIN pg_type t ON t.oid = objid AND classid = 'pg_type'::regclass
JOIN pg_class c ON c.oid = t.typrelid AND c.relkind = 'c'
JOIN pg_namespace n ON n.oid = t.typnamespace
UNION ALL
SELECT 2, p.oid, CASE p.prokind WHEN 'a' THEN 'aggregate' ELSE 'function' END, n.nspname,
       p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')',
       CASE p.prokind WHEN 'a' THEN format('CREATE AGGREGATE %I.%I(%s) (%s)', n.nspname, p.proname,
         pg_get_function_arguments(p.oid), concat_ws(', ', 'SFUNC = ' || a.aggtransfn::regproc,
           'STYPE = ' || format_type(a.aggtranstype, NULL),
           CASE WHEN a.aggfinalfn <> 0 THEN 'FINALFUNC = ' || a.aggfinalfn::regproc END,
           CASE WHEN a.aggfinalextra THEN 'FINALFUNC_EXTRA' END,
           CASE WHEN a.aggcombinefn <> 0 THEN 'COMBINEFUNC = ' || a.aggcombinefn::regproc END,
           'INITCOND = ' || quote_literal(a.agginitval),
           CASE p.proparallel WHEN 's' THEN 'PARALLEL = SAFE'
                              WHEN 'r' THEN 'PARALLEL = RESTRICTED' END))
       ELSE pg_get_functiondef(p.oid) END,
       format('DROP %s %s', CASE p.prokind WHEN 'a' THEN 'AGGREGATE' ELSE 'FUNCTION' END,
              p.oid::regprocedure)
FROM wanted JOIN pg_proc p ON p.oid = objid AND classid = 'pg_proc'::regclass
JOIN pg_namespace n ON n.oid = p.pronamespace
LEFT JOIN pg_aggregate a ON a.aggfnoid = p.oid
WHERE p.prokind IN ('f', 'a')
  AND (a.aggfnoid IS NULL OR (a.aggkind = 'n' AND a.aggmtransfn = 0 AND a.aggsortop = 0))
  AND {HAS_NO_ROWS.format(relations="relations")}
ORDER BY 1, 2
"""
# An object is created after those that it needs, so it has a larger number.


def find_prerequisites(
    connection: Connection, scope: Scope, default_schema: str
) -> list[Prerequisite]:
    """Return the extensions, types and functions that the tables and views of the scope need.

    Functions that take or return rows of a table are left out: they cannot come before it.
    """
    schemas = [default_schema, *scope.namespaces]
    rows = connection.execute(sa.text(_PREREQUISITES), {"schemas": schemas})
    return [
        Prerequisite(
            kind=row.kind,
            name=shown_name(row.name, row.nspname, default_schema),
            sql=row.sql.strip(),
            reverse_sql=row.reverse_sql,
        )
        for row in rows
    ]
