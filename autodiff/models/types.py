"""Spell a SQLAlchemy type in a script by what it stores, so that no application is imported."""

from __future__ import annotations

import inspect
import sys
import sysconfig
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from functools import cache
from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.types import TypeDecorator, TypeEngine

from autodiff.dialects import Dialect, dialect_for
from autodiff.errors import DatabaseError
from autodiff.models.type_call import DIALECT_MODULES, SQL_TYPE, TypeCall
from autodiff.models.without_overrides import standard_sql
from autodiff.schema.sqltype import SQLType

__all__ = ["SQL_TYPE", "is_plain_class", "spell_type", "stored_type", "type_key"]

_POSITIONAL = ("length", "precision", "scale")
_NOT_STORED = frozenset(
    "as_uuid asdecimal decimal_return_scale none_as_null create_constraint values_callable "
    "validate_strings omit_aliases metadata inherit_schema create_type as_tuple native native_enum "
    "sort_key_function enums retrieve_as_bitwise quote name _create_events _adapted_from "
    "_enums second_precision day_precision epoch comparator pickler impl".split()
)
_Arguments: TypeAlias = tuple[object, ...]
_Keywords: TypeAlias = tuple[tuple[str, object], ...]


def stored_type(type_: TypeEngine[Any], dialect: Any) -> TypeEngine[Any]:
    """Return the type that a TypeDecorator stores on the dialect; any other type unchanged.

    The implementation of a decorator can have variants too.
    """
    while isinstance(type_, TypeDecorator) and not _is_sqlalchemy(type(type_)):
        variant = type_._variant_mapping.get(dialect.name)
        type_ = variant if variant is not None else type_.load_dialect_impl(dialect)
        type_ = type_._variant_mapping.get(dialect.name, type_)
    return type_


def type_key(type_: TypeEngine[Any]) -> tuple[Any, ...] | None:
    """Return a key that types with the same SQL on every dialect share, None if there is none.

    A model has as many types as columns, and most of them are equal.
    """
    cls, attributes = type(type_), vars(type_)
    if not is_plain_class(cls):  # type: ignore[arg-type]
        return None
    if not attributes:
        return (cls,)
    if (
        "dispatch" in attributes
    ):  # event listeners, as Boolean and Enum have; they do not change the SQL
        attributes = {name: value for name, value in attributes.items() if name != "dispatch"}
    key = (cls, *attributes, *attributes.values())
    try:
        hash(key)
    except TypeError:  # the values of an enum, a variant
        return None
    return key


@cache
def is_plain_class(cls: type[Any]) -> bool:
    """Return whether a class is SQLAlchemy's own, and no @compiles changes its SQL."""
    return _is_sqlalchemy(cls) and not hasattr(cls, "_compiler_dispatcher")


def spell_type(type_: TypeEngine[Any], dialect: Any, sql: str) -> TypeCall:
    """Return the call that creates the type, such as `sa.String(50)`.

    Types of SQLAlchemy and of installed libraries are called by name. A type of the application
    becomes `op.sql_type(...)` with its SQL.
    """
    variants = dict(getattr(type_, "_variant_mapping", {}))
    stored = stored_type(type_, dialect)
    call = _spell(stored, dialect, sql)
    if stored is not type_ or not variants:
        return call
    spelled = (
        (name, _spell_variant(variants[name], name, dialect, sql)) for name in sorted(variants)
    )
    return replace(call, variants=tuple((name, found) for name, found in spelled if found))


def _spell_variant(type_: TypeEngine[Any], name: str, dialect: Any, sql: str) -> TypeCall | None:
    """Return the call of a type for one dialect, None if that dialect is unknown or refuses it.

    A type can store something else on each dialect, so the dialect of the variant writes its SQL.
    """
    if name == dialect.name:
        return _spell(stored_type(type_, dialect), dialect, sql)
    try:
        other = _dialect(name)
        stored = stored_type(type_, other.sqlalchemy)
        wanted = other.canonical_type(type_.compile(dialect=other.sqlalchemy))
        call = _spell(stored, other.sqlalchemy, wanted)
        with suppress(AttributeError, KeyError, TypeError, ValueError, SQLAlchemyError):
            created = standard_sql(call.create(), other.sqlalchemy)
            if other.canonical_type(created) == wanted:
                return call
        return TypeCall(SQL_TYPE, (wanted,))
    except (DatabaseError, SQLAlchemyError, ImportError, AttributeError, TypeError, ValueError):
        return None


@cache
def _dialect(name: str) -> Dialect:
    return dialect_for(name)


def _spell(type_: TypeEngine[Any], dialect: Any, sql: str) -> TypeCall:
    if isinstance(type_, sa.Enum):
        return _spell_enum(type_)
    if isinstance(type_, sa.ARRAY):
        return _spell_array(type_, dialect, sql)
    cls = _public(type(type_))
    prefix = _prefix(cls)
    if prefix is None or isinstance(type_, SQLType) or _is_named(type_):
        return TypeCall(SQL_TYPE, (sql,))
    arguments, keywords = _arguments(type_)
    if getattr(type_, "__visit_name__", None) == "SET":  # a type for @compiles has no such name
        arguments, keywords = _with_values(type_, type_.values)  # type: ignore[attr-defined]
    return TypeCall(f"{prefix}{cls.__name__}", arguments, keywords)


def _public(cls: type[Any]) -> type[Any]:
    """Return the class that a script can name: type_descriptor() can return a private one."""
    return next(base for base in cls.__mro__ if not _is_sqlalchemy(base) or _is_exported(base))


@cache
def _is_exported(cls: type[Any]) -> bool:
    """Return whether the module that a script names has the class of SQLAlchemy."""
    for name in DIALECT_MODULES:
        if cls.__module__.startswith(f"sqlalchemy.dialects.{name}"):
            module = sys.modules.get(f"sqlalchemy.dialects.{name}")
            return getattr(module, cls.__name__, None) is cls
    return cls in (getattr(sa, cls.__name__, None), getattr(sa.types, cls.__name__, None))


def _is_named(type_: TypeEngine[Any]) -> bool:
    """Return whether the type is a named object in the database, such as a domain."""
    return isinstance(type_, sa.types.SchemaType) and not isinstance(type_, sa.Boolean)


def _spell_enum(type_: sa.Enum) -> TypeCall:
    if not type_.native_enum:
        return TypeCall("sa.String", (type_.length,))
    values, keywords = _with_values(type_, type_.enums)
    named = [("name", type_.name), ("schema", type_.schema)]
    keywords += tuple((key, str(value)) for key, value in named if value)
    is_mysql = type(type_).__module__.startswith("sqlalchemy.dialects.mysql")
    longest = max(map(len, type_.enums), default=0)
    if not is_mysql and (type_.length or 0) > longest:
        keywords += (("length", type_.length),)
    return TypeCall("mysql.ENUM" if is_mysql else "sa.Enum", values, keywords)


def _with_values(type_: TypeEngine[Any], values: Iterable[str]) -> tuple[_Arguments, _Keywords]:
    """Return the values of an enum or a set, without its length, and the keyword arguments."""
    _, keywords = _arguments(type_)
    return tuple(values), tuple(item for item in keywords if item[0] != "length")


def _spell_array(type_: sa.ARRAY[Any], dialect: Any, sql: str) -> TypeCall:
    cls = _public(type(type_))
    prefix = _prefix(cls)
    if prefix is None:
        prefix, cls = "sa.", sa.ARRAY
    declared = type_.item_type
    stored = stored_type(declared._variant_mapping.get(dialect.name, declared), dialect)
    item = _spell(stored, dialect, sql.removesuffix("[]"))
    dimensions = (("dimensions", type_.dimensions),) if type_.dimensions else ()
    return TypeCall(f"{prefix}{cls.__name__}", (item,), dimensions)


def _is_sqlalchemy(cls: type[Any]) -> bool:
    return cls.__module__.startswith("sqlalchemy.")


def _prefix(cls: type[Any]) -> str | None:
    """Return `sa.`, `postgresql.`, a library's module with a dot, or None for the application."""
    module = cls.__module__
    if _is_sqlalchemy(cls):
        for name in DIALECT_MODULES:
            if module.startswith(f"sqlalchemy.dialects.{name}"):
                return f"{name}."
        return "sa." if hasattr(sa, cls.__name__) else "sa.types."
    return _library_prefix(cls)


def _library_prefix(cls: type[Any]) -> str | None:
    module = sys.modules.get(cls.__module__)
    path = getattr(module, "__file__", None) or ""
    paths = sysconfig.get_paths()
    if not path.startswith((paths["purelib"], paths["platlib"])):
        return None
    parts = cls.__module__.split(".")
    for length in range(1, len(parts) + 1):
        name = ".".join(parts[:length])
        if getattr(sys.modules.get(name), cls.__name__, None) is cls:
            return f"{name}."
    return None


def _arguments(type_: TypeEngine[Any]) -> tuple[_Arguments, _Keywords]:
    """Return the arguments that differ from their defaults and affect what is stored."""
    arguments: list[object] = []
    keywords: list[tuple[str, object]] = []
    positional = True
    known = _parameters(_public(type(type_)))  # type: ignore[arg-type]
    for name, default in known.items():
        if name in _NOT_STORED:
            continue
        value = getattr(type_, name, default)
        if not isinstance(value, str | int | float | type(None)):
            continue
        if name in _POSITIONAL and positional and value is not None:
            arguments.append(value)
            continue
        positional = False
        if value != default:
            keywords.append((name, value))
    return tuple(arguments), tuple(keywords)


@cache
def _parameters(cls: type[Any]) -> dict[str, Any]:
    """Return the parameters of __init__ with their defaults, those of base classes last."""
    found: dict[str, Any] = {}
    for base in cls.__mro__:
        if "__init__" not in vars(base) or base is object:
            continue
        for name, parameter in list(inspect.signature(vars(base)["__init__"]).parameters.items())[
            1:
        ]:
            if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
                empty = parameter.default is inspect.Parameter.empty
                found.setdefault(name, None if empty else parameter.default)
        if not any(
            p.kind in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
            for p in inspect.signature(vars(base)["__init__"]).parameters.values()
        ):
            break
    return found
