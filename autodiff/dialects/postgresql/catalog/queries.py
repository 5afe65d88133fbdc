"""The queries over PostgreSQL's system catalogs, a fixed number for any number of tables.

The columns of each query have the order of the tuple's fields in `rows`. The query for relations
comes first; the others select by the oids that it returned, so that reading a few of many tables
is fast. Properties of few objects, such as comments, have separate queries instead of joins, and
names that many rows share are returned as oids. Both make the results smaller.

https://www.postgresql.org/docs/current/catalogs.html
"""

from __future__ import annotations

from collections.abc import Collection

__all__ = [
    "COLUMNS",
    "ENUMS",
    "GIVEN_RELATIONS",
    "NAMES",
    "ONLY",
    "REFERRED",
    "RELATIONS",
    "comments_query",
    "constraints_query",
    "indexes_query",
    "related_query",
    "sequences_query",
]

ONLY = " AND c.relname = ANY(:only)"
"""A condition for RELATIONS. It may match a table in another schema: the caller filters names."""

GIVEN_RELATIONS = "CAST(:relations AS oid[])"
"""The oids of the relations that the query for relations has found."""
_OWN = f"""SELECT oid FROM pg_class WHERE relname = ANY(:only)
      UNION SELECT objid FROM pg_depend
      WHERE refclassid = 'pg_class'::regclass AND refobjid = ANY({GIVEN_RELATIONS})
        AND classid = 'pg_class'::regclass"""
"""The oids of the relations that `:only` names, and of the sequences that `:relations` own."""

_OPCLASS = """CASE WHEN n.nspname <> 'pg_catalog' AND NOT pg_opclass_is_visible(o.oid)
            THEN quote_ident(n.nspname) || '.' ELSE '' END || quote_ident(o.opcname)"""
"""The name of an operator class, with its schema if it is needed."""

NAMES = f"""
SELECT 'schema' AS kind, oid, nspname AS name FROM pg_namespace
UNION ALL SELECT 'method', oid, amname FROM pg_am
UNION ALL SELECT 'tablespace', oid, spcname FROM pg_tablespace
UNION ALL SELECT 'collation', oid, collname FROM pg_collation
UNION ALL SELECT 'collation schema', c.oid, nspname FROM pg_collation c
          JOIN pg_namespace n ON n.oid = collnamespace
          WHERE nspname <> 'pg_catalog' AND NOT pg_collation_is_visible(c.oid)
UNION ALL SELECT 'opclass', o.oid, {_OPCLASS} FROM pg_opclass o
          JOIN pg_namespace n ON n.oid = o.opcnamespace WHERE NOT o.opcdefault
UNION ALL SELECT 'typcollation', oid, typcollation::text FROM pg_type
          WHERE typcollation NOT IN (0, 100)
"""

RELATIONS = """
SELECT c.oid, n.nspname, c.relname, c.relkind::text, c.relpersistence::text, c.reloptions,
       c.relam, c.reltablespace,
       CASE WHEN c.relkind = 'p' THEN pg_get_partkeydef(c.oid) END,
       CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ANY(:schemas){only} AND c.relkind IN ('r', 'p', 'v', 'm') AND NOT c.relispartition
  AND c.oid NOT IN (
      SELECT e.objid FROM pg_depend e
      WHERE e.refclassid = 'pg_extension'::regclass AND e.classid = 'pg_class'::regclass
        AND e.deptype = 'e')
ORDER BY n.nspname, c.relname
"""

_PARENTS = f"""
SELECT 'parent' AS kind, r.oid, n.nspname, c.relname, i.inhseqno AS place
FROM unnest({GIVEN_RELATIONS}) AS r(oid)
JOIN pg_inherits i ON i.inhrelid = r.oid
JOIN pg_class c ON c.oid = i.inhparent
JOIN pg_namespace n ON n.oid = c.relnamespace
"""
_PARTITIONS = f"""
SELECT 'partition' AS kind, r.oid, n.nspname, c.relname, 0 AS place
FROM unnest({GIVEN_RELATIONS}) AS r(oid)
JOIN pg_partitioned_table p ON p.partrelid = r.oid
CROSS JOIN pg_partition_tree(r.oid) AS t
JOIN pg_class c ON c.oid = t.relid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE t.level > 0
"""
_READ = f"""
SELECT DISTINCT 'read' AS kind, r.oid, n.nspname, c.relname, 0 AS place
FROM unnest({GIVEN_RELATIONS}) AS r(oid)
JOIN pg_class v ON v.oid = r.oid AND v.relkind IN ('v', 'm')
JOIN pg_rewrite w ON w.ev_class = v.oid
JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
     AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> r.oid
JOIN pg_class c ON c.oid = d.refobjid
JOIN pg_namespace n ON n.oid = c.relnamespace
"""

COLUMNS = f"""
SELECT a.attrelid, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.atttypid,
       a.attnotnull, a.attcollation,
       pg_get_expr(ad.adbin, CASE WHEN a.attgenerated <> '' THEN a.attrelid ELSE 0 END),
       CASE WHEN a.attidentity <> '' THEN a.attidentity::text
            WHEN a.attgenerated <> '' THEN a.attgenerated::text END
FROM pg_attribute a
LEFT JOIN pg_attrdef ad ON a.atthasdef AND ad.adrelid = a.attrelid AND ad.adnum = a.attnum
WHERE a.attrelid = ANY({GIVEN_RELATIONS}) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum
"""

_CONSTRAINTS = f"""
SELECT con.oid, con.conrelid, con.conname, con.contype::text, con.conkey, con.conindid,
       con.condeferrable, con.condeferred, con.connoinherit, con.convalidated,
       con.confrelid, con.confkey, con.confupdtype::text, con.confdeltype::text,
       con.confmatchtype::text,
       CASE con.contype WHEN 'c' THEN pg_get_expr(con.conbin, con.conrelid, true)
                        WHEN 'x' THEN pg_get_constraintdef(con.oid, true)
                        WHEN 'f' THEN {{delete_columns}}
       END
FROM pg_constraint con
WHERE con.conrelid = ANY({GIVEN_RELATIONS})
  AND con.contype IN ('p', 'u', 'c', 'f', 'x') AND con.conparentid = 0
ORDER BY con.conrelid, con.conname
"""

_DELETE_COLUMNS = """CASE WHEN con.confdelsetcols IS NOT NULL THEN
         (SELECT string_agg(quote_ident(da.attname), ', ' ORDER BY da.attnum) FROM pg_attribute da
          WHERE da.attrelid = con.conrelid AND da.attnum = ANY(con.confdelsetcols))
         END"""

REFERRED = """
SELECT c.oid, n.nspname, c.relname, a.attnum, a.attname
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
WHERE c.oid = ANY(CAST(:tables AS oid[]))
"""

_INDEXES = f"""
SELECT i.indexrelid, i.indrelid, ic.relname, i.indisunique, i.indnkeyatts, i.indnatts,
       i.indkey::text, i.indoption::text, i.indclass::text, i.indcollation::text,
       {{nulls_not_distinct}}, ic.relam, ic.reltablespace, ic.reloptions,
       pg_get_expr(i.indpred, i.indrelid, true),
       CASE WHEN i.indexprs IS NOT NULL THEN
         ARRAY(SELECT pg_get_indexdef(i.indexrelid, k.place::int, false)
               FROM unnest(i.indkey) WITH ORDINALITY AS k(number, place)
               WHERE k.place <= i.indnkeyatts ORDER BY k.place)
       END,
       CASE WHEN i.indexprs IS NOT NULL THEN pg_get_indexdef(i.indexrelid) END
FROM pg_index i
JOIN pg_class ic ON ic.oid = i.indexrelid
WHERE i.indrelid = ANY({GIVEN_RELATIONS}) AND (i.indisvalid OR ic.relkind = 'I')
ORDER BY i.indrelid, ic.relname
"""

_COMMENTS = f"""
SELECT 'class' AS kind, d.objoid, d.objsubid, d.description
FROM pg_description d
JOIN pg_class c ON c.oid = d.objoid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE d.classoid = 'pg_class'::regclass AND n.nspname = ANY(:schemas){{classes}}
UNION ALL
SELECT 'constraint', d.objoid, 0, d.description
FROM pg_description d
JOIN pg_constraint con ON con.oid = d.objoid
JOIN pg_namespace n ON n.oid = con.connamespace
WHERE d.classoid = 'pg_constraint'::regclass AND n.nspname = ANY(:schemas){{constraints}}
UNION ALL
SELECT 'opclass', a.attrelid, a.attnum,
       {_OPCLASS} || '(' ||
       array_to_string(ARRAY(SELECT unnest(a.attoptions) ORDER BY 1), ', ') || ')'
FROM pg_attribute a
JOIN pg_index i ON i.indexrelid = a.attrelid
JOIN pg_opclass o ON o.oid = i.indclass[a.attnum - 1]
JOIN pg_namespace n ON n.oid = o.opcnamespace
WHERE a.attoptions IS NOT NULL{{indexes}}
"""

_ONLY_COMMENTS = {
    "classes": f"""
  AND d.objoid IN ({_OWN}
      UNION SELECT indexrelid FROM pg_index WHERE indrelid = ANY({GIVEN_RELATIONS}))""",
    "constraints": f" AND con.conrelid = ANY({GIVEN_RELATIONS})",
    "indexes": f" AND i.indrelid = ANY({GIVEN_RELATIONS})",
}
"""Conditions for the comments of some relations and what belongs to them."""

ENUMS = """
SELECT t.oid, n.nspname, t.typname, t.typarray, d.description,
       array_agg(e.enumlabel ORDER BY e.enumsortorder),
       EXISTS (SELECT 1 FROM pg_depend x WHERE x.classid = 'pg_type'::regclass
               AND x.objid = t.oid AND x.deptype = 'e'),
       ARRAY(SELECT c.oid::bigint FROM pg_depend x
             JOIN pg_class c ON c.oid = x.objid AND c.relkind IN ('r', 'p', 'f', 'c')
             WHERE x.refclassid = 'pg_type'::regclass AND x.refobjid IN (t.oid, t.typarray)
               AND x.classid = 'pg_class'::regclass AND x.objsubid > 0 AND NOT c.relispartition)
FROM pg_type t
JOIN pg_namespace n ON n.oid = t.typnamespace
JOIN pg_enum e ON e.enumtypid = t.oid
LEFT JOIN pg_description d ON d.objoid = t.oid AND d.classoid = 'pg_type'::regclass
GROUP BY t.oid, t.typarray, n.nspname, t.typname, d.description
ORDER BY n.nspname, t.typname
"""

_SEQUENCES = """
SELECT c.oid, n.nspname, c.relname, format_type(s.seqtypid, NULL), s.seqstart, s.seqincrement,
       s.seqmin, s.seqmax, s.seqcache, s.seqcycle, own.refobjid, own.refobjsubid,
       own.deptype::text,
       c.oid IN (SELECT e.objid FROM pg_depend e
                 WHERE e.refclassid = 'pg_extension'::regclass
                   AND e.classid = 'pg_class'::regclass AND e.deptype = 'e')
FROM pg_sequence s
JOIN pg_class c ON c.oid = s.seqrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_depend own ON own.classid = 'pg_class'::regclass AND own.objid = c.oid
      AND own.refclassid = 'pg_class'::regclass AND own.deptype IN ('a', 'i')
WHERE n.nspname = ANY(:schemas){only}
ORDER BY n.nspname, c.relname
"""


def comments_query(*, limited: bool = False) -> str:
    """Return the query for comments, and for operator classes with parameters.

    limited: whether to read only those of `:relations`, instead of those of `:schemas`.
    """
    only = _ONLY_COMMENTS if limited else dict.fromkeys(_ONLY_COMMENTS, "")
    return _COMMENTS.format(**only)


def related_query(kinds: Collection[str] = ("r", "p", "v", "m")) -> str:
    """Return the query for parents and partitions of tables, and for what views read.

    kinds: the kinds of the relations. The server takes longer to plan the whole query than to run
    it.
    """
    parts = [_PARENTS]
    if "p" in kinds:
        parts.append(_PARTITIONS)
    if not {"v", "m"}.isdisjoint(kinds):
        parts.append(_READ)
    return "UNION ALL".join(parts) + "ORDER BY 1, 2, 5, 3, 4"


def sequences_query(*, limited: bool = False) -> str:
    """Return the query for sequences.

    limited: whether to read only those that `:relations` own, and those with a name in `:only`.
    """
    return _SEQUENCES.format(only=f" AND s.seqrelid IN ({_OWN})" if limited else "")


def constraints_query(since_15: bool) -> str:
    """Return the query for constraints.

    Before PostgreSQL 15, ON DELETE SET NULL has no list of columns: it sets all of them.
    https://www.postgresql.org/docs/release/15.0/
    """
    return _CONSTRAINTS.format(delete_columns=_DELETE_COLUMNS if since_15 else "NULL")


def indexes_query(since_15: bool) -> str:
    """Return the query for indexes. Before PostgreSQL 15, NULLs are always distinct.

    An index that a failed CREATE INDEX CONCURRENTLY left behind is omitted: it is not valid. An
    index of a partitioned table is not valid either until all partitions have it, but is read.
    https://www.postgresql.org/docs/release/15.0/
    """
    nulls_not_distinct = "i.indnullsnotdistinct" if since_15 else "false"
    return _INDEXES.format(nulls_not_distinct=nulls_not_distinct)
