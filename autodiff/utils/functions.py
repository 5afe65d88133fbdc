"""Load and call functions of the application that the configuration names."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from autodiff.errors import AutodiffError, ConfigError, HookFailedError, exception_words
from autodiff.utils.imports import import_application_module, place_of_error

__all__ = ["call_function", "load_function", "place_of"]


def load_function(
    name: str, target: str, folders: Sequence[Path], *, setting: str, usage: str
) -> Callable[..., Any]:
    """Return the function "package.module:function"; `folders` are put on the import path.

    Args:
        name: The name of the hook, for messages.
        target: The module and the function.
        folders: Folders to import the module from.
        setting: The setting that names the function.
        usage: The description of the function in the hint.

    Raises ConfigError if it cannot be imported or is not a function.
    """
    module_name, _, path = target.partition(":")
    found: Any = import_application_module(
        module_name,
        folders,
        subject=f"the hook {name}, {target!r}",
        setting=setting,
        error_class=ConfigError,
    )
    for part in path.split("."):
        found = getattr(found, part, None)
    if not callable(found):
        raise ConfigError(
            f"the hook {name}, {target!r}: {module_name} has no function {path}", hint=usage
        )
    function: Callable[..., Any] = found
    return function


def call_function(
    name: str, function: Callable[..., Any], folders: Sequence[Path], *arguments: Any
) -> Any:
    """Call a function of the application and return its result.

    Raises HookFailedError, with the file and the line, for any exception that it raises.
    """
    try:
        return function(*arguments)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit too: a function must not end a command
        place = place_of_error(error, folders).removesuffix(": ") or place_of(function, folders)
        reason = exception_words(error)
        hint: str | None = "fix the function and run the command again"
        if isinstance(error, AutodiffError):
            reason, hint = error.message, error.hint
        raise HookFailedError(name, place, reason, hint=hint) from error


def place_of(function: Callable[..., Any], folders: Sequence[Path]) -> str:
    """Return the file and the line of a function, or its name if Python does not know them."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    if code is None:
        return repr(function)
    path = Path(code.co_filename)
    inside = next((folder for folder in folders if path.is_relative_to(folder)), None)
    shown = path.relative_to(inside).as_posix() if inside is not None else str(path)
    return f"{shown}:{code.co_firstlineno}"
