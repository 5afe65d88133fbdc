"""Find the objects of a PostgreSQL database that are not reflected, and what its views read."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import sqlalchemy as sa

from autodiff.dialects.postgresql.catalog.conditions import in_no_extension
from autodiff.dialects.scope import Scope
from autodiff.dialects.unmanaged import (
    DependentObject,
    DependentView,
    IndexUse,
    UnmanagedObject,
    shown_name,
)
from autodiff.schema.objects import Name

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = [
    "find_dependent_objects",
    "find_dependent_views",
    "find_extension_names",
    "find_extension_objects",
    "find_index_uses",
    "find_tables_named",
    "unmanaged_objects",
]

_UNMANAGED = f"""
SELECT CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view'
                      WHEN 'S' THEN 'sequence' ELSE 'table' END AS kind,
       n.nspname, c.relname AS name, 'belongs to the extension ' || x.extname AS reason
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_depend e ON e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e'
JOIN pg_extension x ON x.oid = e.refobjid
WHERE n.nspname = ANY(:schemas) AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
UNION ALL
SELECT 'table', n.nspname, c.relname, 'a partition of ' || i.inhparent::regclass
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_inherits i ON i.inhrelid = c.oid
WHERE n.nspname = ANY(:schemas) AND c.relispartition AND c.relkind IN ('r', 'p')
UNION ALL
SELECT 'foreign table', n.nspname, c.relname, 'foreign tables are not compared'
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ANY(:schemas) AND c.relkind = 'f'
UNION ALL
SELECT 'trigger', n.nspname, t.tgname || ' on ' || c.relname, 'triggers are not compared'
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ANY(:schemas) AND NOT t.tgisinternal
UNION ALL
SELECT 'policy', n.nspname, p.polname || ' on ' || c.relname, 'policies are not compared'
FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ANY(:schemas)
UNION ALL
SELECT 'domain', n.nspname, t.typname, 'domains are not compared'
FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
WHERE n.nspname = ANY(:schemas) AND t.typtype = 'd'
UNION ALL
SELECT 'composite type', n.nspname, c.relname, 'composite types are not compared'
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ANY(:schemas) AND c.relkind = 'c'
  AND {in_no_extension("pg_type", "c.reltype")}
UNION ALL
SELECT CASE p.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' ELSE 'function' END,
       n.nspname, p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')',
       CASE p.prokind WHEN 'p' THEN 'procedures' WHEN 'a' THEN 'aggregates' ELSE 'functions' END
       || ' are not compared'
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname = ANY(:schemas)
  AND NOT EXISTS (SELECT 1 FROM pg_depend e WHERE e.classid = 'pg_proc'::regclass
                  AND e.objid = p.oid AND e.deptype IN ('e', 'i'))
UNION ALL
SELECT 'rule', n.nspname, r.rulename || ' on ' || c.relname, 'rules are not compared'
FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ANY(:schemas) AND r.rulename <> '_RETURN'
UNION ALL
SELECT 'row level security', n.nspname, 'of ' || c.relname, 'it is not compared'
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ANY(:schemas) AND c.relrowsecurity
UNION ALL
SELECT 'option', n.nspname, o.option || ' of ' || c.relname, 'options of views are not compared'
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL unnest(c.reloptions) AS o (option)
WHERE n.nspname = ANY(:schemas) AND c.relkind IN ('v', 'm')
  AND {in_no_extension("pg_class", "c.oid")}
UNION ALL
SELECT 'default', n.nspname, 'of ' || c.relname || '.' || a.attname,
       'defaults of views are not compared'
FROM pg_attrdef d JOIN pg_class c ON c.oid = d.adrelid AND c.relkind = 'v'
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.adnum
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ANY(:schemas)
UNION ALL
SELECT 'option', n.nspname, o.option || ' of ' || k.conname || ' on ' || c.relname,
       'it is not compared'
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN (VALUES ('NOT ENFORCED', 'conenforced', 'false'), ('WITHOUT OVERLAPS', 'conperiod', 'true'),
             ('PERIOD', 'conperiod', 'true')) AS o (option, field, value)
  ON to_jsonb(k)->>o.field = o.value AND CASE o.option WHEN 'PERIOD' THEN k.contype = 'f'
     WHEN 'WITHOUT OVERLAPS' THEN k.contype <> 'f' ELSE k.conparentid = 0 END
WHERE n.nspname = ANY(:schemas) AND NOT c.relispartition
UNION ALL
SELECT 'owner', n.nspname, 'of ' || s.relname || ': ' || c.relname || '.' || a.attname,
       'OWNED BY is compared only with a default'
FROM pg_depend d JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
JOIN pg_namespace n ON n.oid = s.relnamespace
JOIN pg_class c ON c.oid = d.refobjid
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.refobjsubid
WHERE n.nspname = ANY(:schemas) AND d.classid = 'pg_class'::regclass
  AND d.refclassid = 'pg_class'::regclass AND d.deptype = 'a'
  AND NOT EXISTS (SELECT 1 FROM pg_attrdef f
                  JOIN pg_depend u ON u.classid = 'pg_attrdef'::regclass AND u.objid = f.oid
                  WHERE f.adrelid = c.oid AND f.adnum = a.attnum AND u.refobjid = s.oid)
UNION ALL
SELECT 'statistics', n.nspname, s.stxname || ' on ' || c.relname, 'statistics are not compared'
FROM pg_statistic_ext s JOIN pg_class c ON c.oid = s.stxrelid
JOIN pg_namespace n ON n.oid = s.stxnamespace
WHERE n.nspname = ANY(:schemas)
UNION ALL
SELECT 'range type', n.nspname, t.typname, 'range types are not compared'
FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
WHERE n.nspname = ANY(:schemas) AND t.typtype = 'r'
  AND {in_no_extension("pg_type", "t.oid")}
UNION ALL
SELECT 'comment', NULL, 'on schema ' || n.nspname, 'comments on schemas are not compared'
FROM pg_namespace n
WHERE n.nspname = ANY(:schemas)
  AND obj_description(n.oid, 'pg_namespace') <> 'standard public schema'
UNION ALL
SELECT 'publication', NULL, p.pubname, 'publications are not compared'
FROM pg_publication p
UNION ALL
SELECT 'event trigger', NULL, e.evtname, 'event triggers are not compared'
FROM pg_event_trigger e
UNION ALL
SELECT 'extension', NULL, x.extname, 'extensions are not compared'
FROM pg_extension x
WHERE x.extname <> 'plpgsql'
UNION ALL
SELECT 'schema', NULL, n.nspname, 'no model uses this schema'
FROM pg_namespace n
WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'public')
  AND NOT n.nspname = ANY(:schemas)
"""

_TABLES_NAMED = f"""
SELECT n.nspname AS schema, c.relname AS name
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relname = ANY(:names) AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND {in_no_extension("pg_class", "c.oid")}
ORDER BY 1, 2
"""

_EXTENSION_NAMES = """
SELECT x.extname, array_agg(DISTINCT coalesce(t.typname, o.opcname, p.proname || '()')) AS names
FROM pg_extension x
JOIN pg_depend d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = x.oid
     AND d.deptype = 'e'
LEFT JOIN pg_type t ON d.classid = 'pg_type'::regclass AND t.oid = d.objid
LEFT JOIN pg_opclass o ON d.classid = 'pg_opclass'::regclass AND o.oid = d.objid
LEFT JOIN pg_proc p ON d.classid = 'pg_proc'::regclass AND p.oid = d.objid
WHERE x.extname <> 'plpgsql' AND coalesce(t.oid, o.oid, p.oid) IS NOT NULL
GROUP BY x.extname
"""

_EXTENSION_OBJECTS = """
SELECT n.nspname AS schema, o.name
FROM (SELECT 'pg_class'::regclass AS class, oid, relname AS name, relnamespace AS namespace
      FROM pg_class
      UNION ALL
      SELECT 'pg_type'::regclass, oid, typname, typnamespace FROM pg_type) AS o
JOIN pg_namespace n ON n.oid = o.namespace
JOIN pg_depend e ON e.classid = o.class AND e.objid = o.oid AND e.deptype = 'e'
     AND e.refclassid = 'pg_extension'::regclass
WHERE o.name = ANY(:names) AND n.nspname = ANY(:schemas)
"""

_DEPENDENT_VIEWS = """
SELECT DISTINCT vn.nspname AS view_schema, v.relname AS view, n.nspname AS table_schema,
       c.relname AS table, a.attname AS column
FROM pg_rewrite r
JOIN pg_class v ON v.oid = r.ev_class AND v.relkind IN ('v', 'm')
JOIN pg_namespace vn ON vn.oid = v.relnamespace
JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
     AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> r.ev_class
JOIN pg_class c ON c.oid = d.refobjid
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.refobjsubid AND a.attnum > 0
WHERE vn.nspname !~ '^pg_' AND vn.nspname <> 'information_schema'
ORDER BY 1, 2, 3, 4, 5
"""

_DEPENDENT_OBJECTS = """
SELECT DISTINCT o.kind, o.name, n.nspname AS table_schema, c.relname AS table, a.attname AS column,
       CASE o.kind
         WHEN 'function' THEN format('DROP ROUTINE %s', o.oid::regprocedure)
         ELSE format('DROP %s %I ON %s', upper(o.kind), o.name, o.home::regclass)
       END AS drop_sql,
       CASE o.kind
         WHEN 'trigger' THEN
           (SELECT pg_get_triggerdef(o.oid) FROM pg_trigger t
            WHERE t.oid = o.oid AND t.tgenabled = 'O')
         WHEN 'rule' THEN
           (SELECT pg_get_ruledef(o.oid) FROM pg_rewrite r
            WHERE r.oid = o.oid AND r.ev_enabled = 'O')
         WHEN 'policy' THEN (
           SELECT format('CREATE POLICY %I ON %s', polname, polrelid::regclass)
             || CASE WHEN polpermissive THEN '' ELSE ' AS RESTRICTIVE' END
             || CASE polcmd WHEN 'r' THEN ' FOR SELECT' WHEN 'a' THEN ' FOR INSERT'
                WHEN 'w' THEN ' FOR UPDATE' WHEN 'd' THEN ' FOR DELETE' ELSE '' END
             || coalesce((SELECT ' TO ' || string_agg(quote_ident(rolname), ', ' ORDER BY rolname)
                          FROM pg_roles WHERE pg_roles.oid = ANY(polroles)), '')
             || coalesce(' USING (' || pg_get_expr(polqual, polrelid) || ')', '')
             || coalesce(' WITH CHECK (' || pg_get_expr(polwithcheck, polrelid) || ')', '')
           FROM pg_policy WHERE pg_policy.oid = o.oid)
       END AS create_sql
FROM (SELECT 'policy' AS kind, polname AS name, 'pg_policy'::regclass AS class, oid,
             polrelid AS home FROM pg_policy
      UNION ALL
      SELECT 'trigger', tgname, 'pg_trigger'::regclass, oid, tgrelid FROM pg_trigger
      WHERE NOT tgisinternal
      UNION ALL
      SELECT 'rule', rulename, 'pg_rewrite'::regclass, oid, ev_class FROM pg_rewrite
      WHERE rulename <> '_RETURN'
      UNION ALL
      SELECT 'function', proname, 'pg_proc'::regclass, oid, 0 FROM pg_proc) AS o
JOIN pg_depend d ON d.classid = o.class AND d.objid = o.oid
     AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0
JOIN pg_class c ON c.oid = d.refobjid
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.refobjsubid
ORDER BY 1, 2, 3, 4, 5
"""

_LOST_OBJECTS = """
SELECT 'statistics' AS kind, s.stxname AS name, n.nspname AS table_schema, c.relname AS table,
       a.attname AS column
FROM pg_statistic_ext s
JOIN pg_depend d ON d.classid = 'pg_statistic_ext'::regclass AND d.objid = s.oid
     AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0
JOIN pg_class c ON c.oid = d.refobjid
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.refobjsubid
UNION
SELECT 'grant', g.privilege_type || ' to '
       || CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(g.grantee) END,
       n.nspname, c.relname, a.attname
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
CROSS JOIN LATERAL aclexplode(a.attacl) g
WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
ORDER BY 1, 2, 3, 4, 5
"""

_INDEX_USES = """
SELECT n.nspname AS table_schema, c.relname AS table, i.relname AS name, u.setting,
       array(SELECT a.attname::text FROM pg_attribute a
             WHERE a.attrelid = c.oid AND a.attnum = ANY(x.indkey) ORDER BY a.attnum) AS columns
FROM pg_index x
JOIN pg_class i ON i.oid = x.indexrelid
JOIN pg_class c ON c.oid = x.indrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN (VALUES ('CLUSTER ON'), ('REPLICA IDENTITY USING INDEX')) AS u (setting)
  ON CASE u.setting WHEN 'CLUSTER ON' THEN x.indisclustered ELSE x.indisreplident END
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
ORDER BY 1, 2, 3, 4
"""

_ROUTINES = f"""
SELECT DISTINCT CASE p.prokind WHEN 'p' THEN 'procedure' ELSE 'function' END AS kind,
       n.nspname AS home, p.proname AS name, tn.nspname AS table_schema, c.relname AS table,
       p.prosrc AS body
FROM pg_proc p
JOIN pg_namespace n ON n.oid = p.pronamespace
JOIN pg_language l ON l.oid = p.prolang AND l.lanname IN ('sql', 'plpgsql')
LEFT JOIN pg_trigger t ON t.tgfoid = p.oid AND NOT t.tgisinternal
LEFT JOIN pg_class c ON c.oid = t.tgrelid
LEFT JOIN pg_namespace tn ON tn.oid = c.relnamespace
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND {in_no_extension("pg_proc", "p.oid")}
ORDER BY 1, 2, 3, 4, 5
"""


def _name(name: str, schema: str, default_schema: str) -> Name:
    return Name(name, None if schema == default_schema else schema)


def find_extension_names(connection: Connection) -> dict[str, frozenset[str]]:
    """Return the names of types and operator classes by extension; functions as `name()`."""
    rows = connection.execute(sa.text(_EXTENSION_NAMES))
    return {row.extname: frozenset(row.names) for row in rows}


def find_extension_objects(
    connection: Connection, names: Collection[Name], default_schema: str
) -> frozenset[Name]:
    """Return those of the names whose table, view, sequence or type an extension owns."""
    values = {
        "names": sorted({name.name for name in names}),
        "schemas": sorted({name.schema or default_schema for name in names}),
    }
    rows = connection.execute(sa.text(_EXTENSION_OBJECTS), values)
    owned = {_name(row.name, row.schema, default_schema) for row in rows}
    return frozenset(owned.intersection(names))


def find_tables_named(
    connection: Connection, names: Sequence[str], default_schema: str
) -> list[Name]:
    """Return the tables of all schemas that have one of the names."""
    rows = connection.execute(sa.text(_TABLES_NAMED), {"names": list(names)})
    return [_name(row.name, row.schema, default_schema) for row in rows]


def unmanaged_objects(
    connection: Connection, scope: Scope, default_schema: str
) -> list[UnmanagedObject]:
    """Return extension objects, partitions, triggers and the like in the schemas of the scope.

    Schemas outside of the scope are returned too.
    """
    schemas = [default_schema, *scope.namespaces]
    rows = connection.execute(sa.text(_UNMANAGED), {"schemas": schemas})
    return [
        UnmanagedObject(
            kind=row.kind,
            name=shown_name(row.name, row.nspname, default_schema),
            reason=row.reason,
        )
        for row in rows
    ]


def find_dependent_views(connection: Connection, default_schema: str) -> list[DependentView]:
    """Return the columns that each view of the database reads.

    PostgreSQL refuses to alter or drop them while the view exists.
    https://www.postgresql.org/docs/current/ddl-depend.html
    """
    return [
        DependentView(
            view=_name(row.view, row.view_schema, default_schema),
            table=_name(row.table, row.table_schema, default_schema),
            column=row.column,
        )
        for row in connection.execute(sa.text(_DEPENDENT_VIEWS))
    ]


def find_dependent_objects(connection: Connection, default_schema: str) -> list[DependentObject]:
    """Return the columns that each policy, trigger and rule names, and the text of each routine.

    PostgreSQL refuses to drop the columns, or to give them another type, while the object exists.
    It does not know what the text of a routine names. Statistics over a column and grants on it are
    dropped with it.
    """
    found = [
        DependentObject(
            kind=row.kind,
            name=row.name,
            table=_name(row.table, row.table_schema, default_schema),
            column=row.column,
            is_lost=is_lost,
            drop_sql="" if is_lost else row.drop_sql,
            create_sql="" if is_lost else row.create_sql or "",
        )
        for query, is_lost in ((_DEPENDENT_OBJECTS, False), (_LOST_OBJECTS, True))
        for row in connection.execute(sa.text(query))
    ]
    routines = [
        DependentObject(
            kind=row.kind,
            name=shown_name(row.name, row.home, default_schema),
            table=(
                None if row.table is None else _name(row.table, row.table_schema, default_schema)
            ),
            text=row.body,
        )
        for row in connection.execute(sa.text(_ROUTINES))
    ]
    return [*found, *routines]


def find_index_uses(connection: Connection, default_schema: str) -> list[IndexUse]:
    """Return the indexes that tables are clustered by or that identify rows to replicas.

    https://www.postgresql.org/docs/current/sql-altertable.html
    """
    return [
        IndexUse(
            table=_name(row.table, row.table_schema, default_schema),
            index=row.name,
            columns=tuple(row.columns),
            setting=row.setting,
        )
        for row in connection.execute(sa.text(_INDEX_USES))
    ]
