"""SQLAlchemy statements as SQL text that contains their values."""

from __future__ import annotations

import copy
import json
import weakref
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import literal
from sqlalchemy.exc import CompileError
from sqlalchemy.sql.dml import Insert
from sqlalchemy.types import JSON, NullType

if TYPE_CHECKING:
    from sqlalchemy.engine.interfaces import Dialect as SQLAlchemyDialect
    from sqlalchemy.sql.elements import ClauseElement

    from autodiff.dialects.base import Dialect

__all__ = ["MissingValueError", "clause_text", "dialect_with_literals", "plain_dialect"]


class MissingValueError(CompileError):
    """SQL has a parameter without a value, for which SQLAlchemy would write NULL.

    hint: what to do.
    """

    def __init__(self, parameter: str) -> None:
        super().__init__(f"a value is required for bind parameter {parameter!r}")
        self.hint = (
            f"give it a value: .bindparams({parameter}=...); "
            f"or write \\:{parameter} for a colon that begins no parameter"
        )


def plain_dialect(dialect: SQLAlchemyDialect) -> SQLAlchemyDialect:
    """Return a copy of the dialect for SQL that no driver formats: % is not doubled.

    Its compiler raises MissingValueError for a parameter without a value. On MySQL and MariaDB,
    backslashes are always escaped: the statements run without NO_BACKSLASH_ESCAPES, also if the
    mode of the connection has it.
    """
    plain = copy.copy(dialect)
    if plain.name in ("mysql", "mariadb"):
        vars(plain)["_backslash_escapes"] = True
    plain._type_memos = weakref.WeakKeyDictionary()  # it holds processors that double each %
    plain.paramstyle = "named"
    plain.positional = False
    plain.identifier_preparer = plain.preparer(plain)
    plain.type_compiler_instance = plain.type_compiler_cls(plain)
    plain.statement_compiler = _with_required_values(plain.statement_compiler)  # type: ignore[arg-type]
    return plain


def dialect_with_literals(dialect: Dialect) -> SQLAlchemyDialect:
    """Return the plain dialect that also writes bytes and JSON as literals."""
    plain = plain_dialect(dialect.sqlalchemy)
    plain.statement_compiler = _with_more_literals(plain.statement_compiler, dialect)
    return plain


def clause_text(clause: ClauseElement, dialect: Dialect) -> str:
    """Return the SQL of a statement.

    Raises SQLAlchemy's CompileError for a value that has no literal.
    """
    plain = dialect_with_literals(dialect)
    if isinstance(clause, Insert):
        clause = clause.inline()  # nobody reads the keys of the new rows
    return str(clause.compile(dialect=plain, compile_kwargs={"literal_binds": True}))


@cache
def _with_required_values(base: Any) -> Any:
    """Return a compiler class that writes no NULL for a parameter without a value."""

    class Compiler(base):  # type: ignore[misc]
        def render_literal_bindparam(self, bindparam: Any, **options: Any) -> str:
            if bindparam.required and "render_literal_value" not in options:
                raise MissingValueError(bindparam.key)
            return str(super().render_literal_bindparam(bindparam, **options))

    return Compiler


def _with_more_literals(base: Any, dialect: Dialect) -> Any:
    """Return a compiler class that also has literals for bytes and JSON."""

    class Compiler(base):  # type: ignore[misc]
        def render_literal_bindparam(self, bindparam: Any, **options: Any) -> str:
            # JSON without none_as_null writes None as a value of JSON, and not as NULL.
            is_none = bindparam.value is None and bindparam.callable is None
            if is_none and isinstance(bindparam.type, JSON) and not bindparam.type.none_as_null:
                options["render_literal_value"] = None
            return str(super().render_literal_bindparam(bindparam, **options))

        def render_literal_value(self, value: Any, type_: Any) -> str:
            if isinstance(type_, NullType):
                type_ = literal(value).type  # from the value, as a driver does
            if isinstance(value, bytes | bytearray | memoryview):
                return dialect.literal_bytes(bytes(value))
            try:
                return str(super().render_literal_value(value, type_))
            except (CompileError, NotImplementedError):
                if not isinstance(type_, JSON):
                    raise
                return dialect.literal(json.dumps(None if value is JSON.NULL else value))

    return Compiler
