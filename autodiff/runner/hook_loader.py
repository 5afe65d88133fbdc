"""Load the hooks that the configuration names: "package.module:function"."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from autodiff.errors import ConfigError
from autodiff.runner.hooks import Hooks
from autodiff.utils.imports import import_application_module

__all__ = ["load_hooks"]


def load_hooks(named: Mapping[str, str], folders: Sequence[Path]) -> Hooks:
    """Return the functions by when they are called; `folders` are put on the import path.

    Raises ConfigError if one can't be imported or is not a function.
    """
    return Hooks(**{name: _function(name, target, folders) for name, target in named.items()})


def _function(name: str, target: str, folders: Sequence[Path]) -> Callable[..., object]:
    module_name, _, path = target.partition(":")
    found: Any = import_application_module(
        module_name,
        folders,
        subject=f"the hook {name}, {target!r}",
        setting=f"hooks.{name}",
        error_class=ConfigError,
    )
    for part in path.split("."):
        found = getattr(found, part, None)
    if not callable(found):
        raise ConfigError(
            f"the hook {name}, {target!r}: {module_name} has no function {path}",
            hint="it takes one argument: def announce(run): ...",
        )
    function: Callable[..., object] = found
    return function
