"""Check that the spelling of a type creates the same type again."""

from __future__ import annotations

import warnings

from sqlalchemy.exc import SQLAlchemyError

from autodiff.dialects.base import Dialect
from autodiff.models.expressions import Compiler
from autodiff.models.type_call import TypeCall
from autodiff.models.without_overrides import standard_sql

__all__ = ["creates_type"]


def creates_type(call: TypeCall, sql: str, dialect: Dialect, compiler: Compiler) -> bool:
    """Return whether the call creates a type that has the SQL on the dialect.

    A class can be private, need arguments that it does not keep, or be compiled differently for a
    subclass, or by the application, which a migration does not import.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            created = call.create()
            written = {compiler.type(created), standard_sql(created, compiler.dialect)}
            return {dialect.canonical_type(text) for text in written} == {sql}
    except (AttributeError, KeyError, TypeError, ValueError, SQLAlchemyError):
        return False
