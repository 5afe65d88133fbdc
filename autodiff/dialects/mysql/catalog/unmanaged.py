"""Find objects of a MySQL or MariaDB database that are never reflected."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from autodiff.dialects.scope import Scope
from autodiff.dialects.unmanaged import DependentObject, UnmanagedObject
from autodiff.schema.objects import Name

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["find_dependent_objects", "unmanaged_objects"]

_UNMANAGED = """
SELECT 'trigger' AS kind, CONCAT(trigger_name, ' on ', event_object_table) AS name,
       'triggers are not compared' AS reason
FROM information_schema.triggers WHERE trigger_schema = :schema
UNION ALL
SELECT 'event', event_name, 'events are not compared'
FROM information_schema.events WHERE event_schema = :schema
"""

_TRIGGERS = """
SELECT trigger_name AS name, event_object_table AS table_name, action_statement AS body
FROM information_schema.triggers WHERE trigger_schema = :schema
ORDER BY 1
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


def find_dependent_objects(connection: Connection, default_schema: str) -> list[DependentObject]:
    """Return the triggers of the default database, with their text."""
    return [
        DependentObject(kind="trigger", name=row.name, table=Name(row.table_name), text=row.body)
        for row in connection.execute(sa.text(_TRIGGERS), {"schema": default_schema})
    ]
