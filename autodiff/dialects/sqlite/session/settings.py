"""Read and restore the pragmas of a connection of SQLite, which no rollback restores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from autodiff.schema.sqltext import quote_identifier

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["read_settings", "restore_settings", "run_pragma"]

_PRAGMAS = (
    "automatic_index cache_size cell_size_check ignore_check_constraints legacy_alter_table "
    "query_only read_uncommitted recursive_triggers reverse_unordered_selects secure_delete "
    "trusted_schema writable_schema"
).split()
"""Pragmas of a connection that can be set in a transaction; https://www.sqlite.org/pragma.html."""
_TEMPORARY = "temporary:"
_CASE = "case_sensitive_like"
"""This pragma cannot be read, only seen in what LIKE returns."""


def run_pragma(connection: Connection, text: str) -> list[Any]:
    """Run a pragma on the driver's connection, and return its rows.

    Each migration needs several, and SQLAlchemy takes ten times as long for a statement.
    """
    driver: Any = connection.connection.dbapi_connection  # for aiosqlite, SQLAlchemy's adapter
    cursor = driver.cursor()
    try:
        cursor.execute(f"PRAGMA {text}")
        return list(cursor.fetchall())
    finally:
        cursor.close()


def read_settings(connection: Connection) -> dict[str, str]:
    """Return the pragmas by name, and the temporary objects with their types."""
    found = {}
    for name in _PRAGMAS:
        value = connection.exec_driver_sql(f"PRAGMA {name}").scalar()
        if value is not None:
            found[name] = str(value)
    found[_CASE] = str(connection.exec_driver_sql("SELECT 'a' NOT LIKE 'A'").scalar_one())
    query = "SELECT type, name FROM temp.sqlite_master WHERE name NOT LIKE 'sqlite!_%' ESCAPE '!'"
    rows = connection.exec_driver_sql(query, execution_options={"no_parameters": True}).all()
    return found | {f"{_TEMPORARY}{name}": kind for kind, name in rows}


def restore_settings(connection: Connection, before: Mapping[str, str]) -> None:
    """Restore the pragmas, and drop the temporary objects that are new."""
    now = read_settings(connection)
    for name, value in before.items():
        if not name.startswith(_TEMPORARY) and now.get(name) != value:
            connection.exec_driver_sql(f"PRAGMA {name} = {value}")
    for key, kind in now.items():
        if key.startswith(_TEMPORARY) and key not in before and kind != "index":
            name = quote_identifier(key.removeprefix(_TEMPORARY))
            connection.exec_driver_sql(
                f"DROP {kind} IF EXISTS temp.{name}",
                execution_options={"no_parameters": True},
            )
