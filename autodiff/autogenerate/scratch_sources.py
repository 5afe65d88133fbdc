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
from autodiff.utils.connections import mask_passwords, open_connection

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
        if live is not None and dialect.scratch.identity(live) == dialect.scratch.identity(
            connection
        ):
            raise ConfigError(
                f"scratch_url is the live database itself: {mask_passwords(url)}",
                hint="name another database, which holds nothing: it is emptied after use",
            )
        if not dialect.scratch.claim(connection):
            raise DatabaseError(
                f"another run of autodiff uses the scratch database {mask_passwords(url)}",
                hint="try again when it is done, or give each its own scratch_url",
            )
        _take(url, dialect, connection)
        try:
            dialect.scratch.copy_prerequisites(live, connection)
            yield connection
        finally:
            connection.rollback()
            dialect.scratch.clear(connection)


def _refuse_other_kind(url: URL, dialect: Dialect, connection: Connection) -> None:
    found = dialect_of(connection)
    if found.backend != dialect.backend:
        raise ConfigError(
            f"scratch_url is a database of another kind ({found}): {mask_passwords(url)}",
            hint=f"name one of {dialect}",
        )


def _take(url: URL, dialect: Dialect, connection: Connection) -> None:
    found = dialect.scratch.contents(connection)
    if f"table {MARK}" in found:
        dialect.scratch.clear(connection)
    elif found:
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        raise ConfigError(
            f"scratch_url names a database that is not empty: {mask_passwords(url)} has "
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
            held = dialect.scratch.open(connection, namespaces=namespaces, create=False)
            found = stack.enter_context(held)
        if found is None and dialect.scratch.url is not None:
            found = stack.enter_context(borrowed(dialect.scratch.url, dialect, connection))
            inner = dialect.scratch.open(found, namespaces=namespaces, create=False)
            found = stack.enter_context(inner) or found
        if found is None and create and connection is not None:
            held = dialect.scratch.open(connection, namespaces=namespaces, create=True)
            found = stack.enter_context(held)
        yield found


@contextmanager
def scratch_to_run(
    dialect: Dialect, connection: Connection | None, *, namespaces: Sequence[str] = ()
) -> Iterator[Connection | None]:
    """Open a scratch to run migrations on: `scratch_url` if set, else a new database."""
    with ExitStack() as stack:
        found: Connection | None = None
        if dialect.scratch.url is not None and not dialect.scratch.reaches_other_databases(
            namespaces
        ):
            found = stack.enter_context(borrowed(dialect.scratch.url, dialect, connection))
        elif connection is not None or dialect.features.scratch_in_memory:
            held = dialect.scratch.open_database(connection, namespaces=namespaces)
            found = stack.enter_context(held)
        yield found
