"""Names of the objects that exist only while a change is under way.

There are two kinds. `_autodiff_NAME` exists within one operation or migration: nothing has it
before and afterwards. `autodiff_NAME_PURPOSE` can exist between two migrations of an online change,
such as the column `autodiff_stars_new`. The purpose keeps it apart from the tables of autodiff,
such as `autodiff_history`. A name that is too long for the database ends with a hash, so that it
stays unique.
"""

from __future__ import annotations

import hashlib

__all__ = ["name_between", "temporary_name"]

_SMALLEST_LIMIT = 63
"""The longest name in bytes on PostgreSQL; the other databases allow longer ones."""
_PREFIX = "autodiff_"


def name_between(name: str) -> str:
    """Return the name of an object between two steps of a migration: `_autodiff_NAME`."""
    return _within(f"_{_PREFIX}{name.removeprefix(f'_{_PREFIX}')}", _SMALLEST_LIMIT)


def temporary_name(name: str, *purpose: str, limit: int) -> str:
    """Return the name of an object that can stay until a later migration."""
    return _within(_PREFIX + "_".join((name.removeprefix(_PREFIX), *purpose)), limit)


def _within(name: str, limit: int) -> str:
    if len(name.encode()) <= limit:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name.encode()[: limit - 9].decode(errors='ignore')}_{digest}"
