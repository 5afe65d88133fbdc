"""Refuse names that are too long, and cut names as PostgreSQL does, which counts bytes.

The server cuts a name after 63 bytes, between two characters, and only sends a notice.
https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from autodiff.errors import ModelsError
from autodiff.schema.objects import ColumnType, IndexElement, Name, Schema, Table

if TYPE_CHECKING:
    from autodiff.dialects.base import Dialect

__all__ = ["cut_long_names", "has_names_to_cut", "is_cut", "require_short_name"]

_T = TypeVar("_T")
_NAMES = frozenset(("name", "columns", "include", "referred_columns"))
"""Fields that hold names as texts; others hold objects of the type Name."""


def require_short_name(what: str, name: str, most: int, database: str) -> None:
    """Raise ModelsError if a name has more characters than a database allows.

    what: what has the name, such as "Index of table items".
    """
    if len(name) > most:
        raise ModelsError(
            f"{what} has a name of {len(name)} characters, and {database} allows {most}: {name}",
            hint="give it a shorter name",
        )


def is_cut(name: str, dialect: Dialect) -> bool:
    """Return whether the server may cut a name: one with many characters or bytes."""
    features = dialect.features
    return features.cuts_names_by_bytes and (
        not name.isascii() or len(name) > features.max_name_length
    )


def has_names_to_cut(table: Table, dialect: Dialect) -> bool:
    """Return whether the server may cut the name of a table or of one of its columns.

    Raises ModelsError for a name that the database refuses.
    """
    cuts, most = dialect.features.cuts_names_by_bytes, dialect.features.max_name_length
    names = [table.name.name, *[column.name for column in table.columns]]
    if max(map(len, names)) <= most:
        return cuts and not "".join(names).isascii()
    require_short_name("table", names[0], most, dialect.name)
    if not cuts:
        for name in names[1:]:
            require_short_name(f"column of table {table.name}", name, most, dialect.name)
    return cuts


def cut_long_names(schema: Schema, most_bytes: int) -> Schema:
    """Return a schema whose tables, columns, constraints and indexes have names as the server.

    Enum types keep their names: the types of columns spell them.
    """
    return replace(
        schema,
        tables={cut.name: cut for cut in _each(schema.tables, most_bytes)},
        views={cut.name: cut for cut in _each(schema.views, most_bytes)},
        sequences={cut.name: cut for cut in _each(schema.sequences, most_bytes)},
        renamed=_cut(schema.renamed, most_bytes),
    )


def _cut_name(name: str, most_bytes: int) -> str:
    """Return the beginning of a name that has at most so many bytes in UTF-8."""
    return name.encode()[:most_bytes].decode(errors="ignore")


def _each(named: Mapping[Name, _T], most_bytes: int) -> list[_T]:
    return [_cut(item, most_bytes) for item in named.values()]


def _cut(value: Any, most_bytes: int, *, is_name: bool = False) -> Any:
    """Return a value of a schema with the names in it cut."""
    match value:
        case str():
            return _cut_name(value, most_bytes) if is_name else value
        case Name():
            schema = value.schema and _cut_name(value.schema, most_bytes)
            return Name(_cut_name(value.name, most_bytes), schema)
        case tuple():
            return tuple(_cut(item, most_bytes, is_name=is_name) for item in value)
        case ColumnType():
            return value
        case IndexElement(is_expression=False):
            return replace(value, text=_cut_name(value.text, most_bytes))
        case _ if is_dataclass(value) and not isinstance(value, type):
            parts = {field.name: getattr(value, field.name) for field in fields(value)}
            return replace(
                value,
                **{
                    key: _cut(part, most_bytes, is_name=key in _NAMES)
                    for key, part in parts.items()
                },
            )
        case _:
            return value
