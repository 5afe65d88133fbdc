"""Find the MetaData that the configuration names: "package.module:Base"."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import sqlalchemy as sa

from autodiff.errors import ConfigError, ModelsError, exception_words
from autodiff.utils.imports import import_application_module

__all__ = ["find_metadata"]


def find_metadata(targets: str | Sequence[str], folders: Sequence[Path]) -> list[sa.MetaData]:
    """Return the MetaData of "package.module:object", or of several such targets.

    The object is a MetaData, a declarative base, SQLModel, a Flask-SQLAlchemy extension, a Flask
    application that has one, a list of these, or a function that returns one, such as an
    application factory. Without ":object" it is all of these in the module. `folders` are put in
    front of the import path.

    Raises ConfigError if a target names no module, and ModelsError if the module doesn't import or
    the object is none of these.
    """
    names = [targets] if isinstance(targets, str) else list(targets)
    found: list[sa.MetaData] = []
    for name in names:
        for metadata in _metadata_of(name, folders):
            if not any(metadata is other for other in found):
                found.append(metadata)
    return found


def _metadata_of(target: str, folders: Sequence[Path]) -> list[sa.MetaData]:
    module_name, _, path = target.partition(":")
    if not all(module_name.split(".")):
        raise ConfigError(
            f"models {target!r} does not begin with the name of a module",
            hint='write it like models = "app.models:Base"',
        )
    module = import_application_module(
        module_name,
        folders,
        subject=f"the models {target!r}",
        setting="models",
        error_class=ModelsError,
    )
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
        if not _has(thing, part):
            raise ModelsError(
                f"models {target!r}: {module_name} has no {path}",
                hint=_suggestion(module, module_name),
            )
        thing = getattr(thing, part)
    return _in_object(thing, target)


def _has(thing: Any, name: str) -> bool:
    try:
        return hasattr(thing, name)
    except Exception:  # a proxy that works only in a running application
        return False


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
    if _is_flask_application(thing):
        return [_flask_metadata(thing, target)]
    if isinstance(thing, Iterable) and not isinstance(thing, str):
        return [found for item in thing for found in _in_object(item, target)]
    if callable(thing) and not isinstance(thing, type):
        return _in_object(_called(thing, target), target)
    raise ModelsError(
        f"models {target!r} is not a MetaData: it has the type {type(thing).__name__}",
        hint="name a MetaData, a declarative base, a Flask application, or a function that "
        "returns one of these",
    )


def _is_flask_application(thing: Any) -> bool:
    """Return whether an object looks like a Flask application, without importing Flask."""
    kinds = (f"{kind.__module__}.{kind.__qualname__}" for kind in type(thing).__mro__)
    return "flask.app.Flask" in kinds


def _flask_metadata(application: Any, target: str) -> sa.MetaData:
    """Return the MetaData of the application's Flask-SQLAlchemy extension."""
    metadata = _metadata(application.extensions.get("sqlalchemy"))
    if metadata is None:
        raise ModelsError(
            f"models {target!r} is a Flask application without Flask-SQLAlchemy",
            hint="call db.init_app(app), or name the MetaData or the declarative base instead",
        )
    return metadata


def _called(function: Any, target: str) -> Any:
    try:
        return function()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit, and whatever derives from BaseException
        raise ModelsError(
            f"models {target!r} is a function that failed: {exception_words(error)}",
            hint="the function must work without arguments and without a running application",
        ) from error


def _metadata(thing: Any) -> sa.MetaData | None:
    try:
        if isinstance(thing, sa.MetaData):
            return thing
        if callable(thing) and not isinstance(thing, type):
            return None
        metadata = getattr(thing, "metadata", None)
    except Exception:  # a proxy that works only in a running application
        return None
    return metadata if isinstance(metadata, sa.MetaData) else None
