"""The SQL that a type has without the application, which a migration does not import.

A function of the application, marked with @compiles, can write other SQL for a class of SQLAlchemy.
https://docs.sqlalchemy.org/en/21/core/compiler.html#changing-compilation-of-types
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy.engine.interfaces import Dialect as SQLAlchemyDialect
    from sqlalchemy.types import TypeEngine

__all__ = ["standard_sql"]


def standard_sql(type_: TypeEngine[Any], dialect: SQLAlchemyDialect) -> str:
    """Return the SQL that SQLAlchemy, or the library of a type, writes for it."""
    compiler: Any = dialect.type_compiler_cls
    return str(_standard(compiler)(dialect).process(type_))


@cache
def _standard(base: Any) -> Any:
    """Return a type compiler that uses no function of the application."""

    class TypeCompiler(base):  # type: ignore[misc]
        def process(self, type_: Any, **options: Any) -> str:
            type_ = type_._variant_mapping.get(self.dialect.name, type_)
            if _is_overridden(type(type_), self.dialect.name):
                return str(type_._original_compiler_dispatch(self, **options))
            return str(super().process(type_, **options))

    return TypeCompiler


def _is_overridden(cls: type[Any], dialect: str) -> bool:
    """Return whether a package other than that of the class writes its SQL for a dialect."""
    written = next((base for base in cls.__mro__ if "_compiler_dispatch" in vars(base)), cls)
    dispatcher = vars(written).get("_compiler_dispatcher")
    if dispatcher is None:
        return False
    function = dispatcher.specs.get(dialect) or dispatcher.specs.get("default")
    return _package(function) != _package(written)


def _package(item: Any) -> str:
    return str(getattr(item, "__module__", "")).partition(".")[0]
