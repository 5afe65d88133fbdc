"""Options that were not given cost nothing: typer would load pydantic to check their defaults."""

from __future__ import annotations

from functools import cache
from typing import Any

from typer.core import TyperArgument, TyperOption

__all__ = ["trusting_defaults"]


@cache
def trusting_defaults(parameter: Any) -> Any:
    """The same option or argument, which takes its default as it is; always the same object.

    Loading pydantic takes longer than all else before a command runs. typer makes the parameters
    itself and can't be told of which class, so it is a copy.
    """
    cls = _KINDS.get(type(parameter))
    if cls is None:
        return parameter
    found = cls.__new__(cls)
    vars(found).update(vars(parameter))
    return found


class _Trusting:
    default: Any
    required: bool
    callback: Any

    def process_value(self, ctx: Any, value: Any) -> Any:
        if self.required or value != self.default:
            return super().process_value(ctx, value)  # type: ignore[misc]
        return self.callback(ctx, self, value) if self.callback else value


class _Option(_Trusting, TyperOption):
    pass


class _Argument(_Trusting, TyperArgument):
    pass


_KINDS: dict[type, Any] = {TyperOption: _Option, TyperArgument: _Argument}
