"""The two sides of a comparison: what the models say, and what the database has."""

from __future__ import annotations

import contextvars
import sys
import threading
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from autodiff.dialects import Dialect, Scope
from autodiff.dialects.scope import is_excluded
from autodiff.models import declare
from autodiff.schema.objects import Schema
from autodiff.utils.sharing import collected_later

if TYPE_CHECKING:
    import sqlalchemy as sa

__all__ = ["OWN_TABLES", "both_sides", "scope_for"]

OWN_TABLES = ("autodiff_history", "autodiff_journal", "autodiff_scratch", "alembic_version")
"""Tables that are nobody's models: autodiff's own, and Alembic's."""


def scope_for(desired: Schema, exclude: Sequence[str] = ()) -> Scope:
    """What to reflect to compare with the desired schema; our own tables may be in any schema."""
    return _scope(desired.namespaces, exclude)


def _scope(namespaces: Iterable[str], exclude: Sequence[str]) -> Scope:
    found = tuple(sorted(namespaces))
    own = [f"{namespace}.{table}" for namespace in found for table in OWN_TABLES]
    return Scope(namespaces=found, exclude=(*OWN_TABLES, *own, *exclude))


class _ShortTurns:
    """Python's threads change over sooner while somebody is inside, one thread or several.

    Else one that got its answer waits for 5 ms each time, while the server has nothing to do.
    https://docs.python.org/3/library/sys.html#sys.setswitchinterval
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._usual = 0.0
        self._inside = 0
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._usual = sys.getswitchinterval()
                sys.setswitchinterval(min(self._seconds, self._usual))
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                sys.setswitchinterval(self._usual)


_SHORT_TURNS = _ShortTurns(0.0005)


@collected_later()
def both_sides(
    connection: sa.Connection,
    dialect: Dialect,
    metadata: Sequence[sa.MetaData],
    exclude: Sequence[str] = (),
) -> tuple[Schema, Schema]:
    """The database's schema and the models', without what matches a pattern of `exclude`.

    The models are read while a server makes up its answers, by another thread; the connection
    stays in this one.

    Raises ModelsError for models that can't be carried over.
    """
    if dialect.features.scratch_in_memory:  # no server, and nothing to wait for
        desired = declare(metadata, dialect, exclude=exclude)
        return dialect.catalog.reflect(connection, scope_for(desired, exclude)), desired
    return _at_once(connection, dialect, metadata, exclude)


def _at_once(
    connection: sa.Connection,
    dialect: Dialect,
    metadata: Sequence[sa.MetaData],
    exclude: Sequence[str],
) -> tuple[Schema, Schema]:
    """Where to look is told by the tables' schemas, which is rarely too little: what uses a type
    in a schema of its own is reflected once more."""
    from concurrent.futures import ThreadPoolExecutor

    likely = _scope(_schemas_of(metadata, dialect, exclude), exclude)
    context = contextvars.copy_context()
    with _SHORT_TURNS, ThreadPoolExecutor(1) as other:
        declared = other.submit(context.run, declare, metadata, dialect, exclude=exclude)
        current = dialect.catalog.reflect(connection, likely)
        desired = declared.result()
    scope = scope_for(desired, exclude)
    return current if scope == likely else dialect.catalog.reflect(connection, scope), desired


def _schemas_of(
    metadata: Iterable[sa.MetaData], dialect: Dialect, exclude: Sequence[str]
) -> set[str]:
    """The schemas of the tables, the default one left out."""
    from autodiff.models.tables import name_of

    apart = (table for item in metadata for table in item.tables.values() if table.schema)
    names = (name_of(table, dialect) for table in apart)
    return {name.schema for name in names if name.schema and not is_excluded(name, exclude)}
