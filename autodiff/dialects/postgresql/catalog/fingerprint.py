"""Let PostgreSQL compute a fingerprint of everything in its catalogs that a comparison reads.

The rows of the queries that reflect a schema are hashed instead of sent. Two of these queries spell
a type and an expression for each column and index, which takes most of their time. Instead of the
spelling, the rows of the catalogs are hashed, with the transaction that wrote them (xmin), and all
that can change a spelling: the names of schemas, relations, types, functions, operators and the
like, and the settings.

What else can change the result of a comparison is hashed too:

- every setting, such as the time zone and the search path
- the functions, types and operators of the database: creating a desired table on a scratch uses
  them
- which objects belong to an extension, and what the user may do
- the rows of the tables in which the project records its migrations

The oid and xmin of a catalog row change with each ALTER, so that a fingerprint does not come back
when a change is undone.
https://www.postgresql.org/docs/current/ddl-system-columns.html
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import sqlalchemy as sa

from autodiff.dialects.postgresql.catalog import queries

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from autodiff.dialects.base import Dialect
    from autodiff.dialects.records import Records

__all__ = ["read_fingerprint"]

_FIRST_OID = 16384
"""The first oid of objects that are not part of PostgreSQL itself."""
_TABLES = "(SELECT array_agg(r.oid) FROM relations r)"
_REFERRED = """(
  SELECT array_agg(DISTINCT f.confrelid) FROM pg_constraint f
  WHERE f.contype = 'f' AND f.conrelid IN (SELECT r.oid FROM relations r)
    AND f.confrelid NOT IN (SELECT r.oid FROM relations r))"""
_COLUMNS = """
SELECT a.attrelid, a.attnum, a.attname, a.atttypid, a.atttypmod, a.attnotnull, a.attcollation,
       a.attidentity, a.attgenerated, a.atthasdef, a.attoptions, a.xmin
FROM pg_attribute a JOIN relations r ON r.oid = a.attrelid
WHERE a.attnum > 0 AND NOT a.attisdropped
"""
_DEFAULTS = """
SELECT d.oid, d.adrelid, d.adnum, d.xmin FROM pg_attrdef d JOIN relations r ON r.oid = d.adrelid
"""
_INDEXES = """
SELECT i.*, i.xmin, c.relname, c.relkind, c.relam, c.reltablespace, c.reloptions
FROM pg_index i JOIN relations r ON r.oid = i.indrelid JOIN pg_class c ON c.oid = i.indexrelid
"""
_NAMES = """
SELECT oid, relname, relnamespace FROM pg_class WHERE oid >= {first} AND relkind <> 't'
"""
_ROLES = "SELECT oid, rolname FROM pg_roles"
_OBJECTS = "SELECT '{catalog}', oid::bigint, xmin::text FROM {catalog} WHERE oid >= {first}"
_CATALOGS = (
    *("pg_proc", "pg_type", "pg_operator", "pg_cast", "pg_collation", "pg_opclass", "pg_am"),
    *("pg_opfamily", "pg_extension", "pg_ts_config", "pg_ts_dict", "pg_rewrite"),
)
_DOMAIN_CHECKS = "SELECT oid::bigint, xmin::text FROM pg_constraint WHERE contypid <> 0"
_OWNED = "SELECT classid, objid, refobjid FROM pg_depend WHERE deptype = 'e'"
_SETTINGS = "SELECT name, setting FROM pg_settings"
_SESSION = """
SELECT current_database(), current_user, session_user, current_schemas(true)::text,
       has_database_privilege(current_database(), 'CREATE'),
       (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
"""
_EXISTING = """
SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = :own_schema AND c.relname = ANY(:own_tables)
"""
_HASH = """
(SELECT coalesce(encode(sha256(convert_to(string_agg(part::text, E'\\n'), 'UTF8')), 'hex'), '')
 FROM ({query}) AS part)"""
_FINGERPRINT = """
WITH relations AS MATERIALIZED ({relations})
SELECT encode(sha256(convert_to(concat_ws(',', {hashes}), 'UTF8')), 'hex'), ARRAY({existing})
"""


def read_fingerprint(
    connection: Connection, dialect: Dialect, schemas: Sequence[str], records: Records
) -> str | None:
    """Return the fingerprint of the schemas and records; None if a table of records was created."""
    version = connection.dialect.server_version_info or (0,)
    quote = dialect.quote
    rows = [
        f"SELECT * FROM {quote(records.schema or '')}.{quote(table)} ORDER BY 1"
        for table in records.existing
    ]
    reflected = (
        "SELECT * FROM relations",
        *(queries.NAMES, queries.related_query(), queries.REFERRED, queries.comments_query()),
        *(queries.ENUMS, queries.sequences_query(), queries.constraints_query(version >= (15,))),
        *(_COLUMNS, _DEFAULTS, _INDEXES, _NAMES.format(first=_FIRST_OID), _ROLES),
    )
    objects = [_OBJECTS.format(catalog=name, first=_FIRST_OID) for name in _CATALOGS]
    others = (" UNION ALL ".join(objects), _DOMAIN_CHECKS, _OWNED, _SETTINGS, _SESSION)
    hashes = (_HASH.format(query=query) for query in (*reflected, *others, *rows))
    text = _FINGERPRINT.format(
        relations=queries.RELATIONS.format(only=""), hashes=", ".join(hashes), existing=_EXISTING
    )
    text = text.replace(queries.GIVEN_RELATIONS, f"CAST({_TABLES} AS oid[])")
    text = text.replace("CAST(:tables AS oid[])", f"CAST({_REFERRED} AS oid[])")
    values = {
        "schemas": list(schemas),
        "own_schema": records.schema,
        "own_tables": list(records.names),
    }
    with dialect.session.reading(connection):
        fingerprint, existing = connection.execute(sa.text(text), values).one()
    return fingerprint if sorted(existing) == sorted(records.existing) else None
