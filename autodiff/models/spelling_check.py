"""Check that the spelling of a type creates the same type again."""

from __future__ import annotations

import warnings

from sqlalchemy.exc import SQLAlchemyError

from autodiff.dialects.base import Dialect
from autodiff.models.expressions import Compiler
from autodiff.models.type_call import TypeCall

__all__ = ["creates_type"]


def creates_type(call: TypeCall, sql: str, dialect: Dialect, compiler: Compiler) -> bool:
    """Return whether the call creates a type that has the SQL on the dialect.

    A class can be private, need arguments that it does not keep, or be compiled differently for a
    subclass.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return dialect.canonical_type(compiler.type(call.create())) == sql
    except (AttributeError, KeyError, TypeError, ValueError, SQLAlchemyError):
        return False
