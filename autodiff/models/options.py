"""Read the dialect options of tables, columns, constraints and indexes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autodiff.dialects.base import Dialect

__all__ = ["dialect_options", "has_options"]


def has_options(thing: Any) -> bool:
    """Return whether an object has options that somebody set.

    SQLAlchemy creates their mapping on first access, which is slow for many objects. Creating a
    table reads the options of its columns, so that they have a mapping with nothing in it.
    """
    options = vars(thing).get("dialect_options")
    if options is None:
        return False
    # As `len(thing.dialect_kwargs)` without its views, because this runs for each column:
    return any([item._non_defaults for item in options.values()])  # noqa: C419 (faster)


def dialect_options(thing: Any, dialect: Dialect) -> dict[str, Any]:
    """Return the options of the dialect that were set, without the prefix of its name.

    SQLAlchemy calls MariaDB `mariadb` if the URL does. Options of that name come before those of
    MySQL, which migrations for both have.
    """
    if not has_options(thing):
        return {}
    return {
        key.removeprefix(prefix): value
        for prefix in dict.fromkeys((f"{dialect.name}_", f"{dialect.sqlalchemy.name}_"))
        for key, value in thing.dialect_kwargs.items()
        if key.startswith(prefix)
    }
