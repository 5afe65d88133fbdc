"""Let PostgreSQL compute a fingerprint of everything in its catalogs that a comparison reads.

The rows of the queries that reflect a schema are hashed instead of sent, so that nothing that is
reflected can be forgotten. What else can change the result of a comparison is hashed too:

- every setting, because the text of an expression depends on some (time zone, search path)
- the functions, types, operators and collations of the database: creating a desired table on a
  scratch uses them
- which objects belong to an extension, and what the user may do
- the rows of the tables in which the project records its migrations

The oid and the transaction (xmin) of a catalog row change with each ALTER, so that a fingerprint
does not come back when a change is undone.
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
  WHERE f.contype = 'f' AND f.conrelid IN (SELECT r.oid FROM relations r))"""
_OBJECTS = "SELECT '{catalog}', oid::bigint, xmin::text FROM {catalog} WHERE oid >= {first}"
_CATALOGS = (
    *("pg_proc", "pg_type", "pg_operator", "pg_cast", "pg_collation", "pg_opclass"),
    "pg_extension",
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
SELECT concat_ws(',', {hashes}), ARRAY({existing})
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
        *(queries.NAMES, queries.RELATED, queries.COLUMNS, queries.REFERRED, queries.COMMENTS),
        *(queries.constraints_query(version >= (15,)), queries.indexes_query(version >= (15,))),
        *(queries.ENUMS, queries.SEQUENCES),
    )
    objects = [_OBJECTS.format(catalog=name, first=_FIRST_OID) for name in _CATALOGS]
    others = (" UNION ALL ".join(objects), _DOMAIN_CHECKS, _OWNED, _SETTINGS, _SESSION)
    hashes = (_HASH.format(query=query) for query in (*reflected, *others, *rows))
    text = _FINGERPRINT.format(
        relations=queries.RELATIONS.format(only=""), hashes=", ".join(hashes), existing=_EXISTING
    )
    text = text.replace("CAST(:relations AS oid[])", f"CAST({_TABLES} AS oid[])")
    text = text.replace("CAST(:tables AS oid[])", f"CAST({_REFERRED} AS oid[])")
    values = {
        "schemas": list(schemas),
        "own_schema": records.schema,
        "own_tables": list(records.names),
    }
    with dialect.session.reading(connection):
        fingerprint, existing = connection.execute(sa.text(text), values).one()
    return fingerprint if sorted(existing) == sorted(records.existing) else None
