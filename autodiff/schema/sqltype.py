"""A type given by its SQL, for what SQLAlchemy has no name for."""

from __future__ import annotations

from typing import Any

from sqlalchemy.types import UserDefinedType

__all__ = ["SQLType"]


class SQLType(UserDefinedType[Any]):
    """A type that the database knows by exactly this text: SQLType("tsvector")."""

    cache_ok = True

    def __init__(self, sql: str) -> None:
        self.sql = sql

    def get_col_spec(self, **kw: Any) -> str:
        """The text."""
        return self.sql
