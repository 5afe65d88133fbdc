"""The call that creates a type: as text for a script, and as the type itself."""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import sqlalchemy as sa
from sqlalchemy.types import TypeEngine

from autodiff.schema.sqltype import SQLType
from autodiff.utils.quoting import python_string

__all__ = ["DIALECT_MODULES", "SQL_TYPE", "TypeCall"]

SQL_TYPE = "op.sql_type"
"""The function of a migration for a type that has no public class."""
DIALECT_MODULES = ("postgresql", "mysql", "sqlite", "mssql", "oracle")


@dataclass(frozen=True, slots=True)
class TypeCall:
    """A class or function, such as `sa.String`, and the arguments of the call.

    Arguments are strings, numbers, None or calls. A variant is the type for one dialect.
    """

    path: str
    arguments: tuple[object, ...] = ()
    keywords: tuple[tuple[str, object], ...] = ()
    variants: tuple[tuple[str, TypeCall], ...] = ()

    def source(self) -> str:
        """Return the call as Python."""
        parts = [_source(value) for value in self.arguments]
        parts += [f"{name}={_source(value)}" for name, value in self.keywords]
        variants = (
            f".with_variant({call.source()}, {python_string(name)})" for name, call in self.variants
        )
        return f"{self.path}({', '.join(parts)}){''.join(variants)}"

    def create(self) -> TypeEngine[Any]:
        """Return the type.

        Raises AttributeError or KeyError if there is no such class, and whatever the class raises.
        """
        module, _, name = self.path.rpartition(".")
        arguments = [_value(value) for value in self.arguments]
        keywords = {key: _value(value) for key, value in self.keywords}
        cls: Any = SQLType if self.path == SQL_TYPE else getattr(_module(module), name)
        type_ = cls(*arguments, **keywords)
        return reduce(lambda t, v: t.with_variant(v[1].create(), v[0]), self.variants, type_)

    def without_schema(self, schema: str) -> TypeCall:
        """Return the call without this schema, which is the default one."""
        return replace(
            self,
            arguments=tuple(
                value.without_schema(schema) if isinstance(value, TypeCall) else value
                for value in self.arguments
            ),
            keywords=tuple(item for item in self.keywords if item != ("schema", schema)),
            variants=tuple((name, call.without_schema(schema)) for name, call in self.variants),
        )


def _source(value: object) -> str:
    if isinstance(value, TypeCall):
        return value.source()
    return python_string(value) if isinstance(value, str) else repr(value)


def _value(value: object) -> object:
    return value.create() if isinstance(value, TypeCall) else value


def _module(name: str) -> Any:
    """Return a module by its name in a script; only dialects are imported if they are not yet."""
    if name in ("sa", "sa.types"):
        return sa if name == "sa" else sa.types
    if name in DIALECT_MODULES:
        return importlib.import_module(f"sqlalchemy.dialects.{name}")
    return sys.modules[name]
