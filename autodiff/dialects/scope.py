"""Which part of a database is reflected."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from autodiff.schema.objects import Name

__all__ = ["OWN_TABLES", "Scope", "is_excluded"]

OWN_TABLES = ("autodiff_history", "autodiff_journal", "autodiff_scratch", "alembic_version")
"""The tables in which autodiff and Alembic record migrations; they are never compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The part of a database to reflect: the default schema and the schemas in `namespaces`.

    `exclude` has shell patterns over table names (`spatial_*`, `audit.*`) of tables to leave out.
    `only` limits the tables to those names; None means all tables.
    """

    namespaces: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    only: tuple[Name, ...] | None = None


def is_excluded(name: Name, patterns: Iterable[str]) -> bool:
    """Return whether a name matches one of the shell patterns (`spatial_*`, `audit.*`)."""
    return _compile(tuple(patterns)).match(str(name)) is not None


@lru_cache(64)
def _compile(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(map(fnmatch.translate, patterns)) or r"(?!)")
