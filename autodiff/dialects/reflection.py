"""Reflect a live database, in a fixed number of queries."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from autodiff.dialects import Scope
    from autodiff.schema.objects import Schema

__all__ = ["reflect"]


def reflect(connection: Connection, scope: Scope | None = None) -> Schema:
    """Return the tables, views, enums and sequences of a database.

    Without a scope, those of the default schema.

    Raises DatabaseError for a kind of database that autodiff does not support.
    """
    from autodiff.dialects import Scope, dialect_of  # keeps `import autodiff` quick

    return dialect_of(connection).catalog.reflect(connection, scope or Scope())
