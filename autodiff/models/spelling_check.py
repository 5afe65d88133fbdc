"""Check that the spelling of a type creates the same type again."""

from __future__ import annotations

import importlib
import sys
import warnings

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from autodiff.dialects.base import Dialect
from autodiff.models.expressions import Compiler

__all__ = ["creates_type"]

_DIALECTS = ("postgresql", "mysql", "sqlite", "mssql", "oracle")


def creates_type(python: str, sql: str, dialect: Dialect, compiler: Compiler) -> bool:
    """Return whether the expression can be evaluated and the result has the SQL on the dialect.

    A class can be private, need arguments that it does not keep, or be compiled differently for a
    subclass. The expression is the one that `spell_type` made from classes and literals.
    """
    library = python.partition(".")[0]
    # Only the dialects that it names are imported, because that takes time:
    named = (name for name in _DIALECTS if f"{name}." in python)
    names = {name: importlib.import_module(f"sqlalchemy.dialects.{name}") for name in named}
    if library in sys.modules:
        names[library] = sys.modules[library]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            type_ = eval(python, {"__builtins__": {}, "sa": sa, **names})
            return dialect.canonical_type(compiler.type(type_)) == sql
    except (AttributeError, NameError, TypeError, ValueError, SyntaxError, SQLAlchemyError):
        return False
