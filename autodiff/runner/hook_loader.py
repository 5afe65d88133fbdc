"""Load the hooks that the configuration names: "package.module:function"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from autodiff.runner.hooks import Hooks
from autodiff.utils.functions import load_function

__all__ = ["load_hooks"]


def load_hooks(named: Mapping[str, str], folders: Sequence[Path]) -> Hooks:
    """Return the functions by when they are called; `folders` are put on the import path.

    Raises ConfigError if one can't be imported or is not a function.
    """
    usage = "it takes one argument: def announce(run): ..."
    return Hooks(
        **{
            name: load_function(name, target, folders, setting=f"hooks.{name}", usage=usage)
            for name, target in named.items()
        }
    )
