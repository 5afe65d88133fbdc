"""Read and restore the settings of a session of MySQL or MariaDB, which no rollback restores."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from autodiff.dialects.mysql.expressions import quote_identifier, quote_string

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["read_settings", "restore_settings"]

_DATABASE = "database"
_VARIABLES = (
    "alter_algorithm auto_increment_increment auto_increment_offset autocommit "
    "character_set_client character_set_connection character_set_database character_set_results "
    "check_constraint_checks collation_connection collation_database default_storage_engine "
    "default_tmp_storage_engine div_precision_increment explicit_defaults_for_timestamp "
    "foreign_key_checks group_concat_max_len innodb_strict_mode lc_messages lc_time_names "
    "max_recursive_iterations old_alter_table old_mode sql_auto_is_null sql_big_selects "
    "sql_log_bin sql_mode sql_notes sql_quote_show_create sql_require_primary_key "
    "sql_safe_updates sql_select_limit sql_warnings storage_engine "
    "system_versioning_alter_history time_zone transaction_isolation transaction_read_only "
    "tx_isolation tx_read_only unique_checks updatable_views_with_limit"
).split()
"""Variables that change what statements do; a server lacks some of them.

The time limits are missing, because each transaction sets and restores them.
"""
_LIST = ", ".join(f"'{name}'" for name in _VARIABLES)
_QUERY = f"SHOW SESSION VARIABLES WHERE Variable_name IN ({_LIST})"
_BARE = re.compile(r"ON|OFF|\d+")


def read_settings(connection: Connection) -> dict[str, str]:
    """Return the variables by name, and the current database."""
    found = {row[0]: row[1] for row in connection.exec_driver_sql(_QUERY)}
    database = connection.exec_driver_sql("SELECT DATABASE()").scalar_one()
    return {**found, _DATABASE: database or ""}


def restore_settings(
    connection: Connection, before: Mapping[str, str], own_tables: Sequence[str]
) -> None:
    """Restore the variables, and drop temporary tables that hide autodiff's own tables.

    The server does not list temporary tables.
    """
    now = read_settings(connection)
    if before[_DATABASE] and now[_DATABASE] != before[_DATABASE]:
        connection.exec_driver_sql(f"USE {quote_identifier(before[_DATABASE])}")
    changed = [
        f"SESSION {name} = {_literal(value)}"
        for name, value in before.items()
        if name != _DATABASE and now.get(name) != value
    ]
    if changed:
        connection.exec_driver_sql(
            f"SET {', '.join(changed)}", execution_options={"no_parameters": True}
        )
    names = ", ".join(f"`{name}`" for name in own_tables)
    connection.exec_driver_sql(f"DROP TEMPORARY TABLE IF EXISTS {names}")


def _literal(value: str) -> str:
    return value if _BARE.fullmatch(value) else quote_string(value)
