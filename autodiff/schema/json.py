"""Convert schema objects to and from JSON data. Fields with default values are left out.

The data can come from a file that anyone can edit, so each value must have the type of its field.
How a script spells a type is not part of the data: it is derived from the SQL of the type.
"""

from __future__ import annotations

import marshal
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import cache, cached_property, lru_cache
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from autodiff.schema import objects as schema
from autodiff.schema.objects import ColumnType, Name, Option, Schema
from autodiff.schema.sqltext import tokens

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
_DERIVED: Mapping[type, frozenset[str]] = {
    ColumnType: frozenset(("python",)),
    schema.Table: frozenset(("repeated_names",)),
}
"""Fields that are not part of the data."""
_WORDS = {str: "a string", int: "an integer", bool: "true or false"}
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
            if item != _default(spec) and spec.name not in _DERIVED.get(cls, ()):
                data[spec.name] = to_data(item)
        return data
    if isinstance(value, tuple):
        return [to_data(item) for item in value]
    if isinstance(value, Mapping):
        return {key: value[key] for key in sorted(value)}
    return value


def from_data(cls: type[T], data: Any) -> T:
    """Return the object of class `cls` from which `to_data` made `data`.

    Raises ValueError if `data` was not written by `to_data`.
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


def schema_from_data(data: Any, *, later: Callable[[Exception], Exception] | None = None) -> Schema:
    """Return the schema from which `schema_to_data` made `data`.

    later: decode the tables when they are first accessed; it makes the error to raise if that
    fails.

    Raises ValueError if `data` was not written by `schema_to_data`.
    """
    lists = _lists(data)
    tables = lists["tables"]
    return Schema(
        tables=_by_name(schema.Table, tables) if later is None else _Later(tables, later),
        enums=_by_name(schema.EnumType, lists["enums"]),
        sequences=_by_name(schema.Sequence, lists["sequences"]),
        views=_by_name(schema.View, lists["views"]),
        namespaces=frozenset(_strings("namespaces", lists["namespaces"])),
    )


def _strings(place: str, data: Any) -> tuple[str, ...]:
    found: tuple[str, ...] = _located(place, _decoder(tuple[str, ...]), data)
    return found


def _lists(data: Any) -> dict[str, list[Any]]:
    if not isinstance(data, dict):
        raise ValueError("it is not an object")
    kinds = schema_to_data(Schema()).keys()
    if unknown := sorted(data.keys() - kinds):
        raise ValueError(f"unknown kind of object {unknown[0]!r}")
    for kind in kinds:
        if not isinstance(data.get(kind), list):
            raise ValueError(f"{kind} must be a list")
    return data


class _Later(Mapping[Name, Any]):
    """Tables that are decoded on first access."""

    def __init__(self, items: list[Any], wrong: Callable[[Exception], Exception]) -> None:
        self._items = items
        self._wrong = wrong

    @cached_property
    def _decoded(self) -> dict[Name, Any]:
        try:
            return _by_name(schema.Table, self._items)
        except ValueError as error:
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


def _located(place: str, decode: Callable[[Any], Any], data: Any) -> Any:
    """Decode data; the message of an error begins with the place."""
    try:
        return decode(data)
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from None


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
        return _decode_constraint
    if is_dataclass(annotation):
        decode = _dataclass_decoder(annotation)
        return _remembered(decode) if annotation is schema.Column else decode
    if annotation in _WORDS:
        return _plain_decoder((annotation,))
    origin, args = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        return _union_decoder(args)
    if origin is tuple:
        return _tuple_decoder(args)
    if origin is Mapping:
        return _decode_options
    raise AssertionError(annotation)


def _plain_decoder(types: tuple[type, ...]) -> Callable[[Any], Any]:
    words = " or ".join(_WORDS[cls] for cls in types)

    def decode(data: Any) -> Any:
        if type(data) not in types:
            raise ValueError(f"must be {words}")
        return data

    return decode


def _union_decoder(args: tuple[Any, ...]) -> Callable[[Any], Any]:
    """Return the decoder of an optional value, or of one of several plain types."""
    present = tuple(arg for arg in args if arg is not type(None))
    decode = _decoder(present[0]) if len(present) == 1 else _plain_decoder(present)
    if len(present) == len(args):
        return decode
    return lambda data: None if data is None else decode(data)


def _tuple_decoder(args: tuple[Any, ...]) -> Callable[[Any], Any]:
    decode = _decoder(args[0])
    length = None if args[-1] is Ellipsis else len(args)

    def decode_tuple(data: Any) -> tuple[Any, ...]:
        if not isinstance(data, list) or (length is not None and len(data) != length):
            raise ValueError("must be a list" + (f" of {length}" if length else ""))
        return tuple(map(decode, data))

    return decode_tuple


def _decode_options(data: Any) -> dict[str, Option]:
    if not isinstance(data, dict):
        raise ValueError("must be an object")
    for name in data:
        if not name.isidentifier():
            raise ValueError(f"{name!r} is not the name of an option")
    decode = _decoder(str | int | bool)
    return {name: _located(name, decode, value) for name, value in data.items()}


def _decode_name(data: Any) -> Name:
    if isinstance(data, str):
        return Name(data)
    if isinstance(data, list) and len(data) == 2 and all(isinstance(part, str) for part in data):
        return Name(data[1], data[0])
    raise ValueError("must be a name, or a schema and a name")


def _decode_constraint(data: Any) -> Any:
    kind = data.get("is") if isinstance(data, dict) else None
    if not isinstance(kind, str) or kind not in _CONSTRAINTS:
        raise ValueError(f"unknown kind of constraint {kind!r}")
    return _decoder(_CONSTRAINTS[kind])(data)


@lru_cache(4096)
def _require_type(sql: str) -> None:
    """Raise ValueError if a type's SQL contains more than a type: it is sent to the database."""
    # only the values of these types on MySQL can contain backslashes
    found = list(tokens(sql, backslashes=sql.startswith(("enum(", "set("))))
    texts = [token for _, token in found]
    has_comment = any(kind == "space" and token.strip() for kind, token in found)
    if ";" in texts or "\0" in texts or has_comment or texts.count("(") != texts.count(")"):
        raise ValueError(f"sql: {sql!r} is not a type")


def _dataclass_decoder(cls: Any) -> Callable[[Any], Any]:
    hints = get_type_hints(cls)
    specs = [spec for spec in fields(cls) if spec.name not in _DERIVED.get(cls, ())]
    decoders = {spec.name: _decoder(hints[spec.name]) for spec in specs}
    required = frozenset(spec.name for spec in specs if _default(spec) is MISSING)
    is_constraint, is_type = cls in _KIND_OF, cls is ColumnType

    def decode_fields(data: dict[str, Any]) -> Any:
        values = {
            name: _located(name, decoders[name], value)
            for name, value in data.items()
            if name in decoders
        }
        if len(values) + is_constraint < len(data):
            unknown = next(name for name in data if name not in decoders and name != "is")
            raise ValueError(f"unknown field {unknown!r}")
        if missing := required - values.keys():
            raise ValueError(f"{min(missing)} is missing")
        if is_type:
            _require_type(values["sql"])
        return cls(**values)

    def decode(data: Any) -> Any:
        if not isinstance(data, dict):
            raise ValueError(f"{cls.__name__} must be an object")
        name = data.get("name")
        if not isinstance(name, str | list):
            return decode_fields(data)
        shown = name if isinstance(name, str) else ".".join(map(str, name))
        return _located(f"{cls.__name__} {shown!r}", decode_fields, data)

    return decode


def _remembered(decode: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a decoder that gives one object for equal data: columns repeat across tables."""
    known: dict[bytes, Any] = {}

    def remembered(data: Any) -> Any:
        key = marshal.dumps(data, 0)  # the fastest key that distinguishes 1 from True
        found = known.get(key)
        if found is None:
            if len(known) >= _CACHE_SIZE:
                known.clear()
            found = known[key] = decode(data)
        return found

    return remembered
