"""Skip the validation of options that were not given: for it, typer would import pydantic."""

from __future__ import annotations

from functools import cache
from typing import Any

from typer.core import TyperArgument, TyperOption

__all__ = ["without_default_validation"]


@cache
def without_default_validation(parameter: Any) -> Any:
    """Return a copy of an option or argument that accepts its default without validation.

    Validation imports pydantic, which takes longer than everything else before a command runs.
    typer creates the parameters itself and accepts no other class for them, so they are copied.
    The result is cached, because click looks parameters up by identity.
    """
    cls = _SUBCLASSES.get(type(parameter))
    if cls is None:
        return parameter
    copy = cls.__new__(cls)
    vars(copy).update(vars(parameter))
    return copy


class _TrustsDefault:
    default: Any
    required: bool
    callback: Any

    def process_value(self, ctx: Any, value: Any) -> Any:
        if ctx.resilient_parsing:  # shell completion
            return value
        if self.required or value != self.default:
            return super().process_value(ctx, value)  # type: ignore[misc]
        return self.callback(ctx, self, value) if self.callback else value


class _Option(_TrustsDefault, TyperOption):
    pass


class _Argument(_TrustsDefault, TyperArgument):
    pass


_SUBCLASSES: dict[type, Any] = {TyperOption: _Option, TyperArgument: _Argument}
