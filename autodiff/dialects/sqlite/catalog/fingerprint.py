"""Compute a fingerprint of the catalog of a SQLite database, from the text of sqlite_master.

`schema_version` grows with each change of the schema, so that a fingerprint does not come back when
a change is undone.
https://www.sqlite.org/pragma.html#pragma_schema_version
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from autodiff.dialects.records import Records

__all__ = ["read_fingerprint"]

_CATALOG = "SELECT type, name, tbl_name, sql FROM {schema}.sqlite_master ORDER BY rowid"


def read_fingerprint(connection: Connection, schemas: Sequence[str], records: Records) -> str:
    """Return the fingerprint of the schemas and of the tables with the records of a project."""
    quote = connection.dialect.identifier_preparer.quote_identifier
    found: list[object] = [connection.dialect.server_version_info]
    for schema in schemas:
        name = quote(schema)
        found += _rows(connection, f"PRAGMA {name}.schema_version")
        rows = _rows(connection, _CATALOG.format(schema=name))
        found += [schema, *rows]
        if schema == (records.schema or "main"):
            own = [row[1] for row in rows if row[0] == "table" and row[1] in records.names]
            for table in own:
                found += _rows(connection, f"SELECT * FROM {name}.{quote(table)} ORDER BY rowid")
    return hashlib.sha256("\n".join(map(repr, found)).encode()).hexdigest()


def _rows(connection: Connection, query: str) -> list[Any]:
    cursor: Any = connection.connection.cursor()
    try:
        return list(cursor.execute(query))
    finally:
        cursor.close()
