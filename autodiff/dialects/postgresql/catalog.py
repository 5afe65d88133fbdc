"""The queries over PostgreSQL's catalogue: a fixed number, whatever the number of tables.

https://www.postgresql.org/docs/current/catalogs.html
"""

from __future__ import annotations

__all__ = [
    "COLLATIONS",
    "COLUMNS",
    "CONSTRAINTS",
    "ENUMS",
    "INDEXES",
    "ONLY",
    "OPCLASSES",
    "RELATIONS",
    "SEQUENCES",
    "VIEW_READS",
]

RELATIONS = """
SELECT c.oid, n.nspname, c.relname, c.relkind::text AS relkind, c.relpersistence::text AS
       relpersistence, c.reloptions, d.description, am.amname, ts.spcname,
       CASE WHEN c.relkind = 'p' THEN pg_get_partkeydef(c.oid) END AS partition_by,
       CASE WHEN c.relkind <> 'p' THEN
         (SELECT json_agg(json_build_array(pn.nspname, pc.relname) ORDER BY i.inhseqno)
          FROM pg_inherits i
          JOIN pg_class pc ON pc.oid = i.inhparent JOIN pg_namespace pn ON pn.oid = pc.relnamespace
          WHERE i.inhrelid = c.oid)
       END AS parents,
       CASE WHEN c.relkind = 'p' THEN
         (SELECT json_agg(json_build_array(pn.nspname, pc.relname)
                          ORDER BY pn.nspname, pc.relname)
          FROM pg_partition_tree(c.oid) t
          JOIN pg_class pc ON pc.oid = t.relid JOIN pg_namespace pn ON pn.oid = pc.relnamespace
          WHERE t.level > 0)
       END AS partitions,
       CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END AS definition
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_am am ON am.oid = c.relam
LEFT JOIN pg_tablespace ts ON ts.oid = c.reltablespace
LEFT JOIN pg_description d
       ON d.objoid = c.oid AND d.classoid = 'pg_class'::regclass AND d.objsubid = 0
WHERE n.nspname = ANY(:schemas){only} AND c.relkind IN ('r', 'p', 'v', 'm') AND NOT c.relispartition
  AND NOT EXISTS (
      SELECT 1 FROM pg_depend e
      WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')
ORDER BY n.nspname, c.relname
"""

COLUMNS = """
SELECT a.attrelid, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod) AS type,
       a.attnotnull,
       CASE WHEN a.atthasdef THEN
         (SELECT pg_get_expr(ad.adbin, ad.adrelid) FROM pg_attrdef ad
          WHERE ad.adrelid = a.attrelid AND ad.adnum = a.attnum)
       END AS expression,
       a.attidentity::text AS attidentity, a.attgenerated::text AS attgenerated,
       a.attcollation, t.typcollation, d.description,
       CASE WHEN t.typtype = 'e' THEN t.oid WHEN et.typtype = 'e' THEN et.oid END AS enum_oid
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_type et ON et.oid = t.typelem AND t.typcategory = 'A'
LEFT JOIN pg_description d
       ON d.objoid = a.attrelid AND d.classoid = 'pg_class'::regclass AND d.objsubid = a.attnum
WHERE n.nspname = ANY(:schemas){only} AND c.relkind IN ('r', 'p', 'm') AND NOT c.relispartition
  AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum
"""

CONSTRAINTS = """
SELECT con.oid, con.conrelid, con.conname, con.contype::text AS contype, con.conkey,
       con.condeferrable, con.condeferred, con.connoinherit, con.convalidated, con.conindid,
       con.confupdtype::text AS confupdtype, con.confdeltype::text AS confdeltype,
       con.confmatchtype::text AS confmatchtype, fn.nspname AS referred_schema,
       fc.relname AS referred_table,
       CASE WHEN con.contype = 'f' THEN
         (SELECT array_agg(fa.attname ORDER BY k.place)
          FROM unnest(con.confkey) WITH ORDINALITY AS k(attnum, place)
          JOIN pg_attribute fa ON fa.attrelid = con.confrelid AND fa.attnum = k.attnum)
       END AS referred_columns,
       CASE con.contype WHEN 'c' THEN pg_get_expr(con.conbin, con.conrelid, true)
                        WHEN 'x' THEN pg_get_constraintdef(con.oid, true)
                        WHEN 'f' THEN {delete_columns}
       END AS definition,
       d.description
FROM pg_constraint con
JOIN pg_class c ON c.oid = con.conrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_class fc ON fc.oid = con.confrelid
LEFT JOIN pg_namespace fn ON fn.oid = fc.relnamespace
LEFT JOIN pg_description d
       ON d.objoid = con.oid AND d.classoid = 'pg_constraint'::regclass
WHERE n.nspname = ANY(:schemas){only} AND con.contype IN ('p', 'u', 'c', 'f', 'x')
  AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND con.conparentid = 0
ORDER BY con.conrelid, con.conname
"""

ONLY = " AND c.relname = ANY(:only)"

DELETE_COLUMNS = """
         (SELECT string_agg(quote_ident(da.attname), ', ' ORDER BY da.attnum)
          FROM unnest(con.confdelsetcols) AS k(attnum)
          JOIN pg_attribute da ON da.attrelid = con.conrelid AND da.attnum = k.attnum)
"""

INDEXES = """
SELECT i.indexrelid, i.indrelid, ic.relname, i.indisunique, i.indnkeyatts,
       i.indkey::text AS indkey, i.indoption::text AS indoption, i.indclass::text AS indclass,
       i.indcollation::text AS indcollation, {nulls_not_distinct} AS nulls_not_distinct,
       am.amname, pg_get_expr(i.indpred, i.indrelid, true) AS predicate,
       CASE WHEN i.indexprs IS NOT NULL THEN
         (SELECT array_agg(pg_get_indexdef(i.indexrelid, k::int, false) ORDER BY k)
          FROM generate_series(1, i.indnkeyatts::int) AS k)
       END AS definitions,
       CASE WHEN i.indexprs IS NOT NULL THEN pg_get_indexdef(i.indexrelid) END AS definition,
       ic.reloptions, ts.spcname, d.description
FROM pg_index i
JOIN pg_class ic ON ic.oid = i.indexrelid
JOIN pg_class c ON c.oid = i.indrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_am am ON am.oid = ic.relam
LEFT JOIN pg_tablespace ts ON ts.oid = ic.reltablespace
LEFT JOIN pg_description d
       ON d.objoid = i.indexrelid AND d.classoid = 'pg_class'::regclass AND d.objsubid = 0
WHERE n.nspname = ANY(:schemas){only} AND c.relkind IN ('r', 'p', 'm') AND NOT c.relispartition
  AND (i.indisvalid OR ic.relkind = 'I')
ORDER BY i.indrelid, ic.relname
"""

ENUMS = """
SELECT t.oid, n.nspname, t.typname, d.description,
       array_agg(e.enumlabel ORDER BY e.enumsortorder) AS labels,
       EXISTS (SELECT 1 FROM pg_depend x WHERE x.classid = 'pg_type'::regclass
               AND x.objid = t.oid AND x.deptype = 'e') AS in_extension,
       ARRAY(SELECT a.attrelid FROM pg_attribute a
             JOIN pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p', 'f', 'c')
             WHERE a.atttypid IN (t.oid, t.typarray) AND a.attnum > 0 AND NOT a.attisdropped
               AND NOT c.relispartition) AS used_in
FROM pg_type t
JOIN pg_namespace n ON n.oid = t.typnamespace
JOIN pg_enum e ON e.enumtypid = t.oid
LEFT JOIN pg_description d ON d.objoid = t.oid AND d.classoid = 'pg_type'::regclass
GROUP BY t.oid, t.typarray, n.nspname, t.typname, d.description
ORDER BY n.nspname, t.typname
"""

SEQUENCES = """
SELECT c.oid, n.nspname, c.relname, format_type(s.seqtypid, NULL) AS type, s.seqstart,
       s.seqincrement, s.seqmin, s.seqmax, s.seqcache, s.seqcycle, own.refobjid AS table_oid,
       own.refobjsubid AS attnum, own.deptype::text AS deptype, d.description,
       EXISTS (SELECT 1 FROM pg_depend x WHERE x.classid = 'pg_class'::regclass
               AND x.objid = c.oid AND x.deptype = 'e') AS in_extension
FROM pg_sequence s
JOIN pg_class c ON c.oid = s.seqrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_depend own ON own.classid = 'pg_class'::regclass AND own.objid = c.oid
      AND own.refclassid = 'pg_class'::regclass AND own.deptype IN ('a', 'i')
LEFT JOIN pg_description d
       ON d.objoid = c.oid AND d.classoid = 'pg_class'::regclass AND d.objsubid = 0
WHERE n.nspname = ANY(:schemas)
ORDER BY n.nspname, c.relname
"""

VIEW_READS = """
SELECT DISTINCT r.ev_class AS view_oid, n.nspname, c.relname
FROM pg_rewrite r
JOIN pg_class v ON v.oid = r.ev_class AND v.relkind IN ('v', 'm')
JOIN pg_namespace vn ON vn.oid = v.relnamespace
JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
     AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> r.ev_class
JOIN pg_class c ON c.oid = d.refobjid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE vn.nspname = ANY(:schemas)
ORDER BY 1, 2, 3
"""

OPCLASSES = "SELECT oid, opcname, opcdefault FROM pg_opclass"

COLLATIONS = "SELECT oid, collname FROM pg_collation"
