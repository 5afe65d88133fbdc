"""Read and restore the settings of a session of PostgreSQL.

A setting of a transaction that is committed stays in the session, unless it was SET LOCAL.
https://www.postgresql.org/docs/current/sql-set.html
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

import sqlalchemy as sa

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["read_settings", "restore_settings"]

_USER, _ROLE, _TEMPORARY = "session_authorization", "role", "temporary tables"
_READ = sa.text(f"""
SELECT name, setting FROM pg_catalog.pg_settings
WHERE source = 'session' AND name NOT LIKE 'transaction%'
UNION ALL SELECT '{_USER}', session_user
UNION ALL SELECT '{_ROLE}', current_setting('{_ROLE}')
UNION ALL SELECT '{_TEMPORARY}', count(*)::text FROM pg_catalog.pg_class
WHERE relnamespace = pg_my_temp_schema() AND relkind IN ('r', 'v', 'S')
""")
_SET = sa.text("SELECT set_config(:name, :value, false)")


def read_settings(connection: Connection, ignored: Collection[str]) -> dict[str, str]:
    """Return what was SET in the session, the user and role, and the number of temporary tables."""
    rows = connection.execute(_READ).all()
    return {row[0]: row[1] for row in rows if row[0] not in ignored}


def restore_settings(
    connection: Connection, before: Mapping[str, str], ignored: Collection[str]
) -> None:
    """Restore the settings; drop all temporary tables if there were none."""
    now = read_settings(connection, ignored)
    if now.pop(_TEMPORARY, "0") != "0" and before.get(_TEMPORARY, "0") == "0":
        connection.exec_driver_sql("DISCARD TEMP")
    # The user comes first: it determines the roles that can be set, and the rights for the rest.
    names = sorted(now.keys() | before.keys() - {_TEMPORARY}, key=lambda name: name != _USER)
    for name in names:
        value = before.get(name)
        if value is None:
            quoted = name.replace('"', '""')
            connection.exec_driver_sql(f'RESET "{quoted}"')
        elif now.get(name) != value:
            connection.execute(_SET, {"name": name, "value": value})
