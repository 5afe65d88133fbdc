"""Let modules of an application that import Alembic call the functions of autodiff instead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from autodiff import op
from autodiff.op.alembic import context

__all__ = ["standing_in_for_alembic"]

_REPLACED: Mapping[str, Mapping[str, Any]] = {
    "alembic.op": {"_proxy": op},
    "alembic.context": {"_proxy": context, "config": context.config},
}
"""The variables that Alembic sets in its modules while it runs a revision."""


@contextmanager
def standing_in_for_alembic() -> Iterator[None]:
    """Let the functions of `alembic.op` and `alembic.context` call those of autodiff.

    Nothing happens if Alembic is not installed.
    """
    try:
        modules = {name: vars(import_module(name)) for name in _REPLACED}
    except ModuleNotFoundError:
        yield
        return
    before = {
        name: {key: variables[key] for key in _REPLACED[name] if key in variables}
        for name, variables in modules.items()
    }
    for name, variables in modules.items():
        variables.update(_REPLACED[name])
    try:
        yield
    finally:
        for name, variables in modules.items():
            for key in _REPLACED[name]:
                variables.pop(key, None)
            variables.update(before[name])
