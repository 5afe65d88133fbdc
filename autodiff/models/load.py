"""Find the MetaData that the configuration names: "package.module:Base"."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import sqlalchemy as sa

from autodiff.errors import ModelsError

__all__ = ["find_metadata"]


def find_metadata(targets: str | Sequence[str], root: Path) -> list[sa.MetaData]:
    """Return the MetaData behind "package.module:object", or behind several of them.

    The object is a MetaData, a declarative base, SQLModel, a Flask-SQLAlchemy extension, a list of
    these, or a function that returns one. Without ":object" it is all of these in the module.
    `root` is added to the import path.

    Raises ModelsError if the module cannot be imported or the object is none of these.
    """
    names = [targets] if isinstance(targets, str) else list(targets)
    found: list[sa.MetaData] = []
    for name in names:
        for metadata in _metadata_of(name, root):
            if not any(metadata is other for other in found):
                found.append(metadata)
    return found


def _metadata_of(target: str, root: Path) -> list[sa.MetaData]:
    module_name, _, path = target.partition(":")
    module = _import(module_name, target, root)
    if not path:
        found = _in_module(module)
        if found:
            return found
        raise ModelsError(
            f"module {module_name} has neither a MetaData nor a declarative base",
            hint=f'name the object: models = "{module_name}:Base"',
        )
    thing: Any = module
    for part in path.split("."):
        if not hasattr(thing, part):
            raise ModelsError(
                f"models {target!r}: {module_name} has no {path}",
                hint=_suggestion(module, module_name),
            )
        thing = getattr(thing, part)
    return _in_object(thing, target)


def _import(name: str, target: str, root: Path) -> ModuleType:
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    try:
        return import_module(name)
    except (Exception, SystemExit) as error:
        reason = f"{type(error).__name__}: {error}"
        missing = isinstance(error, ModuleNotFoundError) and f"{name}.".startswith(f"{error.name}.")
        raise ModelsError(
            f"cannot import the models {target!r}: {reason}",
            hint=f"check that {name!r} can be imported from {root}"
            if missing
            else "the module must import without a running application",
        ) from error


def _suggestion(module: ModuleType, name: str) -> str:
    known = [key for key, value in vars(module).items() if _metadata(value) is not None]
    public = [key for key in known if not key.startswith("_")]
    return (
        f'models = "{name}:{public[0]}"'
        if public
        else f"set models to the name of the declarative base in {name}"
    )


def _in_module(module: ModuleType) -> list[sa.MetaData]:
    found: list[sa.MetaData] = []
    for value in vars(module).values():
        metadata = _metadata(value)
        if metadata is not None and not any(metadata is other for other in found):
            found.append(metadata)
    return [metadata for metadata in found if metadata.tables] or found[:1]


def _in_object(thing: Any, target: str) -> list[sa.MetaData]:
    if isinstance(thing, ModuleType):
        return _in_module(thing)
    metadata = _metadata(thing)
    if metadata is not None:
        return [metadata]
    if isinstance(thing, Iterable) and not isinstance(thing, str):
        return [found for item in thing for found in _in_object(item, target)]
    if callable(thing) and not isinstance(thing, type):
        return _in_object(_called(thing, target), target)
    raise ModelsError(
        f"models {target!r} is no MetaData, but of type {type(thing).__name__}",
        hint="name a MetaData, a declarative base, or a function that returns one",
    )


def _called(function: Any, target: str) -> Any:
    try:
        return function()
    except Exception as error:
        raise ModelsError(
            f"models {target!r} is a function that failed: {type(error).__name__}: {error}",
            hint="the function must work without arguments and without a running application",
        ) from error


def _metadata(thing: Any) -> sa.MetaData | None:
    if isinstance(thing, sa.MetaData):
        return thing
    metadata = (
        getattr(thing, "metadata", None) if not callable(thing) or isinstance(thing, type) else None
    )
    return metadata if isinstance(metadata, sa.MetaData) else None
