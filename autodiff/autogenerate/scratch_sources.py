"""A scratch in a database that the configuration names (`scratch_url`).

It must be empty, or hold what a killed run of autodiff left there: a table of ours tells. It is
emptied at the end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from autodiff.dialects import Dialect, dialect_of
from autodiff.errors import ConfigError, DatabaseError
from autodiff.utils.connect import masked, open_connection

if TYPE_CHECKING:
    from sqlalchemy.engine import URL, Connection


__all__ = ["MARK", "borrowed", "scratch_to_describe", "scratch_to_run"]

MARK = "autodiff_scratch"
"""The table that says that all else in the database is autodiff's."""


@contextmanager
def borrowed(url: URL, dialect: Dialect, live: Connection | None) -> Iterator[Connection]:
    """A connection to the database of `url`, which is empty and is emptied at the end.

    Raises ConfigError where it is the live database, one of another kind, or holds anything that
    autodiff did not put there; DatabaseError where it can't be reached or another run has it.
    """
    with open_connection(url) as connection:
        _refuse_other_kind(url, dialect, connection)
        if live is not None and dialect.identity(live) == dialect.identity(connection):
            raise ConfigError(
                f"scratch_url is the live database itself: {masked(url)}",
                hint="name another database, which holds nothing: it is emptied after use",
            )
        if not dialect.claim(connection):
            raise DatabaseError(
                f"another run of autodiff uses the scratch database {masked(url)}",
                hint="try again when it is done, or give each its own scratch_url",
            )
        _take(url, dialect, connection)
        try:
            dialect.furnish(live, connection)
            yield connection
        finally:
            connection.rollback()
            dialect.clear(connection)


def _refuse_other_kind(url: URL, dialect: Dialect, connection: Connection) -> None:
    kind = dialect_of(connection).kind
    if kind.split()[0] != dialect.kind.split()[0]:
        raise ConfigError(
            f"scratch_url is a database of another kind ({kind}): {masked(url)}",
            hint=f"name one of {dialect.kind}",
        )


def _take(url: URL, dialect: Dialect, connection: Connection) -> None:
    found = dialect.contents(connection)
    if f"table {MARK}" in found:
        dialect.clear(connection)
    elif found:
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        raise ConfigError(
            f"scratch_url names a database that is not empty: {masked(url)} has "
            f"{found[0]}{more}, which autodiff did not put there",
            hint="name an empty database: it is emptied after use",
        )
    connection.exec_driver_sql(f"CREATE TABLE {MARK} (id integer)")
    connection.commit()


@contextmanager
def scratch_to_describe(
    dialect: Dialect, connection: Connection | None, *, namespaces: Sequence[str] = (), create: bool
) -> Iterator[Connection | None]:
    """As `scratch`, with all places to look for one: what the live server has without a
    database being created, `scratch_url`, and last, with `create`, a new database."""
    with ExitStack() as stack:
        found: Connection | None = None
        if connection is not None or dialect.features.scratch_in_memory:
            held = dialect.scratch(connection, namespaces=namespaces, create=False)
            found = stack.enter_context(held)
        if found is None and dialect.scratch_url is not None:
            found = stack.enter_context(borrowed(dialect.scratch_url, dialect, connection))
            inner = dialect.scratch(found, namespaces=namespaces, create=False)
            found = stack.enter_context(inner) or found
        if found is None and create and connection is not None:
            held = dialect.scratch(connection, namespaces=namespaces, create=True)
            found = stack.enter_context(held)
        yield found


@contextmanager
def scratch_to_run(
    dialect: Dialect, connection: Connection | None, *, namespaces: Sequence[str] = ()
) -> Iterator[Connection | None]:
    """As `scratch_database`, with `scratch_url` as the first place to look for one."""
    with ExitStack() as stack:
        found: Connection | None = None
        if dialect.scratch_url is not None and not dialect.reaches_beyond(namespaces):
            found = stack.enter_context(borrowed(dialect.scratch_url, dialect, connection))
        elif connection is not None or dialect.features.scratch_in_memory:
            held = dialect.scratch_database(connection, namespaces=namespaces)
            found = stack.enter_context(held)
        yield found
