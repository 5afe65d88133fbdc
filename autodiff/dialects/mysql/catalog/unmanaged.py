"""Find objects of a MySQL or MariaDB database that are never reflected."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from autodiff.dialects.scope import Scope
from autodiff.dialects.unmanaged import UnmanagedObject

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["unmanaged_objects"]

_UNMANAGED = """
SELECT 'trigger' AS kind, CONCAT(trigger_name, ' on ', event_object_table) AS name,
       'triggers are not compared' AS reason
FROM information_schema.triggers WHERE trigger_schema = :schema
UNION ALL
SELECT 'event', event_name, 'events are not compared'
FROM information_schema.events WHERE event_schema = :schema
"""


def unmanaged_objects(
    connection: Connection, scope: Scope, default_schema: str
) -> list[UnmanagedObject]:
    """Return the triggers and events of the default database and the namespaces in the scope."""
    return [
        UnmanagedObject(kind=row.kind, name=row.name, reason=row.reason)
        for schema in (default_schema, *scope.namespaces)
        for row in connection.execute(sa.text(_UNMANAGED), {"schema": schema})
    ]
