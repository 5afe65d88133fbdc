"""Convert schema objects to and from JSON data. Fields with default values are left out."""

from __future__ import annotations

import marshal
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import cache, cached_property
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from autodiff.schema import objects as schema
from autodiff.schema.objects import Name, Schema

__all__ = ["from_data", "schema_from_data", "schema_to_data", "to_data"]

T = TypeVar("T")
_CONSTRAINTS = {
    "primary_key": schema.PrimaryKey,
    "foreign_key": schema.ForeignKey,
    "unique": schema.Unique,
    "check": schema.Check,
    "exclusion": schema.Exclusion,
}
_CACHE_SIZE = 10_000
"""How many decoded objects to keep: a large schema has fewer different columns."""
_KIND_OF = {cls: kind for kind, cls in _CONSTRAINTS.items()}


def to_data(value: Any) -> Any:
    """Return an object as dicts, lists, strings and numbers."""
    if isinstance(value, Name):
        return value.name if value.schema is None else [value.schema, value.name]
    if is_dataclass(value):
        cls = type(value)
        data: dict[str, Any] = {"is": _KIND_OF[cls]} if cls in _KIND_OF else {}
        for spec in fields(value):
            item = getattr(value, spec.name)
            if item != _default(spec):
                data[spec.name] = to_data(item)
        return data
    if isinstance(value, tuple):
        return [to_data(item) for item in value]
    if isinstance(value, Mapping):
        return {key: value[key] for key in sorted(value)}
    return value


def from_data(cls: type[T], data: Any) -> T:
    """Return the object of class `cls` from which `to_data` made `data`.

    Raises KeyError or TypeError if `data` was not written by `to_data`.
    """
    result: T = _decoder(cls)(data)  # type: ignore[arg-type]
    return result


def schema_to_data(value: Schema) -> dict[str, Any]:
    """Return a schema as plain data: a list for each kind of object, sorted by name."""
    return {
        "tables": _sorted(value.tables),
        "enums": _sorted(value.enums),
        "sequences": _sorted(value.sequences),
        "views": _sorted(value.views),
        "namespaces": sorted(value.namespaces),
    }


def schema_from_data(
    data: Mapping[str, Any], *, later: Callable[[Exception], Exception] | None = None
) -> Schema:
    """Return the schema from which `schema_to_data` made `data`.

    later: decode the tables when they are first accessed; it makes the error to raise if that
    fails.
    """
    tables = data["tables"]
    return Schema(
        tables=_by_name(schema.Table, tables) if later is None else _Later(tables, later),
        enums=_by_name(schema.EnumType, data["enums"]),
        sequences=_by_name(schema.Sequence, data["sequences"]),
        views=_by_name(schema.View, data["views"]),
        namespaces=frozenset(data["namespaces"]),
    )


class _Later(Mapping[Name, Any]):
    """Tables that are decoded on first access."""

    def __init__(self, items: list[Any], wrong: Callable[[Exception], Exception]) -> None:
        self._items = items
        self._wrong = wrong

    @cached_property
    def _decoded(self) -> dict[Name, Any]:
        try:
            return _by_name(schema.Table, self._items)
        except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
            raise self._wrong(error) from error

    def __getitem__(self, name: Name) -> Any:
        return self._decoded[name]

    def __iter__(self) -> Iterator[Name]:
        return iter(self._decoded)

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        return repr(self._decoded)


def _sorted(objects: Mapping[Name, Any]) -> list[Any]:
    return [to_data(objects[name]) for name in sorted(objects)]


def _by_name(cls: type[Any], items: list[Any]) -> dict[Name, Any]:
    nouns = [from_data(cls, item) for item in items]
    return {noun.name: noun for noun in nouns}


def _default(spec: Field[Any]) -> Any:
    if spec.default is not MISSING:
        return spec.default
    return spec.default_factory() if spec.default_factory is not MISSING else MISSING


@cache
def _decoder(annotation: Any) -> Callable[[Any], Any]:
    """Return the function that converts plain data to a value of the annotated type."""
    if annotation is Name:
        return _decode_name
    if annotation == schema.Constraint:
        return lambda data: _decoder(_CONSTRAINTS[data["is"]])(data)
    if is_dataclass(annotation):
        decode = _dataclass_decoder(annotation)
        return _remembered(decode) if annotation is schema.Column else decode
    if get_origin(annotation) in (Union, UnionType):
        inner = [arg for arg in get_args(annotation) if arg is not type(None)]
        decode = _decoder(inner[0]) if len(inner) == 1 else _as_it_is
        if decode is _as_it_is:
            return _as_it_is
        return lambda data: None if data is None else decode(data)
    if get_origin(annotation) is tuple:
        args = get_args(annotation)
        if args[-1] is Ellipsis:
            decode = _decoder(args[0])
            return tuple if decode is _as_it_is else lambda data: tuple(map(decode, data))
        return tuple
    return _as_it_is


def _decode_name(data: Any) -> Name:
    return Name(data) if isinstance(data, str) else Name(data[1], data[0])


def _dataclass_decoder(cls: Any) -> Callable[[Any], Any]:
    hints = get_type_hints(cls)
    found = {spec.name: _decoder(hints[spec.name]) for spec in fields(cls)}
    decoders = {name: decoder for name, decoder in found.items() if decoder is not _as_it_is}

    def decode(data: dict[str, Any]) -> Any:
        values = data.copy()
        values.pop("is", None)
        for name in values.keys() & decoders.keys():
            values[name] = decoders[name](values[name])
        return cls(**values)

    return decode


def _remembered(decode: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a decoder that gives one object for equal data: columns repeat across tables."""
    known: dict[bytes, Any] = {}

    def remembered(data: dict[str, Any]) -> Any:
        key = marshal.dumps(data, 0)  # the fastest key that distinguishes 1 from True
        found = known.get(key)
        if found is None:
            if len(known) >= _CACHE_SIZE:
                known.clear()
            found = known[key] = decode(data)
        return found

    return remembered


def _as_it_is(data: Any) -> Any:
    return data
