"""Live database -> Schema: what the database has, in a fixed number of queries."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from autodiff.dialects import Scope
    from autodiff.schema.objects import Schema

__all__ = ["reflect"]


def reflect(connection: Connection, scope: Scope | None = None) -> Schema:
    """The tables, views, enums and sequences that the connection sees.

    Without a scope that is all of the default schema.

    Raises DatabaseError for a kind of database that autodiff does not know.
    """
    from autodiff.dialects import Scope, dialect_of  # the command line starts without them

    return dialect_of(connection).catalog.reflect(connection, scope or Scope())
