"""Instances of every type class of SQLAlchemy and of libraries, one for each argument."""

from __future__ import annotations

import importlib
import inspect
import warnings
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import sqlalchemy as sa
from sqlalchemy.types import TypeEngine

__all__ = ["instances", "type_classes"]

LIBRARIES = (
    "sqlalchemy.types",
    *(f"sqlalchemy.dialects.{name}" for name in ("postgresql", "mysql", "sqlite", "mssql")),
    "sqlalchemy.dialects.oracle",
    "sqlalchemy_utils.types",
    "sqlmodel.sql.sqltypes",
    "geoalchemy2.types",
    "pgvector.sqlalchemy",
)
BASES = {"TypeEngine", "TypeDecorator", "UserDefinedType", "SchemaType", "Indexable"}
REQUIRED: dict[str, tuple[Any, ...]] = {
    "ARRAY": (sa.Integer,),
    "ChoiceType": ([("a", "A"), ("b", "B")],),
    "CompositeType": ("pair", [sa.Column("a", sa.Integer)]),
    "DOMAIN": ("positive", sa.Integer),
    "ENUM": ("a", "it's"),
    "Enum": ("a", "it's"),
    "EncryptedType": (sa.String, "key"),
    "HALFVEC": (3,),
    "NamedType": ("named",),
    "SET": ("a", "it's"),
    "SPARSEVEC": (3,),
    "StringEncryptedType": (sa.String, "key"),
    "VECTOR": (3,),
}
"""The arguments that a class cannot do without."""
NAMED = ("ENUM", "Enum")
VALUES: dict[str, tuple[Any, ...]] = {
    "asdecimal": (False,),
    "as_uuid": (False,),
    "ascii": (True,),
    "binary": (True,),
    "binary_precision": (12,),
    "charset": ("ascii",),
    "collation": ("ascii_bin",),
    "day_precision": (2,),
    "decimal_return_scale": (3,),
    "dim": (5,),
    "dimension": (3,),
    "dimensions": (2,),
    "display_width": (4,),
    "fields": ("DAY TO SECOND", "YEAR"),
    "fsp": (0, 3),
    "geometry_type": ("POINT", None),
    "length": (1, 7, 40, 4000),
    "local_timezone": (True,),
    "max_length": (9,),
    "national": (True,),
    "native": (False,),
    "native_enum": (False,),
    "native_uuid": (False,),
    "precision": (5, 24, 25),
    "retrieve_as_bitwise": (True,),
    "scale": (2,),
    "second_precision": (0, 6),
    "spatial_index": (False,),
    "srid": (4326,),
    "timezone": (True,),
    "truncate_microseconds": (True,),
    "unicode": (True,),
    "unsigned": (True,),
    "use_typmod": (False,),
    "varying": (True,),
    "zerofill": (True,),
}
"""The values with which each argument is tried."""
TOGETHER = (
    {"precision": 8, "scale": 2},
    {"precision": 8, "scale": 2, "unsigned": True, "zerofill": True},
    {"length": 7, "collation": "utf8mb4_bin"},
    {"length": 7, "charset": "utf8mb4", "collation": "utf8mb4_bin"},
    {"length": 7, "varying": True},
    {"timezone": True, "precision": 3},
    {"display_width": 5, "unsigned": True},
    {"display_width": 5, "zerofill": True},
    {"fields": "DAY TO SECOND", "precision": 3},
    {"geometry_type": "POINT", "srid": 4326},
    {"native_enum": False, "length": 30},
)


def type_classes() -> list[type[TypeEngine[Any]]]:
    """Return the public type classes of all libraries, each once."""
    found: dict[type[TypeEngine[Any]], None] = {}
    for library in (*LIBRARIES, "citext"):
        with suppress(ImportError), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module = importlib.import_module(library)
            for _, cls in inspect.getmembers(module, inspect.isclass):
                if issubclass(cls, TypeEngine) and not _is_base(cls):
                    found[cls] = None
    return list(found)


def _is_base(cls: type[Any]) -> bool:
    return cls.__name__ in BASES or not hasattr(cls, "__visit_name__")


def instances(cls: type[TypeEngine[Any]]) -> Iterator[TypeEngine[Any]]:
    """Yield instances of a class: with the fewest arguments, then with each of the others."""
    parameters = parameter_names(cls)
    sets: list[dict[str, Any]] = [{}]
    sets += [{name: value} for name in parameters for value in VALUES.get(name, ())]
    sets += [items for items in TOGETHER if items.keys() <= parameters]
    for arguments in sets:
        named = {"name": "kind"} if cls.__name__ in NAMED and "mysql" not in cls.__module__ else {}
        with suppress(Exception), warnings.catch_warnings():
            # An optional dependency is not installed, or the arguments exclude each other:
            warnings.simplefilter("ignore")
            yield cls(*REQUIRED.get(cls.__name__, ()), **arguments, **named)


def parameter_names(cls: type[Any]) -> set[str]:
    """Return the names of the arguments that a class and its bases take."""
    return {
        name
        for base in cls.__mro__
        if "__init__" in vars(base) and base is not object
        for name, parameter in list(inspect.signature(vars(base)["__init__"]).parameters.items())[
            1:
        ]
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    }
