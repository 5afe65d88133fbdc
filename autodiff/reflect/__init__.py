"""Live database -> Schema: what the database has, in a fixed number of queries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autodiff.dialects import Scope, dialect_of
from autodiff.schema import Schema

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["Scope", "reflect"]


def reflect(connection: Connection, scope: Scope | None = None) -> Schema:
    """The tables, views, enums and sequences that the connection sees.

    Without a scope that is all of the default schema.

    Raises DatabaseError for a kind of database that autodiff does not know.
    """
    return dialect_of(connection).reflect(connection, scope or Scope())
