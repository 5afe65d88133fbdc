"""The options of dialects that models give their tables, columns, constraints and indexes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autodiff.dialects.base import Dialect

__all__ = ["dialect_options", "has_options"]


def has_options(thing: Any) -> bool:
    """Whether a thing may have options; where nobody gave or asked for any, it has none.

    SQLAlchemy makes their mapping when it is first asked for, which is dear over many things.
    """
    return "dialect_options" in vars(thing)


def dialect_options(thing: Any, dialect: Dialect) -> dict[str, Any]:
    """The options of the dialect that were set, without its name in front."""
    if not has_options(thing):
        return {}
    prefix = f"{dialect.sqlalchemy.name}_"
    return {
        key.removeprefix(prefix): value
        for key, value in thing.dialect_kwargs.items()
        if key.startswith(prefix)
    }
