"""Find objects of a MySQL or MariaDB database that are never reflected."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from autodiff.dialects.mysql.expressions import qualified_names
from autodiff.dialects.scope import Scope
from autodiff.dialects.unmanaged import DependentObject, DependentView, UnmanagedObject
from autodiff.schema.objects import Name

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["find_dependent_objects", "find_dependent_views", "unmanaged_objects"]

_UNMANAGED = """
SELECT 'trigger' AS kind, CONCAT(trigger_name, ' on ', event_object_table) AS name,
       'triggers are not compared' AS reason
FROM information_schema.triggers WHERE trigger_schema = :schema
UNION ALL
SELECT 'event', event_name, 'events are not compared'
FROM information_schema.events WHERE event_schema = :schema
UNION ALL
SELECT LOWER(routine_type), routine_name, CONCAT(LOWER(routine_type), 's are not compared')
FROM information_schema.routines WHERE routine_schema = :schema
"""

_VIEWS = """
SELECT table_schema AS home, table_name AS name, view_definition AS body
FROM information_schema.views
WHERE table_schema NOT IN ('mysql', 'sys')
ORDER BY 1, 2
"""

_PROGRAMS = (
    """
    SELECT 'trigger' AS kind, trigger_schema AS home, trigger_name AS name,
           event_object_table AS table_name, action_statement AS body
    FROM information_schema.triggers WHERE trigger_schema NOT IN ('mysql', 'sys') ORDER BY 2, 3
    """,
    """
    SELECT LOWER(routine_type) AS kind, routine_schema AS home, routine_name AS name,
           NULL AS table_name, routine_definition AS body
    FROM information_schema.routines WHERE routine_schema NOT IN ('mysql', 'sys') ORDER BY 1, 2, 3
    """,
    """
    SELECT 'event' AS kind, event_schema AS home, event_name AS name, NULL AS table_name,
           event_definition AS body
    FROM information_schema.events ORDER BY 2, 3
    """,
)
"""One query for each kind: their texts have different collations, which UNION refuses."""


def unmanaged_objects(
    connection: Connection, scope: Scope, default_schema: str
) -> list[UnmanagedObject]:
    """Return the triggers, events and routines of the databases in the scope."""
    return [
        UnmanagedObject(kind=row.kind, name=row.name, reason=row.reason)
        for schema in (default_schema, *scope.namespaces)
        for row in connection.execute(sa.text(_UNMANAGED), {"schema": schema})
    ]


def find_dependent_objects(connection: Connection, default_schema: str) -> list[DependentObject]:
    """Return the triggers, routines and events of all databases that are visible, with their text.

    The text is empty if the user must not read it.
    """

    def name(schema: str, plain: str) -> Name:
        return Name(plain, None if schema == default_schema else schema)

    return [
        DependentObject(
            kind=row.kind,
            name=str(name(row.home, row.name)),
            table=None if row.table_name is None else name(row.home, row.table_name),
            text=row.body or "",
        )
        for query in _PROGRAMS
        for row in connection.execute(sa.text(query))
    ]


def find_dependent_views(connection: Connection, default_schema: str) -> list[DependentView]:
    """Return the tables that each visible view reads, with the text of the view.

    A view keeps the names that it was created with, and fails when it is read after one of them is
    renamed or dropped: https://dev.mysql.com/doc/refman/en/view-invalid.html
    """

    def name(schema: str, plain: str) -> Name:
        return Name(plain, None if schema == default_schema else schema)

    return [
        DependentView(view=name(row.home, row.name), table=name(*place), text=row.body)
        for row in connection.execute(sa.text(_VIEWS))
        for place in sorted(qualified_names(row.body or ""))
    ]
