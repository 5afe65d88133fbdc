"""Test that every type, by every route to it, is spelled as code with the same DDL."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.types import SchemaType, TypeDecorator, TypeEngine

from autodiff.dialects import Dialect, dialect_for
from autodiff.models import declare
from autodiff.render.migration import imports_of
from autodiff.schema.objects import Name
from tests.declare.type_instances import instances, type_classes

DIALECTS = ("sqlite", "postgresql", "mariadb")
INSTANCES = [list(instances(cls)) for cls in type_classes()]
ALL = [type_ for found in INSTANCES for type_ in found]
FEW = [
    type_ for found in INSTANCES for type_ in {id(t): t for t in found[:1] + found[-1:]}.values()
]
"""The instances with the fewest and the most arguments, for routes that do not depend on them."""


def decorator(implementation: Any) -> TypeDecorator[Any]:
    class Decorator(TypeDecorator[Any]):
        impl = implementation
        cache_ok = True

    return Decorator()


def loaded(type_: Any) -> TypeDecorator[Any]:
    class Loaded(TypeDecorator[Any]):
        impl = sa.String
        cache_ok = True

        def load_dialect_impl(self, dialect: sa.Dialect) -> Any:
            return type_

    return Loaded()


def described(type_: Any) -> TypeDecorator[Any]:
    class Described(TypeDecorator[Any]):
        impl = sa.String
        cache_ok = True

        def load_dialect_impl(self, dialect: sa.Dialect) -> Any:
            return dialect.type_descriptor(type_)

    return Described()


def variant(type_: Any) -> TypeEngine[Any]:
    return sa.String(300).with_variant(type_, *DIALECTS)


def subclass(type_: TypeEngine[Any]) -> TypeEngine[Any] | None:
    """Return a copy that has a class of the application; the events of an enum refer to its own."""
    if isinstance(type_, SchemaType) and not isinstance(type_, sa.Boolean):
        return None
    of_application = copy.copy(type_)
    of_application.__class__ = type(
        "Mine", (type(type_),), {"__module__": "application", "cache_ok": True}
    )
    return of_application


def compiled(type_: Any) -> TypeEngine[Any] | None:
    """Return a type whose SQL is written by the application; None if it cannot be."""
    if type_ is None:
        return None

    @compiles(type(type_))
    def write(element: Any, compiler: Any, **kw: Any) -> str:
        return "VARCHAR(77)"

    return type_  # type: ignore[no-any-return]


def with_variant(type_: TypeEngine[Any] | None, *names: str) -> TypeEngine[Any] | None:
    return None if type_ is None else type_.with_variant(described(sa.Text()), *names)


ROUTES: dict[str, Callable[[Any], TypeEngine[Any] | None]] = {
    "plain": lambda type_: type_,
    "impl": decorator,
    "impl-class": lambda type_: decorator(type(type_)),
    "load_dialect_impl": loaded,
    "descriptor": described,
    "descriptor-in-impl": lambda type_: decorator(described(type_)),
    "variant": variant,
    "variant-in-impl": lambda type_: decorator(variant(type_)),
    "variant-in-descriptor": lambda type_: described(variant(type_)),
    "variant-of-decorator": lambda type_: described(sa.Integer()).with_variant(
        loaded(type_), *DIALECTS
    ),
    "variant-elsewhere": lambda type_: decorator(type_).with_variant(decorator(sa.Text()), "mssql"),
    "subclass": subclass,
    "subclass-with-variant": lambda type_: with_variant(subclass(type_), "mssql"),
    "array": sa.ARRAY,
    "array-of-decorator": lambda type_: described(postgresql.ARRAY(decorator(type_), dimensions=2)),
    "array-of-variant": lambda type_: sa.ARRAY(variant(type_)),
    "compiles": lambda type_: compiled(decorator(type_)),
    "compiles-subclass": lambda type_: compiled(subclass(type_)),
}


CASES = [
    (name, route)
    for name in DIALECTS
    for route in ROUTES
    if name == "postgresql" or "array" not in route
]


@pytest.mark.parametrize(("name", "route"), CASES)
def test_code_of_a_type_has_the_same_ddl(name: str, route: str) -> None:
    """The code runs with the imports of its file, and without the application."""
    dialect = dialect_for(name)
    tried = 0
    messages: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for original in ALL if route in ("plain", "descriptor") else FEW:
            column = _column(ROUTES[route], original)
            wanted = None if column is None else _ddl(column, dialect)
            if column is None or wanted is None:
                continue
            tried += 1
            code, sql, obtained = _again(column, dialect)
            expected = dialect.canonical_type(wanted)
            if (sql, obtained) != (expected, expected) or "application" in code:
                messages.append(f"{original!r}: {wanted} became {obtained} by {code}")
    assert not messages, "\n".join(messages)
    assert tried > 150


def _column(route: Callable[..., Any], *arguments: Any) -> sa.Column[Any] | None:
    """Return a column of a table; None if SQLAlchemy does not allow the type in this place."""
    try:
        type_ = route(*arguments)
        return None if type_ is None else sa.Table("t", sa.MetaData(), sa.Column("c", type_)).c.c
    except (TypeError, ValueError, AttributeError, NotImplementedError, sa.exc.SQLAlchemyError):
        return None


def _ddl(column: sa.Column[Any], dialect: Dialect) -> str | None:
    try:
        column.type.dialect_impl(dialect.sqlalchemy)  # without it, no query can use the column
        return column.type.compile(dialect=dialect.sqlalchemy)
    except (AttributeError, TypeError, ImportError, sa.exc.SQLAlchemyError):
        return None  # a type of another database


def _again(column: sa.Column[Any], dialect: Dialect) -> tuple[str, str, str]:
    """Return the code of a column's type, its SQL, and the SQL that the code creates."""
    declared = declare(column.table.metadata, dialect).tables[Name("t")].columns[0].type
    again = _created(declared.python).compile(dialect=dialect.sqlalchemy)
    return declared.python, declared.sql, dialect.canonical_type(again)


def _created(code: str) -> TypeEngine[Any]:
    """Return the type that code creates in a migration."""
    names: dict[str, Any] = {}
    exec("\n".join(imports_of(f"    {code}")), names)
    created: TypeEngine[Any] = eval(code, names)
    return created


@pytest.mark.parametrize("name", DIALECTS)
@pytest.mark.parametrize("route", ["plain", "impl", "load_dialect_impl", "subclass"])
def test_a_variant_is_the_same_type_on_its_own_database(name: str, route: str) -> None:
    """A type of the application can store something else on the database of the variant."""
    here = dialect_for(name)
    messages = []
    for there in map(dialect_for, sorted({*DIALECTS} - {name})):
        for original in [*FEW, PerDatabase()]:
            found = ROUTES[route](original)
            column = _column(sa.String(300).with_variant, found, there.sqlalchemy.name)
            wanted = None if column is None else _ddl(column, there)
            code = "" if column is None or wanted is None else _again(column, here)[0]
            if wanted is not None and "with_variant" in code:
                created = _created(code).compile(dialect=there.sqlalchemy)
                if there.canonical_type(created) != there.canonical_type(wanted):
                    messages.append(f"{original!r}: {wanted} became {created} by {code}")
    assert not messages, "\n".join(messages)


class PerDatabase(TypeDecorator[Any]):
    """Stores a string that is as long as the name of the database."""

    impl = sa.String
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> Any:
        return dialect.type_descriptor(sa.String(len(dialect.name)))


def test_a_variant_of_the_application_has_the_sql_of_its_own_database() -> None:
    """A type without a public class is written as SQL, and an unknown database is left out."""

    class Point(sa.types.UserDefinedType[Any]):
        cache_ok = True

        def get_col_spec(self, **kw: Any) -> str:
            return "GEOMETRY(POINT)"

    type_ = sa.String(9).with_variant(Point(), "postgresql").with_variant(Point(), "nowhere")
    column = sa.Table("t", sa.MetaData(), sa.Column("c", type_)).c.c
    code, _, _ = _again(column, dialect_for("sqlite"))
    assert code == ('sa.String(9).with_variant(op.sql_type("GEOMETRY(POINT)"), "postgresql")')
