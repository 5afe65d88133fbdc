"""A type given by its SQL, for types that SQLAlchemy has no class for."""

from __future__ import annotations

from typing import Any

from sqlalchemy.types import UserDefinedType

__all__ = ["SQLType"]


class SQLType(UserDefinedType[Any]):
    """A type with exactly this SQL in the database: SQLType("tsvector")."""

    cache_ok = True

    def __init__(self, sql: str) -> None:
        self.sql = sql

    def get_col_spec(self, **kw: Any) -> str:
        """Return the SQL."""
        return self.sql
