"""Test types of popular libraries: what a migration calls must exist and store the same."""

from __future__ import annotations

import enum
import importlib
import inspect
import warnings
from contextlib import suppress
from types import ModuleType
from typing import Any

import geoalchemy2.types
import pgvector.sqlalchemy
import pytest
import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.types import TypeEngine

from autodiff import op
from autodiff.dialects import dialect_for
from autodiff.models import declare
from autodiff.schema.objects import Name

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import sqlalchemy_utils.types

DIALECTS = ("sqlite", "postgresql", "mysql", "mariadb")
MODULES = [
    sqlalchemy_utils.types,
    geoalchemy2.types,
    pgvector.sqlalchemy,
    sqlmodel.sql.sqltypes,
]
with suppress(ImportError):  # sqlalchemy-citext needs psycopg2, which the tests do not use
    MODULES.append(importlib.import_module("citext"))


class Mood(enum.Enum):
    happy = 1


ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "ChoiceType": ([("a", "A"), ("b", "B")],),
    "CompositeType": ("pair", [sa.Column("a", sa.Integer)]),
    "EncryptedType": (sa.String, "key"),
    "StringEncryptedType": (sa.String, "key"),
    "VECTOR": (3,),
    "HALFVEC": (3,),
    "BIT": (3,),
    "SPARSEVEC": (3,),
    "Vector": (3,),
}


def _types(module: ModuleType) -> list[type[TypeEngine[Any]]]:
    """Return the type classes of a library that models can use directly."""
    own = module.__name__.partition(".")[0]
    return sorted(
        {
            cls
            for _, cls in inspect.getmembers(module, inspect.isclass)
            if issubclass(cls, TypeEngine)
            and cls.__module__.startswith(own)
            and not cls.__name__.startswith("_")
        },
        key=lambda cls: cls.__name__,
    )


CASES = [
    pytest.param(cls, kind, id=f"{cls.__module__}.{cls.__name__}-{kind}")
    for module in MODULES
    for cls in _types(module)
    for kind in DIALECTS
]


@pytest.mark.parametrize(("cls", "kind"), CASES)
def test_type_of_a_library(cls: type[TypeEngine[Any]], kind: str) -> None:
    """Its spelling can be imported, and has the same SQL on the database."""
    type_, dialect = _instance(cls), dialect_for(kind)
    metadata = sa.MetaData()
    column = sa.Column("c", type_)
    sa.Table("t", metadata, sa.Column("id", sa.Integer, primary_key=True), column)
    wanted = _sql(column.type, dialect.sqlalchemy)
    if wanted is None:
        pytest.skip(f"{cls.__name__} has no SQL on {kind}")
    declared = declare([metadata], dialect).tables[Name("t")].column("c")
    assert declared is not None
    again = _evaluate(declared.type.python)
    compiled = _sql(again, dialect.sqlalchemy)
    assert compiled is not None
    assert dialect.canonical_type(compiled) == dialect.canonical_type(wanted)


def test_every_library_has_types() -> None:
    """Otherwise the test above would pass without testing anything."""
    counts = {module.__name__: len(_types(module)) for module in MODULES}
    assert all(counts.values()), counts
    assert len(_types(sqlalchemy_utils.types)) >= 20


def _instance(cls: type[TypeEngine[Any]]) -> TypeEngine[Any]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return cls(*ARGUMENTS.get(cls.__name__, ()))
    except Exception as error:  # an optional dependency of the type is not installed
        pytest.skip(f"cannot create {cls.__name__}: {error}")


def _sql(type_: TypeEngine[Any], dialect: sa.Dialect) -> str | None:
    try:
        return type_.compile(dialect=dialect)
    except (sa.exc.CompileError, AttributeError):  # a type of results, not of columns
        return None


def _evaluate(python: str) -> TypeEngine[Any]:
    library = python.partition(".")[0]
    names: dict[str, Any] = {"sa": sa, "op": op, "postgresql": postgresql, "mysql": mysql}
    names["sqlite"] = sqlite
    if library not in names:
        names[library] = importlib.import_module(library)
        importlib.import_module(python.partition("(")[0].rpartition(".")[0])
    created = eval(python, names)
    assert isinstance(created, TypeEngine)
    return created
