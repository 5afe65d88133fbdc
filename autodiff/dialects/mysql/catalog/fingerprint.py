"""Let MySQL or MariaDB compute a fingerprint of what a comparison reads in information_schema.

The rows that reflect a schema are concatenated by the server, as `queries` does, and hashed there.
The length of each text is compared with that of its rows, so that a truncated text is noticed.
Settings of the session and the tables with the records of migrations are hashed too.

The time at which a table was created changes with most ALTERs, so that a fingerprint rarely comes
back when a change is undone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from autodiff.dialects.mysql.catalog.queries import (
    TABLE_EXISTS,
    TextQuery,
    sequences_query,
    start_of_query,
    text_queries,
)
from autodiff.dialects.mysql.expressions import quote_identifier, quote_string
from autodiff.dialects.scope import HISTORY_COLUMNS, JOURNAL_COLUMNS

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from autodiff.dialects.base import Dialect
    from autodiff.dialects.records import Records

__all__ = ["read_fingerprint"]

_PARTS = """
SELECT '{number}' AS number, CRC32({name}) % 64 AS part, COUNT(*) AS amount,
       SUM(LENGTH({text})) AS length, GROUP_CONCAT({text} ORDER BY {order} SEPARATOR '') AS texts
       {more}
FROM {source}
GROUP BY CRC32({name}) % 64
"""
"""A hash of the name of the table divides the rows into texts that fit into max_allowed_packet."""
_HASH = """
SELECT SHA2(GROUP_CONCAT(number, ' ', part, ' ', amount, ' ', SHA2(texts, 256)
                         ORDER BY number, part), 256) AS hash,
       SUM(NOT length <=> LENGTH(texts)) AS truncated {more}
FROM ({parts}) AS parts
"""
_KINDS = """,
  SUM(table_type = 'VIEW') AS views, SUM(create_options LIKE '%partitioned%') AS partitions,
  SUM(table_type = 'SEQUENCE') AS sequences
"""
_SUMS = ", SUM(views) AS views, SUM(partitions) AS partitions, SUM(sequences) AS sequences"
_SESSION = """
CONCAT_WS(CHAR(31), VERSION(), CURRENT_USER(), DATABASE(), @@sql_mode, @@lower_case_table_names,
  @@character_set_database, @@collation_database, @@character_set_connection,
  @@collation_connection, @@collation_server, @@default_storage_engine, @@time_zone,
  @@explicit_defaults_for_timestamp, @@foreign_key_checks)
"""
_DATABASE = """
(SELECT MAX(CONCAT_WS(' ', schema_name, default_character_set_name, default_collation_name))
 FROM information_schema.schemata WHERE schema_name = {schema})
"""
_SEQUENCES = """
SELECT table_schema, table_name FROM information_schema.tables
WHERE table_type = 'SEQUENCE' AND table_schema IN ({schemas}) ORDER BY 1, 2
"""
_COLUMNS_OF_RECORDS = (HISTORY_COLUMNS, JOURNAL_COLUMNS)


def read_fingerprint(
    connection: Connection, dialect: Dialect, schemas: Sequence[str], records: Records
) -> str | None:
    """Return the fingerprint of the schemas and records.

    None if a table of records was created, or if the server truncated a text.

    Views, partitions and sequences need another query, which is sent only if there are any.
    """
    mariadb = dialect.backend == "mariadb"
    start = start_of_query(mariadb=mariadb)
    names = [quote_string(schema) for schema in schemas]
    queries = text_queries(mariadb=mariadb)
    rare = {kind: queries.pop(kind) for kind in ("views", "partitions")}
    first = _row(connection, f"{start} {_first_query(names, queries, records)}")
    fingerprint, truncated, views, partitions, sequences, *others = first
    existing = others[: len(records.names)]
    expected = [name in records.existing for name in records.names]
    if truncated or any(others[len(records.names) :]) or list(map(bool, existing)) != expected:
        return None
    found = [fingerprint]
    for kind, amount in (("views", views), ("partitions", partitions)):
        if amount:
            query = _HASH.format(more="", parts=_parts(rare[kind], names))
            found += _row(connection, query.replace("SELECT", start, 1))
    if sequences:
        found += [repr(row) for row in _sequences(connection, names)]
    return hashlib.sha256(repr(found).encode()).hexdigest()


def _first_query(names: Sequence[str], queries: dict[str, TextQuery], records: Records) -> str:
    """Return what follows SELECT: the hash, the numbers of rare objects, and the tests of it."""
    tables = _HASH.format(more=_SUMS, parts=_parts(queries.pop("tables"), names, more=_KINDS))
    parts = [_parts(query, names) for query in queries.values()]
    own = f"{quote_identifier(records.schema)}." if records.schema else ""
    for name, columns in zip(records.names, _COLUMNS_OF_RECORDS, strict=True):
        if name in records.existing:
            fields = ", ".join(f"IFNULL({column}, CHAR(29))" for column in columns)
            text = f"CONCAT_WS(CHAR(31), {fields}, CHAR(30))"
            part = _part("0", text, "revision, id" if "id" in columns else "revision", "revision")
            parts.append(part.replace("{source}", own + quote_identifier(name)))
    hashes = [f"({_HASH.format(more='', parts=part)})" for part in parts]
    aliases = [f"h{number}" for number in range(len(hashes))]
    schema = quote_string(records.schema or "")
    exists = [
        TABLE_EXISTS.format(schema=schema, table=quote_string(name)) for name in records.names
    ]
    parts_of_hash = ", ".join(["t.hash", *(f"{alias}.hash" for alias in aliases)])
    truncated = ", ".join(f"{alias}.truncated" for alias in aliases)
    databases = ", ".join(f"IFNULL({_DATABASE.format(schema=name)}, '')" for name in names)
    joined = ", ".join(f"{query} AS {name}" for query, name in zip(hashes, aliases, strict=True))
    return (
        f"SHA2(CONCAT_WS(',', {_SESSION}, {databases}, {parts_of_hash}), 256), t.truncated, "
        f"t.views, t.partitions, t.sequences, {', '.join(exists)}, {truncated} "
        f"FROM ({tables}) AS t, {joined}"
    )


def _parts(query: TextQuery, names: Sequence[str], more: str = "") -> str:
    part = _part("{number}", query.text, query.order, "table_name", more)
    part = part.replace("{source}", f"information_schema.{query.source}")
    numbered = (
        part.replace("{number}", str(number)).replace("{schema}", name)
        for number, name in enumerate(names)
    )
    return " UNION ALL ".join(numbered)


def _part(number: str, text: str, order: str, name: str, more: str = "") -> str:
    values = {"number": number, "text": text, "order": order, "name": name, "more": more}
    return _PARTS.format(source="{source}", **values)


def _sequences(connection: Connection, names: Sequence[str]) -> list[Any]:
    """Return the options of all sequences: before version 12, each is the row of a table."""
    found = _rows(connection, _SEQUENCES.format(schemas=", ".join(names)))
    return _rows(connection, sequences_query(found)) if found else []


def _row(connection: Connection, query: str) -> list[Any]:
    return list(_rows(connection, query)[0])


def _rows(connection: Connection, query: str) -> list[Any]:
    """Return the rows of a query that the driver gets as it is."""
    cursor = connection.connection.cursor()
    try:
        cursor.execute(query)
        return list(cursor.fetchall())
    finally:
        cursor.close()
