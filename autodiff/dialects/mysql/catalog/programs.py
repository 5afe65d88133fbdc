"""Read the definitions of triggers, routines, events and views of MySQL and MariaDB."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from autodiff.dialects.scope import Scope

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["stored_programs"]

# Times of creation are left out: an object that is dropped and created again is the same.
_QUERIES = (
    """
    SELECT 'trigger', trigger_name, event_object_table, event_manipulation, action_timing,
           action_order, action_statement, definer
    FROM information_schema.triggers WHERE trigger_schema = :schema ORDER BY trigger_name
    """,
    """
    SELECT routine_type, routine_name, dtd_identifier, routine_definition, is_deterministic,
           sql_data_access, security_type, routine_comment, definer
    FROM information_schema.routines WHERE routine_schema = :schema
    ORDER BY routine_type, routine_name
    """,
    """
    SELECT 'parameter', routine_type, specific_name, ordinal_position, parameter_mode,
           parameter_name, dtd_identifier
    FROM information_schema.parameters WHERE specific_schema = :schema
    ORDER BY routine_type, specific_name, ordinal_position
    """,
    """
    SELECT 'event', event_name, event_definition, execute_at, interval_value, interval_field,
           starts, ends, status, on_completion, event_comment, definer
    FROM information_schema.events WHERE event_schema = :schema ORDER BY event_name
    """,
    """
    SELECT 'view', table_name, view_definition, check_option, security_type, definer
    FROM information_schema.views WHERE table_schema = :schema ORDER BY table_name
    """,
)


def stored_programs(
    connection: Connection, scope: Scope, default_schema: str
) -> list[tuple[Any, ...]]:
    """Return a row for each program in the default database and the namespaces of the scope."""
    return [
        tuple(row)
        for schema in (default_schema, *scope.namespaces)
        for query in _QUERIES
        for row in connection.execute(sa.text(query), {"schema": schema})
    ]
