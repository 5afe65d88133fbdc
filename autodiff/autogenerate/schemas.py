"""Read both sides of a comparison: the schema of the models and that of the database."""

from __future__ import annotations

import contextvars
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from autodiff.dialects import Dialect, Scope
from autodiff.dialects.scope import EVERYTHING, Selection
from autodiff.models import declare
from autodiff.schema.objects import Schema
from autodiff.utils.sharing import pause_garbage_collection

if TYPE_CHECKING:
    import sqlalchemy as sa

__all__ = ["read_schemas", "run_at_once", "scope_for"]

_T = TypeVar("_T")
_S = TypeVar("_S")


def scope_for(desired: Schema, selection: Selection = EVERYTHING) -> Scope:
    """Return what to reflect to compare with the desired schema.

    Tables in which autodiff and Alembic record migrations are excluded in every schema.
    """
    scope = replace(_scope(desired.namespaces, selection), declared=desired)
    if selection.include_object is None:
        return scope
    return replace(scope, managed=partial(selection.reflected, desired=desired))


def _scope(namespaces: Iterable[str], selection: Selection) -> Scope:
    found, records = tuple(sorted(namespaces)), selection.own_tables
    own = [f"{namespace}.{table}" for namespace in found for table in records]
    return Scope(
        namespaces=found,
        exclude=(*records, *own, *selection.exclude),
        include=selection.include,
        others=False,
    )


class _ShortSwitchInterval:
    """A context manager that makes Python threads switch more often while it is entered.

    By default a thread that waits for the interpreter lock waits up to 5 ms each time
    (https://docs.python.org/3/library/sys.html#sys.setswitchinterval). Here one thread sends
    queries and another reads the models: after each answer the first one would wait, and the server
    be idle. The interval is a setting of the process, so it is counted how many threads are inside.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._default = 0.0
        self._inside = 0
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._default = sys.getswitchinterval()
                sys.setswitchinterval(min(self._seconds, self._default))
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                sys.setswitchinterval(self._default)


_SHORT_SWITCH_INTERVAL = _ShortSwitchInterval(0.0005)
"""Seconds: a tenth of the default, and short compared with a round trip to a server."""


@pause_garbage_collection()
def read_schemas(
    connection: sa.Connection,
    dialect: Dialect,
    metadata: Sequence[sa.MetaData],
    selection: Selection = EVERYTHING,
) -> tuple[Schema, Schema]:
    """Return the schema of the database and that of the models.

    selection: the objects to leave out.

    A second thread reads the models while the server prepares its answers. The connection is used
    only by the calling thread.

    Raises ModelsError for models that cannot be converted.
    """
    if dialect.features.scratch_in_memory:  # no server, so nothing to wait for
        desired = declare(metadata, dialect, selection)
        return dialect.catalog.reflect(connection, scope_for(desired, selection)), desired
    return _read_in_parallel(connection, dialect, metadata, selection)


def _read_in_parallel(
    connection: sa.Connection,
    dialect: Dialect,
    metadata: Sequence[sa.MetaData],
    selection: Selection,
) -> tuple[Schema, Schema]:
    """Read both schemas at the same time.

    The namespaces to reflect are taken from the schemas of the tables. That is rarely too few: only
    if an enum type is in a schema without tables, the database is reflected again.
    """
    likely = _scope(_schemas_of(metadata, dialect, selection), selection)
    current, desired = run_at_once(
        partial(dialect.catalog.reflect, connection, likely),
        partial(declare, metadata, dialect, selection),
    )
    scope = scope_for(desired, selection)
    if scope == likely:
        current = dialect.catalog.with_extension_objects(connection, current, desired)
        return selection.reflected(current, desired), desired
    return dialect.catalog.reflect(connection, scope), desired


def run_at_once(query: Callable[[], _T], work: Callable[[], _S]) -> tuple[_T, _S]:
    """Run a function that waits for a server while another one works, and return both results.

    The second one runs in another thread.
    """
    from concurrent.futures import ThreadPoolExecutor

    context = contextvars.copy_context()
    with _SHORT_SWITCH_INTERVAL, ThreadPoolExecutor(1) as executor:
        future = executor.submit(context.run, work)
        answer = query()
        return answer, future.result()


def _schemas_of(
    metadata: Iterable[sa.MetaData], dialect: Dialect, selection: Selection
) -> set[str]:
    """Return the schemas of the tables, without the default one."""
    from autodiff.models.tables import name_of

    tables = (table for item in metadata for table in item.tables.values() if table.schema)
    names = (name_of(table, dialect) for table in tables)
    return {name.schema for name in names if name.schema and not selection.leaves_out(name)}
