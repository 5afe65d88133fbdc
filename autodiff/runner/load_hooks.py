"""The hooks that the configuration names: "package.module:function"."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from autodiff.errors import ConfigError
from autodiff.runner.hooks import Hooks

__all__ = ["load_hooks"]


def load_hooks(named: Mapping[str, str], root: Path) -> Hooks:
    """The functions by when they are called; `root` is put on the import path.

    Raises ConfigError where one can't be imported, or is no function.
    """
    return Hooks(**{name: _function(name, target, root) for name, target in named.items()})


def _function(name: str, target: str, root: Path) -> Callable[..., object]:
    module_name, _, path = target.partition(":")
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    try:
        found: Any = import_module(module_name)
    except (Exception, SystemExit) as error:
        raise ConfigError(
            f"cannot import the hook {name}, {target!r}: {type(error).__name__}: {error}",
            hint=f"is {module_name!r} the right module, seen from {root}?",
        ) from error
    for part in path.split("."):
        found = getattr(found, part, None)
    if not callable(found):
        raise ConfigError(
            f"the hook {name}, {target!r}: {module_name} has no function {path}",
            hint="it takes one argument: def announce(run): ...",
        )
    function: Callable[..., object] = found
    return function
