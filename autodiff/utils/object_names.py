"""Names of the objects that exist only while a change is under way.

There are two kinds. `_autodiff_NAME` exists within one operation or migration: nothing has it
before and afterwards. `autodiff_NAME_PURPOSE` can exist between two migrations of an online change,
such as the column `autodiff_stars_new`. The purpose keeps it apart from the tables of autodiff,
such as `autodiff_history`. A name that is too long for the database ends with a hash, so that it
stays unique. So does that of an object which belongs to several others, if one of their names has a
`_`.
"""

from __future__ import annotations

import hashlib

__all__ = ["name_between", "name_of_several", "temporary_name"]

_SMALLEST_LIMIT = 63
"""The longest name in bytes on PostgreSQL; the other databases allow longer ones."""
_PREFIX = "autodiff_"


def name_between(name: str) -> str:
    """Return the name of an object between two steps of a migration: `_autodiff_NAME`."""
    return _within(f"_{_PREFIX}{name.removeprefix(f'_{_PREFIX}')}", _SMALLEST_LIMIT)


def temporary_name(name: str, *purpose: str, limit: int) -> str:
    """Return the name of an object that can stay until a later migration."""
    return _within(_PREFIX + "_".join((name.removeprefix(_PREFIX), *purpose)), limit)


def name_of_several(*names: str, limit: int) -> str:
    """Return the name of an object that belongs to several others, such as a table and a column.

    It can stay until a later migration. A hash keeps the column `b_c` of a table `a` apart from the
    column `c` of a table `a_b`.
    """
    name = _PREFIX + "_".join(names)
    if not any("_" in part for part in names):
        return _within(name, limit)
    return _with_digest(name, "\0".join(names), limit)


def _within(name: str, limit: int) -> str:
    return name if len(name.encode()) <= limit else _with_digest(name, name, limit)


def _with_digest(name: str, text: str, limit: int) -> str:
    """Return a name that ends with the hash of a text, cut to the limit in bytes."""
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return f"{name.encode()[: limit - 9].decode(errors='ignore')}_{digest}"
