"""The tables in which a project records migrations, and whether a database has them."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sqlalchemy as sa
    from sqlalchemy.engine import Connection

__all__ = [
    "ANY_CHARACTER",
    "Records",
    "has_record_table",
    "known_records",
    "remember_records",
]

_KEY = "autodiff_records"
ANY_CHARACTER: Mapping[str, Any] = {"mysql_charset": "utf8mb4", "mariadb_charset": "utf8mb4"}
"""Options of a table that stores texts of people, such as names of files and errors: the database
may have a character set that lacks some of their characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """The tables with the records of a project, and those of them that exist.

    schema: the schema of the tables, which is the default one unless it is configured.
    names: the tables of which it is known whether they exist.
    existing: those that exist, in the order of `names`.
    current_schema: the default schema of the connection.
    """

    schema: str | None
    names: tuple[str, ...]
    existing: tuple[str, ...]
    current_schema: str | None = None


def remember_records(info: MutableMapping[str, Any], records: Records) -> None:
    """Keep what the first query of a connection answered.

    It is only valid as long as the connection is used for reading.
    """
    info[_KEY] = records


def known_records(connection: Connection) -> Records | None:
    """Return what `remember_records` kept, None if the first query did not ask for it."""
    found = connection.info.get(_KEY)
    return found if isinstance(found, Records) else None


def has_record_table(connection: Connection, table: sa.Table) -> bool:
    """Return whether a table of records exists; it is only queried if that is not known."""
    from autodiff.dialects import dialect_of

    name, schema = table.name, table.schema
    found = known_records(connection)
    if found is not None and name in found.names and schema == found.schema:
        return name in found.existing
    return dialect_of(connection).catalog.has_table(connection, name, schema)
