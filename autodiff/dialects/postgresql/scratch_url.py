"""A PostgreSQL database that is borrowed as a scratch: what is in it, and emptying it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import sqlalchemy as sa

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["claim", "clear", "contents", "identity"]

_LOCK = 4_722_819_305_117_884
"""Any number that no other program locks; advisory locks are those of one database."""
_SECONDS = 20.0
_IDENTITY = """
SELECT concat_ws(' ', pg_postmaster_start_time(), oid) FROM pg_database
WHERE datname = current_database()
"""
_OWNED = """
SELECT 1 FROM pg_depend e
WHERE e.classid = '{catalog}'::regclass AND e.objid = {oid} AND e.deptype = 'e'
"""
_CONTENTS = f"""
SELECT kind, name, target, place FROM (
  SELECT CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view'
                        WHEN 'S' THEN 'sequence' WHEN 'f' THEN 'foreign table'
                        ELSE 'table' END AS kind,
         c.relnamespace AS namespace, c.relname AS name,
         format('%I.%I', n.nspname, c.relname) AS target,
         CASE WHEN c.relkind = 'S' THEN 2 ELSE 1 END AS place
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND NOT c.relispartition
    AND NOT EXISTS ({_OWNED.format(catalog="pg_class", oid="c.oid")})
    AND NOT EXISTS (SELECT 1 FROM pg_depend i WHERE i.classid = 'pg_class'::regclass
                    AND i.objid = c.oid AND i.deptype IN ('a', 'i') AND c.relkind = 'S')
  UNION ALL
  SELECT 'routine', p.pronamespace, p.proname, p.oid::regprocedure::text, 3
  FROM pg_proc p
  WHERE NOT EXISTS ({_OWNED.format(catalog="pg_proc", oid="p.oid")})
  UNION ALL
  SELECT CASE t.typtype WHEN 'd' THEN 'domain' ELSE 'type' END, t.typnamespace, t.typname,
         format('%I.%I', n.nspname, t.typname), 4
  FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
  LEFT JOIN pg_class c ON c.oid = t.typrelid
  WHERE (t.typtype IN ('d', 'e', 'r') OR (t.typtype = 'c' AND c.relkind = 'c'))
    AND NOT EXISTS ({_OWNED.format(catalog="pg_type", oid="t.oid")})
) found JOIN pg_namespace s ON s.oid = found.namespace
WHERE s.nspname !~ '^pg_' AND s.nspname <> 'information_schema'
ORDER BY place, kind, s.nspname, name
"""
_NAMESPACES = """
SELECT n.nspname FROM pg_namespace n
WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'public')
  AND NOT EXISTS (SELECT 1 FROM pg_extension e WHERE e.extnamespace = n.oid)
ORDER BY n.nspname
"""


def identity(connection: Connection) -> str:
    """The start of the server and the number of the database."""
    return str(connection.exec_driver_sql(_IDENTITY).scalar_one())


def claim(connection: Connection) -> bool:
    """Takes the lock that goes with the connection; waits a little for another run."""
    until = time.monotonic() + _SECONDS
    while True:
        taken = bool(connection.exec_driver_sql(f"SELECT pg_try_advisory_lock({_LOCK})").scalar())
        connection.commit()
        if taken or time.monotonic() > until:
            return taken
        time.sleep(0.2)


def contents(connection: Connection) -> list[str]:
    """Relations, routines and types of all schemas, and schemas, without those of extensions."""
    public = connection.dialect.default_schema_name
    found = [
        f"{row.kind} {row.target.removeprefix(f'{public}.')}"
        for row in connection.execute(sa.text(_CONTENTS))
    ]
    found += [f"schema {name}" for name in connection.execute(sa.text(_NAMESPACES)).scalars()]
    connection.rollback()
    return found


def clear(connection: Connection) -> None:
    """Drops them; extensions stay."""
    quote = connection.dialect.identifier_preparer.quote
    for row in connection.execute(sa.text(_CONTENTS)).all():
        # Dropping one may have taken others along:
        word = {"routine": "ROUTINE"}.get(row.kind, row.kind.upper())
        sql = f"DROP {word} IF EXISTS {row.target} CASCADE"
        connection.exec_driver_sql(sql, execution_options={"no_parameters": True})
    for name in connection.execute(sa.text(_NAMESPACES)).scalars().all():
        connection.exec_driver_sql(f"DROP SCHEMA IF EXISTS {quote(name)} CASCADE")
    connection.commit()
